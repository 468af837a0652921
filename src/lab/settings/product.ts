/**
 * From an arm to its runs: the product of its lists, less the runs that were struck out. A struck-out run is named by the values that tell it from
 * the arm's others, `lambda:0.4/seeds:2`; what is not named holds for all values.
 */
import type { ArmFacts } from '../../metrics/arms';
import { architecture, isArchitecture } from '../../sae/architectures';
import { type Arm, armFields } from './arms';
import { found, isFound } from './starts';
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
  return armFields(arm.arch).flatMap(({ place, key, word, label, spec }): Axis[] => {
    if (place === 'of') return arm.of ? [{ key, word, label, values: arm.of }] : [];
    // Where a configuration of earlier days has one value, that is a list of one.
    if (place === 'option' || !isList(spec)) return [];
    return [{ key, word, label, values: found(arm.arch, shared.steps, key, [all[key]].flat() as number[]) }];
  });
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

/** Arms of a sweep, and what they share. */
export interface Arms extends SharedSettings {
  arms?: readonly Arm[];
}

/** The runs that an arm comes to. */
export const combinations = (config: Arms, arm: Arm): Combination[] => possible(config, arm).filter((one) => !isStruck(one, arm));

/** All runs that an arm may have, struck out or not: of a second stage only those whose first one is there. */
export function possible(config: Arms, arm: Arm): Combination[] {
  const own = product(axes(config, arm));
  const first = firstStage(config, arm);
  if (!first) return own;
  const there = new Set(combinations(config, first).map((one) => stageKey(config, first, one)));
  return own.filter((one) => there.has(stageKey(config, arm, one)));
}

/** The arm whose runs those of a second stage start from; undefined for others, and where weights are given instead. */
export const firstStage = ({ arms = [] }: Arms, { from }: Arm): Arm | undefined => (typeof from === 'number' ? arms[from - 1] : undefined);

/** Fields of which a second stage has the values of the first. */
const FOLLOWED: readonly string[] = ['widths', 'knob', 'seeds'];

/** What is the same of a run and of the one that it starts from, as a text. */
export function stageKey(shared: SharedSettings, arm: Arm, one: Combination): string {
  const of = axes(shared, arm);
  const followed = FOLLOWED.map((key) => one[of.find((axis) => axis.key === key)?.word ?? '']);
  const besides = architecture(arm.arch).startsFrom ? (one.of ?? '') : toldBesides(of, one);
  return JSON.stringify([...followed, besides]);
}

/** Values on the axes that have several, but for those that a second stage follows. */
const toldBesides = (of: readonly Axis[], one: Combination): string =>
  of
    .filter(({ key, values }) => values.length > 1 && !FOLLOWED.includes(key))
    .map(({ word }) => `${word}:${one[word]}`)
    .join('+');

/**
 * Gives arms that start from another arm's runs what follows from it.
 * @param fail hears of each word that is wrong.
 */
export function follow(config: Arms, arm: Arm, fail: (word: string, error: unknown) => void): void {
  const { startsFrom, title } = architecture(arm.arch);
  if (!startsFrom || arm.from === 'init') return;
  const arms = config.arms ?? [];
  const wanted = architecture(startsFrom.arch).title;
  const place = typeof arm.from === 'number' ? arm.from : arms.findIndex(({ arch }) => arch === startsFrom.arch) + 1;
  const first = arms[place - 1];
  if (first?.arch !== startsFrom.arch) {
    const found = first
      ? `arm ${place} is ${isArchitecture(first.arch) ? architecture(first.arch).title : first.arch}`
      : `there is no arm ${place}`;
    const none = `${title} starts from trained runs: add an arm of ${wanted}, or train one alone with --init and its folder.`;
    fail('from', new Error(typeof arm.from === 'number' ? `${title} starts from runs of ${wanted}; ${found}.` : none));
    arm.from = 'first'; // it must not be followed to itself
    return;
  }
  const of = axes(config, first);
  for (const key of FOLLOWED) {
    const theirs = of.find((axis) => axis.key === key)?.values ?? [];
    const own = (arm as unknown as Record<string, unknown[] | undefined>)[key] ?? [];
    const word = armFields(arm.arch).find((field) => field.key === key)?.word ?? key;
    if (own.length > 0 && JSON.stringify(own) !== JSON.stringify(theirs))
      fail(word, new Error(`It is that of arm ${place}, which these runs start from (${theirs.join(', ')}): leave it out.`));
    Object.assign(arm, { [key]: theirs });
  }
  const besides = [...new Set(product(of).map((one) => toldBesides(of, one)))].filter(Boolean);
  arm.from = place;
  if (besides.length > 0) arm.of = besides;
  else delete arm.of;
}

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
    const given = place === 'option' ? arm.options[key] : all[key];
    // `auto` stays a word only where it is more than the usual start.
    const value = Array.isArray(given) && !isFound(arm.arch, shared.steps) ? found(arm.arch, shared.steps, key, given) : given;
    return place === 'knob' || place === 'without' || key === 'seeds' || value === undefined ? [] : [[word, textOf(value)]];
  });
  const key = [arm.arch, ...words.map(([word, text]) => `${word}=${text.replaceAll(', ', ',')}`)].join(' ');
  return { key, arch: arm.arch, words: Object.fromEntries(words) };
}
