/** An architecture's options and what follows from them. */
import type { Architecture, OptionValues, Traits } from './types';

/** Options that reach the kernels. */
const KERNEL_OPTIONS = 8;

const numberOf = (id: string, option: Architecture['options'][number], value: number | string): number => {
  if (option.kind === 'text') return 0;
  const number = option.kind === 'choice' ? option.choices.indexOf(String(value)) : Number(value);
  const [least, most] = option.kind === 'choice' ? [0, option.choices.length - 1] : [option.min, option.max];
  if (!(number >= least && number <= most)) {
    const may = option.kind === 'choice' ? `one of ${option.choices.join(', ')}` : `a number from ${least} to ${most}`;
    throw new Error(`${id}: ${option.key} must be ${may}, not ${value}`);
  }
  return number;
};

/** All options: those given, the table's defaults for the others. @throws Error naming what the architecture does not know, or what an option cannot be. */
export function allOptions(
  { id, options }: Pick<Architecture, 'id' | 'options'>,
  given: OptionValues = {},
): Record<string, number | string> {
  for (const key of Object.keys(given)) {
    if (!options.some((option) => option.key === key)) {
      throw new Error(
        `${id} has no option "${key}"${options.length > 0 ? `; it has ${options.map((option) => option.key).join(', ')}` : ''}`,
      );
    }
  }
  return Object.fromEntries(
    options.map((option) => {
      const value = given[option.key] ?? option.default;
      numberOf(id, option, value);
      return [option.key, value];
    }),
  );
}

/**
 * Eight numbers in the table's order, as `Run.options` and `Run.more` hold them: a number as it is, a choice by its place, 0 where the architecture has no
 * more. @throws Error as `allOptions`.
 */
export function optionValues(entry: Pick<Architecture, 'id' | 'options'>, given: OptionValues = {}): number[] {
  const all = allOptions(entry, given);
  const values = entry.options.filter(({ host }) => !host).map((option) => numberOf(entry.id, option, all[option.key] as number | string));
  return [...values, ...new Array<number>(KERNEL_OPTIONS).fill(0)].slice(0, KERNEL_OPTIONS);
}

/** Whether the kernels see no more options than they have room for. */
export const fitsKernels = ({ options }: Pick<Architecture, 'options'>): boolean =>
  options.filter(({ host }) => !host).length <= KERNEL_OPTIONS;

/** What an architecture does with these options. @throws Error as `allOptions`. */
export const traitsOf = (entry: Architecture, given: OptionValues = {}): Traits => entry.traits(allOptions(entry, given));

/** Values of the vectors at the start, by name. @throws Error as `allOptions`. */
export const vectorStarts = (entry: Architecture, given: OptionValues = {}): Record<string, number> => {
  const all = allOptions(entry, given);
  return Object.fromEntries(entry.vectors.map(({ name, start }) => [name, typeof start === 'number' ? start : start(all)]));
};

/** Options that differ from their defaults, as `key=value`; for names of runs. */
export const optionWords = ({ options }: Pick<Architecture, 'options'>, values: OptionValues = {}): string[] =>
  options.flatMap(({ key, default: standard }) => {
    const value = values[key];
    return value === undefined || value === standard ? [] : [`${key}=${value}`];
  });
