/** A run as what makes it again: its settings as facts for files, and as the line that trains it on the command line. */
import type { FilterRequest } from '../../data/rows/filter';
import type { ArmFacts } from '../../metrics/arms';
import { armFields, armValues, concerns } from './arms';
import { defaultText, type SweepConfig } from './parse';
import { found } from './starts';
import { type Setting, type SettingKey, settings } from './table';
import { isList, parseValue, textOf, type Value } from './values';

/** What a run's rows were read from and measured on, as the command line is told. Paths are as they were dropped or given. */
export interface RunInputs {
  data: readonly string[];
  tensor?: string;
  wordsAreBf16?: boolean;
  allowDuplicates?: boolean;
  filter: FilterRequest;
  model?: string;
  hook?: string;
  /** The hook is taken whatever the shards say and the check finds. */
  trustHook?: boolean;
  text?: string;
  tokens?: string;
  /** Limits on a text in tokens; absent where there is none. */
  context?: number;
  evalTokens?: number;
  holdOutTokens?: number;
  trainTokens?: number;
}

/** Everything that decides a run. */
export interface Recipe {
  /** The sweep that is this run alone: one arm with one width and one value of the knob, `seeds` of data order and split. */
  config: SweepConfig;
  inputs: RunInputs;
  shuffle: 'pool' | 'none';
  /** Batches that its sweep had taken before this run began. */
  batchesBefore: number;
  /** Weights that it started from, when not random ones. */
  init?: string;
}

/** The option of a setting on the command line; undefined where it has none. */
export const optionOf = (setting: Setting): string | undefined => (setting.cli === false ? undefined : (setting.cli?.flag ?? setting.flag));

/** An arm's value in place of the shared one. The seed that decides the order of the data is shared whatever the arm has. */
const ownValue = ({ arms: [arm], ...shared }: SweepConfig, { key }: Setting): Value | undefined => {
  const own = key === 'seeds' ? undefined : arm?.[key];
  return own === undefined || sameValue(own, shared[key]) ? undefined : own;
};

/** A setting of a run: its arm's own, else the shared one. Of seeds it is that of data order and split: the arm's stands apart, as `seed`. */
export function valueIn(config: SweepConfig, { key }: Pick<Setting, 'key'>): Value | undefined {
  const [arm] = config.arms;
  const value: Value | undefined = (key === 'seeds' ? undefined : arm?.[key]) ?? config[key];
  return arm && Array.isArray(value) ? found(arm.arch, config.steps, key, value) : value;
}

/** What tells a run from the others of its arm beside width, knob and seed: its value of each setting of which the arm has several. */
export const tellingWords = ({ config, arm }: { config: SweepConfig; arm: ArmFacts }): string[] =>
  settings().flatMap((row) => {
    const isTelling = row.key !== 'seeds' && isList(row) && arm.words[row.flag]?.includes(', ');
    return isTelling ? [`${row.flag} ${valueIn(config, row)}`] : [];
  });

const sameValue = (a: Value, b: Value): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Name in files: that of the link, with underscores. */
const factName = (flag: string): string => flag.replaceAll('-', '_');

/**
 * Every hyper-parameter and schedule of a run by name, as it stands in results and `cfg.json`: the table's settings, the architecture's options, where
 * its batches begin.
 */
export function runSettings({ config, shuffle, batchesBefore, init }: Recipe): Record<string, number | string> {
  const [arm] = config.arms;
  const facts: Record<string, number | string> = {};
  for (const setting of settings()) {
    const value = valueIn(config, setting);
    if (value === undefined || setting.key === 'evalEvery' || (arm && !concerns(setting, arm.arch))) continue;
    facts[setting.key === 'seeds' ? 'data_seed' : factName(setting.flag)] = factOf(setting, value);
  }
  if (!arm) return facts;
  return {
    arch: arm.arch,
    d_sae: arm.widths[0] as number,
    [armFields(arm.arch).find(({ place }) => place === 'knob')?.word ?? 'knob']: arm.knob[0] as number,
    ...arm.options,
    seed: (arm.seeds ?? config.seeds)[0] as number,
    ...facts,
    shuffle,
    batches_before: batchesBefore,
    ...(init !== undefined && { init }),
  };
}

