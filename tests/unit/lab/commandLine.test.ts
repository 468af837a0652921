import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { trainRows } from '../../../src/cli/training';
import { runInputs } from '../../../src/lab/inputs';
import { commandLine, defaultConfig, type Recipe, runSettings, shellWord, trainArguments } from '../../../src/lab/settings';

const config = (change = {}) => ({
  ...defaultConfig(8, { lr: '1e-3', encLength: '1', ...change }),
  arms: [{ arch: 'gated' as const, options: {}, widths: [64], knob: [0.1], seeds: [1] }],
});
const recipe = (over: Partial<Recipe> = {}): Recipe => ({
  config: config(),
  inputs: { data: ['acts'], filter: {} },
  shuffle: 'pool',
  batchesBefore: 0,
  ...over,
});

describe('a run as a command line', () => {
  it('names what differs from the command line’s own defaults, and only that', () => {
    expect(commandLine(recipe(), 'r1')).toBe(
      "npm run lab -- train --data acts --arm 'gated width=64 lambda=0.1' --seed 1 --steps 2500 --batch 1024 --lr 0.001 --enc-length 1 --lr-warmup 100" +
        ' --lr-decay 0.2 --lambda-warmup 250 --normalize mean-square --holdout 0.05 --out r1',
    );
    const plain = config({
      steps: '10000',
      batch: '4096',
      lr: 'auto',
      encLength: 'auto',
      seeds: '0',
      lrWarmup: '0',
      lrDecay: '0',
      lambdaWarmup: '0',
    });
    const words = trainArguments(recipe({ config: { ...plain, normalize: 'none', holdout: 0.02 } }), 'r1');
    expect(words).toEqual(['train', '--data', 'acts', '--arm', 'gated width=64 lambda=0.1 seeds=1', '--out', 'r1']);
  });
  it('says the arm’s own settings as the run had them, once', () => {
    const [arm] = config().arms;
    const own = {
      ...config({ lr: '1e-3,3e-3' }),
      arms: [
        {
          ...arm,
          arch: 'gated' as const,
          options: {},
          widths: [64],
          knob: [0.1],
          lr: [3e-3],
          bDecInit: ['zero' as const],
          lambdaWarmup: 7,
        },
      ],
    };
    const words = trainArguments(recipe({ config: own }), 'r1').join(' ');
    expect(words).toContain('--arm gated width=64 lambda=0.1 lr=0.003 b-dec-init=zero lambda-warmup=7 --seed 1');
    for (const option of ['--lr ', '--b-dec-init', '--lambda-warmup']) expect(words).not.toContain(option);
    expect(runSettings(recipe({ config: own }))).toMatchObject({ lr: 3e-3, b_dec_init: 'zero', lambda_warmup: 7, beta1: 0 });
  });
  it('says filters, tensors, a model, a text, a later start and weights to begin with', () => {
    const words = trainArguments(
      recipe({
        inputs: {
          data: ['-odd', 'b'],
          tensor: 'layer 6',
          wordsAreBf16: true,
          filter: { masked: false, bos: true, zero: true, tokens: [0, 2], maxNormMedians: 10 },
          model: 'm',
          hook: 'blocks.0.hook_mlp_out',
          tokens: 't.npy',
          context: 64,
          evalTokens: 512,
          holdOutTokens: 0,
          trainTokens: 4096,
        },
        shuffle: 'none',
        batchesBefore: 20,
        init: 'w',
      }),
      'out',
    ).join(' ');
    expect(words).toContain(
      '--data ./-odd b --tensor layer 6 --words-are-bf16 --keep-masked --drop-bos --drop-zero --drop-tokens 0,2 --max-norm 10x --model m' +
        ' --hook blocks.0.hook_mlp_out --tokens t.npy --context 64 --eval-tokens 512 --holdout-tokens 0 --train-tokens 4096 --arm',
    );
    expect(words).toMatch(/--shuffle none --skip-batches 20 --init w --out out$/);
  });
  it('can say every option that `train` has, but for those that change no run', () => {
    const all = (filter: object, rest: object = {}) =>
      trainArguments(
        recipe({
          config: config({
            ...{ resample: '20%,1000', resampleWindow: '20', resampleInputs: '100', resampleRewarm: '7' },
            ...{
              beta1: '0.5',
              beta2: '0.9',
              eps: '1e-6',
              clip: '1',
              xDtype: 'f16',
              bDecInit: 'zero',
              encLength: '0.1',
              lrDecayShape: 'cosine',
            },
          }),
          inputs: {
            ...{ data: ['a'], tensor: 't', wordsAreBf16: true, allowDuplicates: true, filter, model: 'm', hook: 'h', trustHook: true },
            ...{ context: 64, evalTokens: 512, holdOutTokens: 0, trainTokens: 4096, ...rest },
          },
          shuffle: 'none',
          batchesBefore: 1,
          init: 'w',
        }),
        'out',
      );
    const said = new Set([
      ...all({ masked: true, bos: true, zero: true, tokens: [1], maxNorm: 4 }, { text: 't.txt' }),
      ...all({ masked: false }, { tokens: 't.npy' }),
    ]);
    // The arm says the first four; the others are about what is told while training, and in which form it is saved.
    const without = ['arch', 'd-sae', 'lambda', 'k', 'log-every', 'save-as', 'json'];
    expect(Object.keys(trainRows()).filter((option) => !said.has(`--${option}`))).toEqual(expect.arrayContaining(without));
    expect(Object.keys(trainRows()).filter((option) => !said.has(`--${option}`))).toHaveLength(without.length);
  });
  it('is quoted for a shell', () => {
    const odd = [
      'plain/path-1.npy',
      "it's",
      'a b',
      '$HOME',
      '`x`',
      '"q"',
      'ü',
      '',
      'a;b',
      '*',
      '\\',
      'line\nbreak',
      '~x',
      '#1',
      '!x',
      '{a,b}',
    ];
    const text = execFileSync('/bin/sh', ['-c', `for word in ${odd.map(shellWord).join(' ')}; do printf '%s\\0' "$word"; done`]);
    expect(text.toString().split('\0').slice(0, -1)).toEqual(odd);
    expect(shellWord('plain/path-1.npy')).toBe('plain/path-1.npy');
  });
  it('every setting of the table is a fact of the run', () => {
    expect(runSettings(recipe({ batchesBefore: 3 }))).toEqual({
      ...{
        arch: 'gated',
        d_sae: 64,
        lambda: 0.1,
        seed: 1,
        data_seed: 1,
        steps: 2500,
        batch: 1024,
        lr: 1e-3,
        lr_warmup: 100,
        lr_decay: 0.2,
      },
      ...{
        enc_length: 1,
        lr_decay_shape: 'linear',
        lambda_warmup: 250,
        beta1: 0,
        beta2: 0.999,
        clip: 0,
        eps: 1e-8,
        normalize: 'mean-square',
        x_dtype: 'f32',
        b_dec_init: 'mean',
        holdout: 0.05,
      },
      ...{ resample: 'none', resample_window: 0, resample_inputs: 8192, resample_rewarm: 250 },
      ...{ shuffle: 'pool', batches_before: 3 },
    });
    const resampled = runSettings(recipe({ config: config({ resample: '500:2000' }) }));
    expect(resampled).toMatchObject({ resample: '500, 1000, 1500, 2000' });
  });
});

