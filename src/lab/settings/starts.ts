/**
 * Where an architecture does best at the start of training, as `npm run recipes` found it (docs/recipes.md): what `auto` stands for in the settings of an
 * arm. What a person types wins.
 */
import FOUND from './starts.json';

/** Stands for the value that was found. */
export const AUTO = 'auto';

/** By the keys of the settings that have `auto`. */
export interface FoundStart {
  encLength: number;
  lr: number;
}

/** Of what was not run: rows as long as the decoder's, and the lr of the demo's reference. */
const UNMEASURED: FoundStart = { encLength: 1, lr: 1e-3 };

const TABLE: Readonly<Record<string, Readonly<Record<string, FoundStart>>>> = FOUND;

/** The best lr falls as runs get longer: what was found says nothing of runs of more than so many times the most steps that were tried. */
const REACH = 4;

/** The start found for the number of steps that is nearest by its ratio. @param table by steps, then architecture. */
export const startOf = (arch: string, steps: number, table = TABLE): FoundStart => measuredStart(arch, steps, table) ?? UNMEASURED;

function measuredStart(arch: string, steps: number, table = TABLE): FoundStart | undefined {
  const off = (budget: string) => Math.abs(Math.log(Number(budget) / steps));
  const [nearest] = Object.entries(table)
    .filter(([budget, starts]) => starts[arch] !== undefined && steps <= REACH * Number(budget))
    .sort(([a], [b]) => off(a) - off(b));
  return nearest?.[1][arch];
}

/** Whether `auto` stands for something that was found, and not for what stands in its place. */
export const isFound = (arch: string, steps: number, table = TABLE): boolean => measuredStart(arch, steps, table) !== undefined;

/** Values of a setting, with what was found in the place of `auto`. */
export const found = (arch: string, steps: number, key: string, values: readonly (number | string)[]): (number | string)[] => [
  ...new Set(values.map((value) => (value === AUTO ? startOf(arch, steps)[key as keyof FoundStart] : value))),
];

/** A text with what was found beside `auto`, to be read: `auto (0.003)`. */
export const foundWords = (arch: string, steps: number, key: string, text: string): string =>
  text.replaceAll(AUTO, (word) => {
    const value = startOf(arch, steps)[key as keyof FoundStart];
    return `${word} (${value}${isFound(arch, steps) ? '' : ', not tried'})`;
  });
