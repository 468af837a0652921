import { describe, expect, it } from 'vitest';
import { expand } from '../../../src/lab/runSpecs';
import {
  type Arm,
  type ArmForm,
  armFacts,
  armFields,
  armTitles,
  defaultForm,
  parseSettings,
  readArm,
  type SettingValues,
  type SweepConfig,
  settings,
  settingsFromConfig,
  settingsFromParams,
  settingsToParams,
  startOf,
  writeArm,
} from '../../../src/lab/settings';
import { allOptions, architecture } from '../../../src/sae/architectures';

const withValues = (values: Partial<SettingValues>, d = 512) => parseSettings({ ...defaultForm(), ...values }, d);
const arms = (...texts: string[]): { arms: ArmForm[] } => ({ arms: texts.map(readArm) });
const gated = (word: string, text: string): Partial<SettingValues> => ({ arms: [{ arch: 'gated', texts: { [word]: text } }] });

describe('settings', () => {
  it('has defaults that parse: the equal-compute demo sweep', () => {
    const { config, errors, runs } = withValues({});
    expect(errors).toEqual({});
    expect(runs).toBe(8);
    expect(config?.arms).toEqual([
      { arch: 'baseline', options: allOptions(architecture('baseline')), widths: [1536], knob: [0.05, 0.1, 0.2, 0.4] },
      { arch: 'gated', options: allOptions(architecture('gated')), widths: [1024], knob: [0.1, 0.2, 0.4, 0.8] },
    ]);
    expect(config?.seeds).toEqual([1]);
  });
  it('reads lists, log ranges, multiples of d and exponents', () => {
    const { config } = withValues(
      { arms: [{ arch: 'gated', texts: { lambda: '0.01:1:3, 2e0', width: '2x, 100 , 100' } }], lr: '3e-4', seeds: '1 2 3' },
      64,
    );
    expect(config?.arms[0]?.knob).toEqual([0.01, 0.1, 1, 2]);
    expect(config?.arms[0]?.widths).toEqual([128, 100]);
    expect(config?.lr).toEqual([3e-4]);
    expect(config?.seeds).toEqual([1, 2, 3]);
  });
  it('reads steps as a share of the sweep’s, and lists of choices', () => {
    const { config } = withValues({ steps: '600', lrWarmup: '10%', lambdaWarmup: '100 %', bDecInit: 'zero, mean' });
    expect(config).toMatchObject({ lrWarmup: 60, lambdaWarmup: 600, bDecInit: ['zero', 'mean'] });
    // A wrong number of steps is said of the steps alone.
    expect(Object.keys(withValues({ steps: '0', lrWarmup: '10%' }).errors)).toEqual(['steps']);
  });
  it('each value of an arm’s lists is a run, in the order width, knob, settings; the arm’s own before the sweep’s', () => {
    const { config, runs } = withValues({
      ...arms('gated width=8,16 lambda=0.1 lr=1e-3,3e-3 b-dec-init=zero', 'baseline width=8 lambda=1 lr=1e-3 beta2=0.99 lr-warmup=50%'),
      encLength: '0.1,1',
      steps: '40',
    });
    expect(runs).toBe(2 * 2 * 2 + 2);
    const specs = expand(config as SweepConfig);
    expect(specs.map(({ width, schedule, start }) => [width, schedule.lr, start.encLength, start.bDec])).toEqual([
      ...[8, 16].flatMap((width) => [1e-3, 3e-3].flatMap((lr) => [0.1, 1].map((length) => [width, lr, length, 'zero']))),
      ...[0.1, 1].map((length) => [8, 1e-3, length, 'mean']),
    ]);
    expect(specs[8]).toMatchObject({ optimiser: { beta1: 0, beta2: 0.99, eps: 1e-8 }, schedule: { lrWarmup: 20 } });
    expect(specs[0]?.optimiser.beta2).toBe(0.999);
    // A run's own configuration is that run.
    // … and an arm of its own, which has none of the other runs.
    for (const spec of specs) expect(expand(spec.config)).toEqual([{ ...spec, arm: armFacts(spec.config, spec.config.arms[0] as Arm) }]);
  });
  it('auto stands for what was found for the architecture, and a typed value wins', () => {
    const { config } = withValues({
      ...arms('gated lambda=0.1', 'gated lambda=0.1 lr=0.5', 'baseline lambda=0.1'),
      encLength: 'auto, 0.7',
    });
    expect(config).toMatchObject({ lr: ['auto'], encLength: ['auto', 0.7] });
    const specs = expand(config as SweepConfig);
    const at = (arch: string) => startOf(arch, 2500);
    expect(specs.map(({ schedule, start }) => [schedule.lr, start.encLength])).toEqual([
      [at('gated').lr, at('gated').encLength],
      [at('gated').lr, 0.7],
      [0.5, at('gated').encLength],
      [0.5, 0.7],
      [at('baseline').lr, at('baseline').encLength],
      [at('baseline').lr, 0.7],
    ]);
    // A run's own settings hold the numbers, whatever is found later.
    expect(JSON.stringify(specs.map((spec) => spec.config.arms))).not.toContain('auto');
    expect(withValues({ beta1: 'auto' }).errors.beta1).toMatch(/not a number/);
  });
  it('an architecture stands in as many arms as one likes, with seeds of their own', () => {
    const { config, runs } = withValues({
      ...arms('gated width=64 lambda=0.1,0.2', 'gated width=128 lambda=0.3 seeds=5,6,7'),
      seeds: '1,2',
    });
    expect(runs).toBe(2 * 2 + 3);
    expect(config?.arms[0]?.seeds).toBeUndefined();
    expect(config?.arms[1]?.seeds).toEqual([5, 6, 7]);
    expect(armTitles(config?.arms ?? [])).toEqual(['Gated', 'Gated 2']);
  });
  it.each<[Partial<SettingValues>, string, RegExp]>([
    [gated('lambda', '0'), 'arms.0.lambda', /λ must be above 0/],
    [gated('lambda', '0:1:3'), 'arms.0.lambda', /above 0/],
    [gated('lambda', '1:2:3:4'), 'arms.0.lambda', /lo:hi:count/],
    [gated('lambda', '1:2:0'), 'arms.0.lambda', /count from 1/],
    [gated('lambda', ' '), 'arms.0.lambda', /at least one/],
    [gated('width', '1.5'), 'arms.0.width', /whole number/],
    [gated('width', '0'), 'arms.0.width', /smallest allowed, 1/],
    [gated('seeds', '-1'), 'arms.0.seeds', /smallest allowed, 0/],
    [{ steps: '' }, 'steps', /^This is empty: give a number\.$/],
    [{ steps: 'many' }, 'steps', /not a number/],
    [{ steps: '1e9' }, 'steps', /largest allowed/],
    [{ batch: '65536' }, 'batch', /largest allowed, 65535/],
    [{ lr: '0x10' }, 'lr', /not a number/],
    [{ normalize: 'yes' }, 'normalize', /not one of/],
    [{ bDecInit: 'mean, median' }, 'bDecInit', /"median" is not one of mean, geometric-median, zero/],
    [{ lrWarmup: '101%' }, 'lrWarmup', /not a share of the steps from 0% to 100%/],
    [gated('enc-length', '0'), 'arms.0.enc-length', /below the smallest/],
    [{ arms: [] }, 'arms', /at least one/],
    [{ arms: [{ arch: 'kan', texts: {} }] }, 'arms.0.arch', /"kan" is not one of baseline, gated/],
    [{ seeds: '0:5' }, 'seeds', /not a number/],
    [{ seeds: Array.from({ length: 20 }, (_, i) => i).join() }, 'arms', /160 runs are more/],
  ])('refuses %j', (values, key, message) => {
    const { config, errors } = withValues(values);
    expect(config).toBeUndefined();
    expect(errors[key]).toMatch(message);
  });
  it('gives every setting its own flag and words of help', () => {
    expect(new Set(settings().map((s) => s.flag)).size).toBe(settings().length);
    expect(settings().every((s) => s.help.length > 10)).toBe(true);
    expect(armFields('gated').every(({ help }) => help.length > 10)).toBe(true);
  });
  it('writes a sweep as texts that parse back to it', () => {
    const { config } = withValues({
      ...arms('gated width=2x,4x lambda=0.03:0.7:5', 'gated lambda=1 seeds=3', 'baseline'),
      holdout: '0.0859106529209622',
      normalize: 'none',
    });
    expect(config).toBeDefined();
    if (config) expect(parseSettings(settingsFromConfig(config), 7).config).toEqual(config);
  });
});

