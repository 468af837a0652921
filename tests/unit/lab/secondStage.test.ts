/** Arms that start from another arm's runs: what they have of it, what is refused, what they cost. */
import { describe, expect, it } from 'vitest';
import { armFromInit } from '../../../src/cli/init';
import { misfit, refuseWithout } from '../../../src/lab/initial';
import { estimate, expand, stagesOf, stepsUntilEnd } from '../../../src/lab/runSpecs';
import { startingWeights, withGiven } from '../../../src/lab/secondStage';
import {
  type ArmForm,
  commandLine,
  countRuns,
  parseSettings,
  possible,
  readArm,
  renumbered,
  runSettings,
  type SweepConfig,
  settingsFromConfig,
  writeArm,
} from '../../../src/lab/settings';
import { architecture, PLAIN, register } from '../../../src/sae/architectures';
import { initialWeights } from '../../../src/sae/init';

const vectors = (of: Readonly<Record<string, Float32Array>>) => ({ b_enc: (of.b_enc as Float32Array).map((v) => v + 1) });
register({
  ...architecture('baseline'),
  id: 'second',
  title: 'Second',
  code: 3001,
  options: [],
  problems: undefined,
  recipes: undefined,
  anneal: undefined,
  startsFrom: { arch: 'baseline', vectors },
  traits: () => ({ ...PLAIN, fixed: ['W_enc', 'b_enc'] }),
});

const parse = (arms: readonly string[], change: Record<string, string> = {}) =>
  parseSettings({ steps: '1000', batch: '64', ...change, arms: arms.map(readArm) }, 8);
const sweep = (arms: readonly string[], change?: Record<string, string>): SweepConfig => {
  const { config, errors } = parse(arms, change);
  if (!config) throw new Error(JSON.stringify(errors));
  return config;
};

it('an arm that names another by its number names the same one when the list is in another order', () => {
  const arms = ['baseline width=8', 'baseline width=16', 'second from=2', 'second'].map(readArm);
  const after = (places: number[]) =>
    renumbered(
      places,
      places.map((i) => arms[i] ?? readArm('gated')),
    ).map(writeArm);
  expect(after([1, 0, 2, 3])).toEqual(['baseline width=16', 'baseline width=8', 'second from=1', 'second']);
  expect(after([-1, 0, 1, 2])).toEqual(['gated', 'baseline width=8', 'baseline width=16', 'second from=3']);
  // It is gone: no other takes its place.
  expect(after([0, 2])).toEqual(['baseline width=8', 'second from=3']);
});

