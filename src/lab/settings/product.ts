/**
 * From an arm to its runs: the product of its lists, less the runs that were struck out. A struck-out run is named by the values that tell it from
 * the arm's others, `lambda:0.4/seeds:2`; what is not named holds for all values.
 */
import type { ArmFacts } from '../../metrics/arms';
import { type Arm, armFields } from './arms';
import { found } from './starts';
import type { SharedSettings } from './table';
import { isList, textOf, type Value } from './values';

/** A list of an arm, of which each of its runs has one value. */
export interface Axis {
  /** Field of `Arm`. */
  key: string;
  /** In texts. */
  word: string;
  label: string;
  values: readonly (number | string)[];
}

/** What one run takes of each list, by the axis' word. */
export type Combination = Readonly<Record<string, number | string>>;

/** Widths, values of the knob, and the settings that may have several values, the arm's own or the sweep's. */
export function axes(shared: SharedSettings, arm: Arm): Axis[] {
  const all = { ...shared, ...arm } as unknown as Record<string, unknown>;
  return armFields(arm.arch).flatMap(({ place, key, word, label, spec }) =>
    // Where a configuration of earlier days has one value, that is a list of one.
    place === 'option' || !isList(spec)
      ? []
      : [{ key, word, label, values: found(arm.arch, shared.steps, key, [all[key]].flat() as number[]) }],
  );
}

/** All runs of an arm, struck out or not: the last axis turns fastest. */
export const product = (of: readonly Axis[]): Combination[] =>
  of.reduce<Combination[]>((before, { word, values }) => before.flatMap((one) => values.map((value) => ({ ...one, [word]: value }))), [{}]);

const conditions = (entry: string): [word: string, value: string][] =>
  entry.split('/').map((part) => {
    const at = part.indexOf(':');
    return [part.slice(0, at), part.slice(at + 1)];
  });

/** Whether an entry of `without`, as `parseArm` writes it, names this run. */
const names = (entry: string, one: Combination): boolean => conditions(entry).every(([word, value]) => String(one[word]) === value);

export const isStruck = (one: Combination, { without = [] }: Pick<Arm, 'without'>): boolean => without.some((entry) => names(entry, one));

/** The runs that an arm comes to. */
export const combinations = (shared: SharedSettings, arm: Arm): Combination[] =>
  product(axes(shared, arm)).filter((one) => !isStruck(one, arm));

/** Entries of `without` that name no run of the arm. */
export function idleStrikes(shared: SharedSettings, arm: Arm): string[] {
  const all = product(axes(shared, arm));
  return (arm.without ?? []).filter((entry) => !all.some((one) => names(entry, one)));
}

/** The entry that names exactly this run: its values on the axes that have several, else on the knob. */
export function strikeOf(of: readonly Axis[], one: Combination): string {
  const telling = of.filter(({ values }) => values.length > 1);
  return (telling.length > 0 ? telling : of.filter(({ key }) => key === 'knob')).map(({ word }) => `${word}:${one[word]}`).join('/');
}

/** What all runs of an arm share, by which they are one line of a chart. */
export function armFacts(shared: SharedSettings, arm: Arm): ArmFacts {
  const all = { ...shared, ...arm } as unknown as Record<string, Value | undefined>;
  const words = armFields(arm.arch).flatMap(({ place, key, word }): [string, string][] => {
    const value = place === 'option' ? arm.options[key] : all[key];
    return place === 'knob' || place === 'without' || key === 'seeds' || value === undefined ? [] : [[word, textOf(value)]];
  });
  const key = [arm.arch, ...words.map(([word, text]) => `${word}=${text.replaceAll(', ', ',')}`)].join(' ');
  return { key, arch: arm.arch, words: Object.fromEntries(words) };
}