describe('an arm in words', () => {
  it('is an architecture and what differs from its defaults', () => {
    expect(readArm('gated  width=2x lambda=0.1:0.8:4 seed=0,1')).toEqual({
      arch: 'gated',
      texts: { width: '2x', lambda: '0.1:0.8:4', seeds: '0,1' },
    });
    expect(writeArm(readArm('gated width=2x lambda=0.1:0.8:4 seed=0,1'))).toBe('gated seeds=0,1');
    expect(writeArm({ arch: 'baseline', texts: { width: '100, 200' } })).toBe('baseline width=100,200');
  });
  it.each([
    ['kan width=2x', /"kan" is not one of baseline, gated/],
    ['', /at least one architecture/],
    ['gated wide=2x', /"wide=2x" is not understood in an arm: gated takes width=…, lambda=…, seeds=…/],
    ['gated 2x', /"2x" is not understood/],
    ['gated width=1 d-sae=2', /d-sae stands twice/],
  ])('%s is refused', (text, message) => {
    expect(() => readArm(text)).toThrow(message);
  });
});

describe('the link', () => {
  const through = (values: SettingValues) => settingsFromParams(new URLSearchParams(settingsToParams(values).toString()));
  it('names only what differs, and gives it back', () => {
    const values = { ...defaultForm(), steps: '100', ...arms('gated lambda=0.05:0.8:4') };
    expect(settingsToParams(values).toString()).toBe('arm=gated+lambda%3D0.05%3A0.8%3A4&steps=100');
    expect(through(values)).toEqual(values);
    const twice = { ...defaultForm(), ...arms('gated', 'gated width=64 seeds=3', 'baseline') };
    expect(through(twice)).toEqual(twice);
    expect(through({ ...defaultForm(), arms: [] }).arms).toEqual([]);
    expect(settingsToParams(defaultForm()).toString()).toBe('');
    expect(settingsFromParams(new URLSearchParams('unknown=1&__proto__=2'))).toEqual(defaultForm());
  });
  // As the page wrote them before there were arms.
  it.each<[string, Partial<SettingValues>]>([
    ['arch=gated&gated-lambda=0.05%3A0.8%3A4&steps=100', { steps: '100', arms: [{ arch: 'gated', texts: { lambda: '0.05:0.8:4' } }] }],
    [
      'baseline-width=48&gated-width=32&baseline-lambda=0.1%2C+0.4&gated-lambda=0.2&seeds=1+2&batch=64&lr=2e-3&lr-warmup=0&lambda-warmup=0&holdout=0.1&normalize=none&x-dtype=f16&b-dec-init=zero&eval-every=1&beta1=0.9&lr-decay=0',
      {
        arms: [
          { arch: 'baseline', texts: { width: '48', lambda: '0.1, 0.4' } },
          { arch: 'gated', texts: { width: '32', lambda: '0.2' } },
        ],
        seeds: '1 2',
        batch: '64',
        lr: '2e-3',
        lrWarmup: '0',
        lambdaWarmup: '0',
        holdout: '0.1',
        normalize: 'none',
        xDtype: 'f16',
        bDecInit: 'zero',
        evalEvery: '1',
        beta1: '0.9',
        lrDecay: '0',
      },
    ],
    ['arch=baseline%2Cgated', {}],
    ['hook=blocks.0.hook_mlp_out', {}],
    ['arch=gated%2Cbaseline', {}],
  ])('of earlier days still opens: %s', (text, change) => {
    const form = settingsFromParams(new URLSearchParams(text));
    expect(form).toEqual({ ...defaultForm(), ...change });
    expect(parseSettings(form, 16).errors).toEqual({});
  });
  it('keeps what it does not understand in sight', () => {
    for (const text of ['arch=kan', 'arm=kan', 'arm=gated+wide%3D3']) {
      const { errors } = parseSettings(settingsFromParams(new URLSearchParams(text)), 16);
      expect(errors['arms.0.arch']).toMatch(/is not one of baseline, gated/);
    }
    expect(parseSettings(settingsFromParams(new URLSearchParams('arch=')), 16).errors.arms).toMatch(/at least one arm/);
  });
});
