/**
 * The one table of sweep settings: form, validation, link (URL hash) and command-line flags are all read from it.
 *
 * Values are text, as people type them; `parseSettings` turns a set of texts into a SweepConfig or says what is wrong.
 * Lists are `0.1, 0.2` or, for lambda, a range `lo:hi:count` spaced evenly in log. Widths may be multiples of the data's d: `2x`.
 */

import { type ArchitectureId, architecture, architectureIds, architectures } from '../sae/architectures';

import { messageOf } from '../util/errors';
import { NORMALIZATIONS, NORMALIZE_IDS } from './normalizations';
import type { SweepConfig } from './protocol';

export { scaleWords } from './normalizations';

export type SettingKind = 'int' | 'number' | 'ints' | 'lambdas' | 'widths' | 'choice' | 'architectures';

export type SettingKey =
  | 'architectures'
  | `widths.${ArchitectureId}`
  | `lambdas.${ArchitectureId}`
  | Exclude<keyof SweepConfig, 'architectures' | 'widths' | 'lambdas'>;

export interface Setting {
  key: SettingKey;
  label: string;
  /** Name on the command line (`--steps`) and in the link (`steps=`). */
  flag: string;
  kind: SettingKind;
  /** Simple settings are always shown; the others under "All fields". */
  level: 'simple' | 'all';
  /** Shown only while this architecture is chosen. */
  arch?: ArchitectureId;
  default: string;
  /** Inclusive bounds of the number, or of each number of a list. */
  min?: number;
  max?: number;
  choices?: readonly string[];
  /** What each choice does: what then holds, and a sentence. */
  meanings?: Readonly<Record<string, { holds: string; help: string }>>;
  unit?: string;
  help: string;
}

export type SettingValues = Record<SettingKey, string>;

/** Starting points per architecture; the baseline is 1.5x wider, the paper's equal-compute comparison. */
const PER_ARCHITECTURE: Record<ArchitectureId, { width: string; lambdas: string }> = {
  baseline: { width: '3x', lambdas: '0.05:0.4:4' },
  gated: { width: '2x', lambdas: '0.1:0.8:4' },
};

/** Largest sweep one Start may ask for. */
export const MAX_RUNS = 64;

export const SETTINGS: readonly Setting[] = [
  {
    key: 'architectures',
    label: 'Architectures',
    flag: 'arch',
    kind: 'architectures',
    level: 'simple',
    default: architectures()
      .map(({ id }) => id)
      .join(','),
    choices: architectureIds(),
    help: 'Which kinds of SAE to train. All runs of a sweep see the same batches.',
  },
  ...architectures()
    .map(({ id }) => id)
    .map(
      (arch): Setting => ({
        key: `widths.${arch}`,
        label: `${architecture(arch).title} width`,
        flag: `${arch}-width`,
        kind: 'widths',
        level: 'simple',
        arch,
        default: PER_ARCHITECTURE[arch].width,
        min: 1,
        max: 1 << 20,
        help: 'Dictionary size, as a number or a multiple of d (2x); several separated by commas. Equal compute: baseline 1.5 times the gated width.',
      }),
    ),
  ...architectures()
    .map(({ id }) => id)
    .map(
      (arch): Setting => ({
        key: `lambdas.${arch}`,
        label: `${architecture(arch).title} λ`,
        flag: `${arch}-lambda`,
        kind: 'lambdas',
        level: 'simple',
        arch,
        default: PER_ARCHITECTURE[arch].lambdas,
        min: 0,
        max: 1e4,
        help: 'Sparsity coefficient: a list (0.1, 0.2) or a log range lo:hi:count (0.1:0.8:4). Larger gives a smaller L0. Scales differ between architectures.',
      }),
    ),
  {
    key: 'seeds',
    label: 'Seeds',
    flag: 'seeds',
    kind: 'ints',
    level: 'simple',
    default: '1',
    min: 0,
    max: 2 ** 31 - 1,
    help: 'One run per seed. The seed fixes initial weights; data order is shared.',
  },
  {
    key: 'steps',
    label: 'Steps',
    flag: 'steps',
    kind: 'int',
    level: 'simple',
    default: '2500',
    min: 1,
    max: 10_000_000,
    help: 'Optimiser steps per run; rows seen = steps × batch.',
  },
  {
    key: 'batch',
    label: 'Batch',
    flag: 'batch',
    kind: 'int',
    level: 'simple',
    default: '1024',
    min: 1,
    max: 65_536,
    help: 'Activation rows per step, shared by all runs.',
  },
  {
    key: 'lr',
    label: 'lr',
    flag: 'lr',
    kind: 'number',
    level: 'simple',
    default: '1e-3',
    min: 1e-8,
    max: 10,
    help: 'Learning rate of Adam after warm-up.',
  },
  {
    key: 'lrWarmup',
    label: 'lr warm-up',
    flag: 'lr-warmup',
    kind: 'int',
    level: 'all',
    default: '100',
    min: 0,
    max: 10_000_000,
    unit: 'steps',
    help: 'lr rises linearly from 0 over these steps.',
  },
  {
    key: 'lrDecay',
    label: 'lr decay',
    flag: 'lr-decay',
    kind: 'number',
    level: 'all',
    default: '0.2',
    min: 0,
    max: 1,
    unit: 'of steps',
    help: 'Fraction of the steps at the end over which lr falls linearly to 0.',
  },
  {
    key: 'lambdaWarmup',
    label: 'λ warm-up',
    flag: 'lambda-warmup',
    kind: 'int',
    level: 'all',
    default: '250',
    min: 0,
    max: 10_000_000,
    unit: 'steps',
    help: 'λ rises linearly from 0 over these steps; keeps latents from dying early.',
  },
  {
    key: 'beta1',
    label: 'Adam β1',
    flag: 'beta1',
    kind: 'number',
    level: 'all',
    default: '0',
    min: 0,
    max: 0.9999,
    help: 'The paper trains with β1 = 0, β2 = 0.999.',
  },
  {
    key: 'normalize',
    label: 'Normalise rows',
    flag: 'normalize',
    kind: 'choice',
    level: 'all',
    default: 'mean-square',
    choices: NORMALIZE_IDS,
    meanings: NORMALIZATIONS,
    help: 'One factor for all rows in training. λ, lr and losses are of the multiplied rows; saved SAEs and every metric are of rows as in the file.',
  },
  {
    key: 'xDtype',
    label: 'Rows in the encoder',
    flag: 'x-dtype',
    kind: 'choice',
    level: 'all',
    default: 'f32',
    choices: ['f32', 'f16'],
    help: 'f16 rounds each batch to 11 bits, which halves what the encoder reads of it; every sum and all weights stay f32.',
  },
  {
    key: 'bDecInit',
    label: 'b_dec starts at',
    flag: 'b-dec-init',
    kind: 'choice',
    level: 'all',
    default: 'mean',
    choices: ['mean', 'zero'],
    help: 'Decoder bias at step 0: the mean of the training rows, or zero.',
  },
  {
    key: 'holdout',
    label: 'Held out',
    flag: 'holdout',
    kind: 'number',
    level: 'all',
    default: '0.05',
    min: 0,
    max: 0.5,
    unit: 'of rows',
    help: 'Fraction of the rows kept from training; every metric is measured there.',
  },
  {
    key: 'evalEvery',
    label: 'Evaluate every',
    flag: 'eval-every',
    kind: 'number',
    level: 'all',
    default: '2',
    min: 0.1,
    max: 3600,
    unit: 's',
    help: 'Seconds between evaluations on held-out data.',
  },
];