describe('what a run’s data were given as', () => {
  const shard = (path: string) => ({ files: [{ path, size: 1 }] as never });
  const given = { picked: undefined, filter: {}, limits: {}, isDemo: false };
  it('files one by one, many by their folders', () => {
    expect(runInputs({ ...given, shards: [shard('a/1.npy'), shard('a/2.npy')] }).data).toEqual(['a/1.npy', 'a/2.npy']);
    const many = Array.from({ length: 30 }, (_, i) => shard(`${i % 2 ? 'a' : 'b/c'}/${i}.npy`));
    expect(runInputs({ ...given, shards: many }).data).toEqual(['b/c', 'a']);
  });
  it('a model with its text, and the limits that were on them', () => {
    const files = { folder: 'gelu-1l-tiny' } as never;
    const model = { files, hook: 'h', text: { file: { path: 'gelu-1l-tiny/stories.txt' } as never, isTokens: false } };
    const limits = { evalTokens: 512, trainTokens: 8192 };
    // The page holds out by the fraction alone; the command line's own least is as many as are measured.
    expect(runInputs({ ...given, shards: [], model, limits, isDemo: true })).toEqual({
      ...{ data: [], filter: {}, model: 'public/demo', hook: 'h', text: 'public/demo/stories.txt' },
      ...{ evalTokens: 512, holdOutTokens: 0, trainTokens: 8192 },
    });
    const cli = { evalTokens: 512, holdOutTokens: 512, trainTokens: Number.POSITIVE_INFINITY };
    expect(runInputs({ ...given, shards: [], model, limits: cli })).toEqual({
      ...{ data: [], filter: {}, model: 'gelu-1l-tiny', hook: 'h', text: 'gelu-1l-tiny/stories.txt', evalTokens: 512 },
    });
  });
});
