/** An architecture's options as the kernels see them. */
import type { Architecture } from './types';

/** By key of the table: a number, or one of the choices. */
export type OptionValues = Readonly<Record<string, number | string>>;

/**
 * Four numbers in the table's order, as `Run.options` holds them: a number as it is, a choice by its place, 0 where the architecture has no more.
 * @throws Error naming what the architecture does not know, or what the option cannot be.
 */
export function optionValues({ id, options }: Pick<Architecture, 'id' | 'options'>, given: OptionValues = {}): number[] {
  for (const key of Object.keys(given)) {
    if (!options.some((option) => option.key === key)) {
      throw new Error(
        `${id} has no option "${key}"${options.length > 0 ? `; it has ${options.map((option) => option.key).join(', ')}` : ''}`,
      );
    }
  }
  const values = options.map((option) => {
    const value = given[option.key] ?? option.default;
    const number = option.kind === 'choice' ? option.choices.indexOf(String(value)) : Number(value);
    const [least, most] = option.kind === 'choice' ? [0, option.choices.length - 1] : [option.min, option.max];
    if (!(number >= least && number <= most)) {
      const may = option.kind === 'choice' ? `one of ${option.choices.join(', ')}` : `a number from ${least} to ${most}`;
      throw new Error(`${id}: ${option.key} must be ${may}, not ${value}`);
    }
    return number;
  });
  return [...values, 0, 0, 0, 0].slice(0, 4);
}

/** Options that differ from their defaults, as `key=value`; for names of runs. */
export const optionWords = ({ options }: Pick<Architecture, 'options'>, values: OptionValues = {}): string[] =>
  options.flatMap(({ key, default: standard }) => {
    const value = values[key];
    return value === undefined || value === standard ? [] : [`${key}=${value}`];
  });
