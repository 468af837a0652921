import type { RunSummary } from '../../../src/lab/protocol';
import { defaultConfig } from '../../../src/lab/settings';
import type { Metrics } from '../../../src/metrics/types';

const CONFIG = defaultConfig(8, { lr: '1e-3', encLength: '1' });

export function metrics(over: Partial<Metrics> = {}): Metrics {
  return {
    l0: 20,
    mse: 1,
    fvu: 0.2,
    r2: 0.8,
    gamma: 1,
    cosine: 0.9,
    alive: 0.99,
    alive_window_tokens: 65_536,
    latents_over_1_percent: 8,
    latents_over_10_percent: 1,
    freq_over_1_percent: 0.05,
    freq_over_10_percent: 0.01,
    normalized_freq_over_1_percent: 0.4,
    normalized_freq_over_10_percent: 0.1,
    tokens: 38_400,
    ...over,
  };
}

export function run(over: Partial<RunSummary> = {}): RunSummary {
  return {
    id: 'r1',
    name: 'r1 gated',
    arch: 'gated',
    arm: { key: over.arch ?? 'gated', arch: over.arch ?? 'gated', words: {} },
    dIn: 8,
    dSae: 100,
    lambda: 0.1,
    seed: 1,
    normalize: 'mean-square',
    activationScale: 0.5,
    data: 'acts',
    identity: { rows: 'acts', filter: '', evaluation: 'held out', normalize: 'mean-square' },
    recipe: {
      config: { ...CONFIG, arms: [{ arch: 'gated', options: {}, widths: [100], knob: [0.1], seeds: [1] }] },
      inputs: { data: ['acts'], filter: {} },
      shuffle: 'pool',
      batchesBefore: 0,
    },
    steps: 100,
    step: 100,
    state: 'done',
    ...over,
  };
}