/** A run's value in files and for people: of a list that is a run each, its own. */
export function factOf(setting: Pick<Setting, 'kind'>, value: Value): number | string {
  if (!Array.isArray(value)) return value;
  return isList(setting) ? (value[0] as number | string) : textOf(value) || 'none';
}

/** A word as a POSIX shell takes it. */
export const shellWord = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** A path is never taken for an option. */
const path = (text: string): string => (text.startsWith('-') ? `./${text}` : text);

/** Every filter that there is, so that a new one cannot be forgotten here. */
const FILTER_WORDS: { readonly [K in keyof FilterRequest]-?: (value: NonNullable<FilterRequest[K]>) => string[] } = {
  masked: (masked) => [masked ? '--drop-masked' : '--keep-masked'],
  bos: (bos) => (bos ? ['--drop-bos'] : []),
  zero: (zero) => (zero ? ['--drop-zero'] : []),
  tokens: (tokens) => (tokens.length > 0 ? ['--drop-tokens', tokens.join(',')] : []),
  maxNorm: (norm) => ['--max-norm', String(norm)],
  maxNormMedians: (medians) => ['--max-norm', `${medians}x`],
};

const filterWords = (filter: FilterRequest): string[] =>
  (Object.keys(FILTER_WORDS) as (keyof FilterRequest)[]).flatMap((key) => {
    const value = filter[key];
    return value === undefined ? [] : (FILTER_WORDS[key] as (given: typeof value) => string[])(value);
  });

/** Settings that differ from the command line's own defaults. */
function settingWords(config: SweepConfig): string[] {
  return settings().flatMap((setting) => {
    const option = optionOf(setting);
    const value: Value | undefined = config[setting.key];
    const [arm] = config.arms;
    if (option === undefined || value === undefined || ownValue(config, setting) !== undefined || (arm && !concerns(setting, arm.arch)))
      return [];
    const isDefault = sameValue(parseValue(setting, defaultText(setting, 'cli'), { d: 1, steps: config.steps }), value);
    return isDefault ? [] : [`--${option}`, textOf(value).replaceAll(', ', ',')];
  });
}

/** One arm in full, whatever the defaults. */
function armWord(config: SweepConfig): string {
  const [arm] = config.arms;
  if (!arm) throw new Error('a run without an arm');
  const words = armFields(arm.arch).flatMap(({ place, key, word }) => {
    const value = armValues(arm, { place, key });
    if (value === undefined || (place === 'setting' && sameValue(value, config[key as SettingKey]))) return [];
    return [`${word}=${textOf(value).replaceAll(', ', ',')}`];
  });
  return [arm.arch, ...words].join(' ');
}

/** Arguments of the command line that trains this run again, without quotes. @param out folder for the results. */
export function trainArguments({ config, inputs, shuffle, batchesBefore, init }: Recipe, out: string): string[] {
  const option = (name: string, value: string | number | undefined) => (value === undefined ? [] : [`--${name}`, String(value)]);
  return [
    'train',
    ...(inputs.data.length > 0 ? ['--data', ...inputs.data.map(path)] : []),
    ...option('tensor', inputs.tensor),
    ...(inputs.wordsAreBf16 ? ['--words-are-bf16'] : []),
    ...(inputs.allowDuplicates ? ['--allow-duplicates'] : []),
    ...filterWords(inputs.filter),
    ...option('model', inputs.model && path(inputs.model)),
    ...option('hook', inputs.hook),
    ...(inputs.trustHook ? ['--trust-hook'] : []),
    ...option('text', inputs.text && path(inputs.text)),
    ...option('tokens', inputs.tokens && path(inputs.tokens)),
    ...option('context', inputs.context),
    ...option('eval-tokens', inputs.evalTokens),
    ...option('holdout-tokens', inputs.holdOutTokens),
    ...option('train-tokens', inputs.trainTokens),
    '--arm',
    armWord(config),
    ...settingWords(config),
    ...(shuffle === 'pool' ? [] : ['--shuffle', shuffle]),
    ...(batchesBefore === 0 ? [] : ['--skip-batches', String(batchesBefore)]),
    ...option('init', init && path(init)),
    '--out',
    path(out),
  ];
}

/** The same as a line for a POSIX shell. */
export const commandLine = (recipe: Recipe, out: string): string =>
  `npm run lab -- ${trainArguments(recipe, out).map(shellWord).join(' ')}`;