describe('an arm of a second stage', () => {
  it('has the width, knob and seeds of the first arm that it can start from, and steps of its own', () => {
    const config = sweep(['gated width=16 lambda=0.1', 'baseline width=2x,24 lambda=0.1,0.2 seeds=1,2', 'second lr=1e-3,1e-2']);
    expect(config.arms[2]).toMatchObject({ from: 2, widths: [16, 24], knob: [0.1, 0.2], seeds: [1, 2], steps: 200, lr: [1e-3, 1e-2] });
    const runs = expand(config);
    expect(runs).toHaveLength(1 + 8 + 16);
    expect(countRuns(config)).toBe(25);
    for (const run of runs.filter(({ arch }) => arch === 'second')) {
      const first = runs[run.from as number];
      expect([first?.arch, first?.width, first?.seed, first?.schedule.lambda]).toEqual([
        'baseline',
        run.width,
        run.seed,
        run.schedule.lambda,
      ]);
      expect([run.schedule.steps, run.schedule.lambdaWarmup, run.resampling, stepsUntilEnd(runs, run)]).toEqual([200, 0, undefined, 1200]);
    }
    expect(stagesOf(runs).map((stage) => stage.length)).toEqual([9, 16]);
    expect(stagesOf(expand(sweep(['gated width=16 lambda=0.1'])))).toHaveLength(1);
  });

  it('follows runs that differ in more, each of them; and is there only where they are', () => {
    const arms = ['baseline width=16 lambda=0.1,0.2 lr=1e-3,3e-3 enc-length=0.1,1 without=lambda:0.2/lr:0.003', 'second steps=50 lr=1e-2'];
    const config = sweep(arms);
    expect(config.arms[1]?.of).toEqual([
      'lr:0.001+enc-length:0.1',
      'lr:0.001+enc-length:1',
      'lr:0.003+enc-length:0.1',
      'lr:0.003+enc-length:1',
    ]);
    const runs = expand(config);
    expect(runs.map(({ arch }) => arch)).toEqual([...new Array(6).fill('baseline'), ...new Array(6).fill('second')]);
    const firsts = runs.slice(6).map(({ from }) => from);
    expect([...firsts].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    for (const run of runs.slice(6)) expect(runs[run.from as number]?.schedule.lambda).toBe(run.schedule.lambda);
    expect(possible(config, config.arms[1] as SweepConfig['arms'][1])).toHaveLength(6);
    expect(expand(sweep([arms[0] as string, 'second steps=50 without=lambda:0.1']))).toHaveLength(6 + 2);
  });

  it('goes through texts and back unchanged', () => {
    for (const arms of [
      ['baseline width=16 lambda=0.1,0.2 seeds=3,4', 'second', 'baseline width=8 lambda=0.3', 'second from=3 steps=10%'],
      ['second from=2', 'baseline width=16 lambda=0.1 lr=1e-3,3e-3'],
    ]) {
      const config = sweep(arms);
      expect(parseSettings(settingsFromConfig(config), 1).config).toEqual(config);
    }
  });

  it('is refused without an arm to start from, or with what contradicts it', () => {
    const wrong = (...arms: string[]) => Object.entries(parse(arms).errors);
    const none = 'Second starts from trained runs: add an arm of Baseline, or train one alone with --init and its folder.';
    expect(wrong('gated width=16 lambda=0.1', 'second')).toEqual([['arms.1.from', none]]);
    expect(wrong('gated width=16 lambda=0.1', 'second from=1')).toEqual([
      ['arms.1.from', 'Second starts from runs of Baseline; arm 1 is Gated.'],
    ]);
    expect(wrong('baseline width=16 lambda=0.1', 'second from=3')).toEqual([
      ['arms.1.from', 'Second starts from runs of Baseline; there is no arm 3.'],
    ]);
    expect(wrong('baseline width=16 lambda=0.1', 'second from=2')).toEqual([
      ['arms.1.from', 'Second starts from runs of Baseline; arm 2 is Second.'],
    ]);
    expect(wrong('baseline width=16 lambda=0.1', 'second width=24')).toEqual([
      ['arms.1.width', 'It is that of arm 1, which these runs start from (16): leave it out.'],
    ]);
    expect(wrong('baseline width=2x lambda=0.1', 'second width=2x')).toEqual([]);
    expect(wrong('baseline width=16 lambda=0.1', 'second from=-1')[0]?.[1]).toMatch('no arm');
    expect(() => readArm('second enc-length=1')).toThrow('not understood');
    expect(() => readArm('second resample=5')).toThrow('not understood');
  });

  it('is counted in memory and parameters', () => {
    const limits = { maxStorageBufferBindingSize: 2 ** 30, maxBufferSize: 2 ** 30, flopsPerMs: 1e9 };
    const [one, two] = [['baseline width=16 lambda=0.1,0.2'], ['baseline width=16 lambda=0.1,0.2', 'second']].map((arms) =>
      estimate(sweep(arms), 8, limits),
    );
    expect([one?.ok, two?.ok, two?.runs]).toEqual([true, true, 4]);
    expect(two?.stateBytes).toBe(2 * (one?.stateBytes ?? 0));
    expect(two?.parameters).toBe(2 * (one?.parameters ?? 0));
  });
});

describe('a run of a second stage', () => {
  it('is made again from the weights of the run that it started from', () => {
    const config = sweep(['baseline width=16 lambda=0.1 seeds=7', 'second lr=1e-2']);
    const spec = expand(config)[1];
    const recipe = {
      config: { ...(spec?.config as SweepConfig), seeds: [1] },
      inputs: { data: ['acts'], filter: {} },
      shuffle: 'pool' as const,
      batchesBefore: 1000,
      init: 'r1',
    };
    const line = commandLine(recipe, 'r2');
    expect(line).toContain("--arm 'second from=init steps=200 width=16 lambda=0.1 seeds=7 lr=0.01'");
    expect(line).toContain('--skip-batches 1000 --init r1 --out r2');
    const word = /--arm '([^']*)'/.exec(line)?.[1] as string;
    const again = sweep([word]);
    expect(expand(again)[0]).toMatchObject({ arch: 'second', width: 16, seed: 7, schedule: { ...spec?.schedule } });
    expect(expand(again)[0]?.from).toBeUndefined();
    const facts = runSettings(recipe);
    expect(facts).toMatchObject({ arch: 'second', d_sae: 16, lambda: 0.1, seed: 7, steps: 200, init: 'r1' });
    for (const key of ['enc_length', 'b_dec_init', 'lambda_warmup', 'resample']) expect(facts).not.toHaveProperty(key);
  });

  it('takes what the folder of its weights says, and asks for what it does not', () => {
    const sae = { ...initialWeights('baseline', 4, 16, 1, new Float32Array(4)), notes: [] };
    const cfg = (lab: object) => ({ metadata: { gated_sae_lab: lab } });
    const form = (init: object, texts: ArmForm['texts'] = {}, others: ArmForm[] = []) =>
      armFromInit({ arch: 'second', texts }, others, { path: 'p', sae: { ...sae, ...init } }).texts;
    expect(form({ cfg: cfg({ lambda: 0.25, seed: 3 }) })).toEqual({ width: '16', lambda: '0.25', seeds: '3', steps: '100%', from: 'init' });
    expect(form({}, { lambda: '0.5', lr: '1' })).toEqual({ width: '16', lambda: '0.5', lr: '1', steps: '100%', from: 'init' });
    expect(() => form({})).toThrow('--init: p does not say its λ: give it with --lambda');
    expect(() => form({ cfg: cfg({ lambda: 0.25 }) }, { lambda: '0.5' })).toThrow('p was trained with 0.25, not 0.5');
    // Beside an arm that it can start from, it starts from that one, unless it says otherwise.
    const beside: ArmForm[] = [{ arch: 'baseline', texts: {} }];
    expect(form({}, { lr: '1' }, beside)).toEqual({ lr: '1' });
    expect(form({}, { from: 'init', lambda: '0.5' }, beside)).toMatchObject({ from: 'init', width: '16' });
    const gated: ArmForm = { arch: 'gated', texts: { lambda: '1' } };
    expect(armFromInit(gated, [gated], { path: 'p', sae })).toBe(gated);
    const run = { arch: 'second', width: 16, options: {} };
    expect(misfit(sae, run, 4)).toBeUndefined();
    expect(misfit(sae, { ...run, from: 0 }, 4)).toMatch('the run is second');
    expect(misfit(initialWeights('gated', 4, 16, 1, new Float32Array(4)), run, 4)).toBe(
      'holds a gated SAE with d_in 4, d_sae 16; the run is second with d_in 4, d_sae 16; Second starts from a trained baseline SAE.',
    );
    expect(() => refuseWithout(run)).toThrow('Second starts from a trained baseline SAE, and no weights of one are given.');
  });

  it('starts from weights of the architecture that it is made for, and from no other', () => {
    const first = { ...initialWeights('baseline', 4, 8, 1, new Float32Array(4)), options: {} };
    const second = startingWeights('second', first);
    expect(second).toEqual({
      ...initialWeights('baseline', 4, 8, 1, new Float32Array(4)),
      arch: 'second',
      vectors: vectors(first.vectors),
    });
    expect(startingWeights('second', second)).toBe(second);
    const gated = initialWeights('gated', 4, 8, 1, new Float32Array(4));
    expect(() => startingWeights('second', gated)).toThrow('Second starts from a trained Baseline; the weights are those of Gated');
    expect(() => startingWeights('gated', first)).toThrow('the run is Gated; the weights are those of Baseline');
    const trained = {
      ...second,
      wEnc: second.wEnc.map((v) => v + 1e-7),
      wDec: second.wDec.map((v) => v + 1),
      vectors: { b_enc: new Float32Array(8) },
    };
    expect(withGiven(trained, second)).toEqual({ ...trained, wEnc: second.wEnc, vectors: second.vectors });
  });
});
