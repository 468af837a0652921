/**
 * The one table of a sweep's settings. A row is all that a setting is told in: `SweepConfig` has its field, form, link, validation, command line, usage,
 * docs/cli.md and exported configurations follow. What belongs to an arm alone (widths, knob, options) comes from the architecture table: `arms.ts`.
 */

import { MEDIAN_ROWS } from '../../data/rows/geometricMedian';
import { MAX_BATCH } from '../../sae/bounds';
import { B_DEC_STARTS } from '../../sae/init';
import { DECAY_SHAPES } from '../../sae/schedules';
import { NORMALIZATIONS, NORMALIZE_IDS } from '../normalizations';
import { AUTO } from './starts';
import type { Row, ValueOf } from './types';

const TABLE = {
  seeds: {
    label: 'Seeds',
    flag: 'seeds',
    kind: 'ints',
    scope: 'arm',
    level: 'simple',
    default: '1',
    cli: { flag: 'seed', default: '0' },
    min: 0,
    max: 2 ** 31 - 1,
    help: 'One run per seed. The seed fixes initial weights; data order and held-out split are shared and follow the first one.',
  },
  steps: {
    label: 'Steps',
    flag: 'steps',
    kind: 'int',
    scope: 'sweep',
    level: 'simple',
    default: '2500',
    cli: { default: '10000' },
    min: 1,
    max: 10_000_000,
    help: 'Optimiser steps per run; rows seen = steps × batch.',
  },
  batch: {
    label: 'Batch',
    flag: 'batch',
    kind: 'int',
    scope: 'experiment',
    level: 'simple',
    default: '1024',
    cli: { default: '4096' },
    min: 1,
    max: MAX_BATCH,
    help: 'Activation rows per step, shared by all runs.',
  },
  lr: {
    label: 'lr',
    flag: 'lr',
    kind: 'numbers',
    scope: 'arm',
    level: 'simple',
    default: AUTO,
    auto: true,
    min: 1e-8,
    max: 10,
    help: 'Learning rate of Adam after warm-up; several are a run each. auto: what docs/recipes.md found for the architecture and number of steps.',
  },
  encLength: {
    label: 'Encoder starts at length',
    flag: 'enc-length',
    kind: 'numbers',
    scope: 'arm',
    firstStage: true,
    level: 'all',
    default: AUTO,
    auto: true,
    min: 1e-6,
    max: 1e3,
    help: 'Length of the encoder’s rows at step 0: W_enc = length · W_decᵀ, with decoder rows of length 1. Several are a run each; auto as for lr.',
  },
  bDecInit: {
    label: 'b_dec starts at',
    flag: 'b-dec-init',
    kind: 'choices',
    scope: 'arm',
    firstStage: true,
    level: 'all',
    default: 'mean',
    choices: B_DEC_STARTS,
    help: `Decoder bias at step 0: the mean of the training rows, their geometric median (of a sample of ${MEDIAN_ROWS} rows), or zero. Several are a run each.`,
  },
  lrWarmup: {
    label: 'lr warm-up',
    flag: 'lr-warmup',
    kind: 'steps',
    scope: 'arm',
    level: 'all',
    default: '100',
    cli: { default: '0' },
    min: 0,
    max: 10_000_000,
    unit: 'steps',
    help: 'lr rises linearly from 0 over these N steps: lr(t) = lr·min(t/N, 1), t from 0. A share of the steps: 10%.',
  },
  lrDecay: {
    label: 'lr decay',
    flag: 'lr-decay',
    kind: 'number',
    scope: 'arm',
    level: 'all',
    default: '0.2',
    cli: { default: '0' },
    min: 0,
    max: 1,
    unit: 'of steps',
    help: 'Fraction of the steps at the end over which lr falls to 0.',
  },
  lrDecayShape: {
    label: 'Shape of lr decay',
    flag: 'lr-decay-shape',
    kind: 'choice',
    scope: 'arm',
    level: 'all',
    default: 'linear',
    choices: DECAY_SHAPES,
    help: 'How lr falls over these steps: on a line, or on half a cosine.',
  },
  lambdaWarmup: {
    label: 'λ warm-up',
    flag: 'lambda-warmup',
    kind: 'steps',
    scope: 'arm',
    firstStage: true,
    level: 'all',
    default: '250',
    cli: { default: '0' },
    min: 0,
    max: 10_000_000,
    unit: 'steps',
    help: 'λ rises linearly from 0 over these N steps, λ(t) = λ·min(t/N, 1); keeps latents from dying early. 100%: over the whole run.',
  },
  beta1: {
    label: 'Adam β1',
    flag: 'beta1',
    kind: 'numbers',
    scope: 'arm',
    level: 'all',
    default: '0',
    min: 0,
    max: 0.9999,
    help: 'Decay of Adam’s mean of gradients. The paper trains with β1 = 0, β2 = 0.999. Several are a run each.',
  },
  beta2: {
    label: 'Adam β2',
    flag: 'beta2',
    kind: 'number',
    scope: 'arm',
    level: 'all',
    default: '0.999',
    min: 0,
    max: 0.999999,
    help: 'Decay of Adam’s mean of squared gradients.',
  },
  eps: {
    label: 'Adam ε',
    flag: 'eps',
    kind: 'number',
    scope: 'arm',
    level: 'all',
    default: '1e-8',
    min: 1e-20,
    max: 1,
    help: 'Added to the root of Adam’s second moment.',
  },
  clip: {
    label: 'Clip gradients at',
    flag: 'clip',
    kind: 'number',
    scope: 'arm',
    level: 'all',
    default: '0',
    min: 0,
    max: 1e9,
    help: 'Greatest norm of all gradients of a run together; a longer one is scaled down to it before Adam. 0: no clipping.',
  },
  resample: {
    label: 'Resample dead latents',
    flag: 'resample',
    kind: 'times',
    scope: 'arm',
    firstStage: true,
    level: 'all',
    default: 'none',
    unit: 'steps',
    help: 'Steps at which latents that have not fired begin anew (Bricken et al., as in the paper): none, a list such as 20%, 40%, or N:M for every N-th step until M.',
  },
  resampleWindow: {
    label: 'Dead after',
    flag: 'resample-window',
    kind: 'steps',
    scope: 'arm',
    firstStage: true,
    level: 'all',
    default: '0',
    min: 0,
    max: 10_000_000,
    unit: 'steps',
    help: 'A latent is dead that did not fire in so many steps before the resampling. 0: half of those since the resampling before, or the start.',
  },
  resampleInputs: {
    label: 'Inputs to resample from',
    flag: 'resample-inputs',
    kind: 'int',
    scope: 'arm',
    firstStage: true,
    level: 'all',
    default: '8192',
    min: 1,
    max: 100_000_000,
    unit: 'rows',
    help: 'Training rows, drawn at random, whose losses are formed; dead latents take the direction of rows with probability ∝ loss². Bricken et al.: 819200.',
  },
  resampleRewarm: {
    label: 'lr returns over',
    flag: 'resample-rewarm',
    kind: 'steps',
    scope: 'arm',
    firstStage: true,
    level: 'all',
    default: '10%',
    min: 0,
    max: 10_000_000,
    unit: 'steps',
    help: 'At each resampling lr falls to a tenth and returns on half a cosine over so many steps. The paper: 1000. 0: lr stays.',
  },
  normalize: {
    label: 'Normalise rows',
    flag: 'normalize',
    kind: 'choice',
    scope: 'experiment',
    level: 'all',
    default: 'mean-square',
    cli: { default: 'none' },
    choices: NORMALIZE_IDS,
    meanings: NORMALIZATIONS,
    help: 'One factor for all rows in training. λ, lr and losses are of the multiplied rows; saved SAEs and every metric are of rows as in the file.',
  },
  xDtype: {
    label: 'Rows in the encoder',
    flag: 'x-dtype',
    kind: 'choice',
    scope: 'experiment',
    level: 'all',
    default: 'f32',
    choices: ['f32', 'f16'],
    help: 'f16 rounds each batch to 11 bits, which halves what the encoder reads of it; every sum and all weights stay f32.',
  },
  holdout: {
    label: 'Held out',
    flag: 'holdout',
    kind: 'number',
    scope: 'experiment',
    level: 'all',
    default: '0.05',
    cli: { default: '0.02' },
    min: 0,
    max: 0.5,
    unit: 'of rows',
    help: 'Fraction of the rows kept from training; every metric is measured there. With 0 and no language model, runs are trained but not measured.',
  },
  evalEvery: {
    label: 'Evaluate every',
    flag: 'eval-every',
    kind: 'number',
    scope: 'sweep',
    level: 'all',
    default: '2',
    cli: false,
    min: 0.1,
    max: 3600,
    unit: 's',
    help: 'Seconds between evaluations on held-out data.',
  },
} as const satisfies Record<string, Row>;

type Table = typeof TABLE;
export type SettingKey = keyof Table;

/** The settings that all arms share, or take where they have no value of their own. */
export type SharedSettings = { -readonly [K in SettingKey]: ValueOf<Table[K]> };

export type Setting = Row & { key: SettingKey };

const ROWS: Setting[] = Object.entries<Row>(TABLE).map(([key, row]) => ({ ...row, key: key as SettingKey }));

/** All, in the order in which people see them. */
export const settings = (): readonly Setting[] => ROWS;

/**
 * Adds a setting at run time (tests do; the lab's own stand in the table above, which also types them).
 * @throws Error when its key or flag is taken.
 */
export function registerSetting(key: string, row: Row): void {
  const taken = ROWS.find((other) => other.key === key || other.flag === row.flag);
  if (taken) throw new Error(`setting ${key} (${row.flag}): ${taken.key} is called ${taken.flag}`);
  ROWS.push({ ...row, key: key as SettingKey });
}

/** @throws Error when there is none of this key. */
export function setting(key: string): Setting {
  const found = ROWS.find((row) => row.key === key);
  if (!found) throw new Error(`there is no setting "${key}"`);
  return found;
}