export const DEFAULT_VALUES = Object.fromEntries(SETTINGS.map((s) => [s.key, s.default])) as SettingValues;

export interface ParsedSettings {
  /** Present when there is no error. */
  config?: SweepConfig;
  errors: Partial<Record<SettingKey, string>>;
  /** Runs the sweep would have. */
  runs: number;
}

function parseNumber(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

function check(value: number, setting: Setting, shown: string, whole: boolean): number {
  if (!Number.isFinite(value)) throw new Error(`"${shown}" is not a number.`);
  if (whole && !Number.isInteger(value)) throw new Error(`${shown} is not a whole number.`);
  if (setting.kind === 'lambdas' && value <= 0) throw new Error(`λ must be above 0; ${shown} is not.`);
  if (setting.min !== undefined && value < setting.min) throw new Error(`${shown} is below the smallest allowed, ${setting.min}.`);
  if (setting.max !== undefined && value > setting.max) throw new Error(`${shown} is above the largest allowed, ${setting.max}.`);
  return value;
}

function list(text: string): string[] {
  const parts = text
    .split(/[\s,]+/)
    .map((p) => p.trim())
    .filter(Boolean);
  if (parts.length === 0) throw new Error('Give at least one value.');
  return parts;
}

/** `lo:hi:count` evenly spaced in log, both ends included. */
function logRange(part: string, setting: Setting): number[] {
  const [lo, hi, count, ...rest] = part.split(':');
  if (lo === undefined || hi === undefined || count === undefined || rest.length > 0) throw new Error(`"${part}" is not lo:hi:count.`);
  const a = check(parseNumber(lo), setting, lo, false);
  const b = check(parseNumber(hi), setting, hi, false);
  const n = parseNumber(count);
  if (!Number.isInteger(n) || n < 1 || n > MAX_RUNS) throw new Error(`"${count}" in ${part} should be a count from 1 to ${MAX_RUNS}.`);
  if (n === 1) return [a];
  return Array.from({ length: n }, (_, i) => Number((a * (b / a) ** (i / (n - 1))).toPrecision(6)));
}

function unique(values: number[]): number[] {
  return [...new Set(values)];
}

function parseNumbers(setting: Setting, text: string, d: number): number[] {
  return unique(
    list(text).flatMap((part) => {
      if (setting.kind === 'lambdas' && part.includes(':')) return logRange(part, setting);
      if (setting.kind === 'widths' && /x$/i.test(part)) {
        const factor = parseNumber(part.slice(0, -1));
        return [check(Math.round(factor * d), setting, part, true)];
      }
      return [check(parseNumber(part), setting, part, setting.kind !== 'lambdas')];
    }),
  );
}

function parseArchitectures(text: string): ArchitectureId[] {
  const ids = text.split(/[\s,]+/).filter(Boolean);
  const unknown = ids.find((id) => !(architectureIds() as string[]).includes(id));
  if (unknown !== undefined)
    throw new Error(
      `"${unknown}" is not one of ${architectures()
        .map(({ id }) => id)
        .join(', ')}.`,
    );
  if (ids.length === 0) throw new Error('Choose at least one architecture.');
  return architectures()
    .map(({ id }) => id)
    .filter((id) => ids.includes(id));
}

/** @param d width of the data, which `2x` multiplies. */
export function parseSettings(values: Partial<SettingValues>, d: number): ParsedSettings {
  const errors: ParsedSettings['errors'] = {};
  const attempt = <T>(key: SettingKey, fallback: T, parse: (setting: Setting, text: string) => T): T => {
    const setting = SETTINGS.find((s) => s.key === key) as Setting;
    try {
      return parse(setting, (values[key] ?? setting.default).trim());
    } catch (error) {
      errors[key] = messageOf(error);
      return fallback;
    }
  };
  const number = (key: SettingKey) => attempt(key, 0, (s, text) => check(parseNumber(text), s, text || 'empty', s.kind === 'int'));
  const choice = <T extends string>(key: SettingKey) =>
    attempt(key, '' as T, (s, text) => {
      if (!s.choices?.includes(text)) throw new Error(`"${text}" is not one of ${s.choices?.join(', ')}.`);
      return text as T;
    });

  const architectures = attempt('architectures', [] as ArchitectureId[], (_, text) => parseArchitectures(text));
  const widths = {} as Record<ArchitectureId, number[]>;
  const lambdas = {} as Record<ArchitectureId, number[]>;
  for (const arch of architectureIds()) {
    const used = architectures.includes(arch);
    widths[arch] = used ? attempt(`widths.${arch}`, [], (s, text) => parseNumbers(s, text, d)) : [];
    lambdas[arch] = used ? attempt(`lambdas.${arch}`, [], (s, text) => parseNumbers(s, text, d)) : [];
  }
  const config: SweepConfig = {
    architectures,
    widths,
    lambdas,
    seeds: attempt('seeds', [], (s, text) => parseNumbers(s, text, d)),
    steps: number('steps'),
    batch: number('batch'),
    lr: number('lr'),
    lrWarmup: number('lrWarmup'),
    lrDecay: number('lrDecay'),
    lambdaWarmup: number('lambdaWarmup'),
    beta1: number('beta1'),
    normalize: choice('normalize'),
    xDtype: choice('xDtype'),
    bDecInit: choice('bDecInit'),
    holdout: number('holdout'),
    evalEvery: number('evalEvery'),
  };
  const runs = countRuns(config);
  if (runs > MAX_RUNS) errors.seeds ??= `${runs} runs are more than the ${MAX_RUNS} one sweep may have.`;
  return Object.keys(errors).length > 0 ? { errors, runs } : { config, errors, runs };
}

/** Runs of a sweep: architectures × widths × lambdas × seeds. */
export function countRuns(config: SweepConfig): number {
  return config.architectures.reduce(
    (sum, arch) => sum + config.widths[arch].length * config.lambdas[arch].length * config.seeds.length,
    0,
  );
}

/** A sweep as texts that parse back to exactly it. */
export function settingsFromConfig(config: SweepConfig): SettingValues {
  const values = { ...DEFAULT_VALUES, architectures: config.architectures.join(','), seeds: config.seeds.join(', ') };
  for (const arch of config.architectures) {
    values[`widths.${arch}`] = config.widths[arch].join(', ');
    values[`lambdas.${arch}`] = config.lambdas[arch].join(', ');
  }
  for (const s of SETTINGS) {
    const value = s.key in config ? config[s.key as keyof SweepConfig] : undefined;
    if (typeof value === 'number' || (typeof value === 'string' && s.kind === 'choice')) values[s.key] = String(value);
  }
  return values;
}

/** The texts that differ from the defaults, as URL parameters named like the command-line flags. */
export function settingsToParams(values: SettingValues): URLSearchParams {
  const params = new URLSearchParams();
  for (const s of SETTINGS) if (values[s.key].trim() !== s.default) params.set(s.flag, values[s.key].trim());
  return params;
}

/** Unknown parameters are ignored; values are not checked here but by `parseSettings`. */
export function settingsFromParams(params: URLSearchParams): SettingValues {
  const values = { ...DEFAULT_VALUES };
  for (const s of SETTINGS) {
    const text = params.get(s.flag);
    if (text !== null) values[s.key] = text.slice(0, 200);
  }
  return values;
}
