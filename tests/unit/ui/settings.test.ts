import { describe, expect, it } from 'vitest';
import {
  DEFAULT_VALUES,
  parseSettings,
  SETTINGS,
  settingsFromConfig,
  settingsFromParams,
  settingsToParams,
} from '../../../src/lab/settings';

const withValues = (values: Partial<typeof DEFAULT_VALUES>, d = 512) => parseSettings({ ...DEFAULT_VALUES, ...values }, d);

describe('settings', () => {
  it('has defaults that parse: the equal-compute demo sweep', () => {
    const { config, errors, runs } = withValues({});
    expect(errors).toEqual({});
    expect(runs).toBe(8);
    expect(config?.widths).toEqual({ baseline: [1536], gated: [1024] });
    expect(config?.lambdas.gated).toEqual([0.1, 0.2, 0.4, 0.8]);
    expect(config?.lambdas.baseline).toEqual([0.05, 0.1, 0.2, 0.4]);
    expect(config?.seeds).toEqual([1]);
  });
  it('reads lists, log ranges, multiples of d and exponents', () => {
    const { config } = withValues({ 'lambdas.gated': '0.01:1:3, 2e0', 'widths.gated': '2x, 100 , 100', lr: '3e-4', seeds: '1 2 3' }, 64);
    expect(config?.lambdas.gated).toEqual([0.01, 0.1, 1, 2]);
    expect(config?.widths.gated).toEqual([128, 100]);
    expect(config?.lr).toBe(3e-4);
    expect(config?.seeds).toEqual([1, 2, 3]);
  });
  it('leaves out the settings of an architecture not chosen', () => {
    const { config, runs } = withValues({ architectures: 'gated', 'lambdas.baseline': 'nonsense' });
    expect(runs).toBe(4);
    expect(config?.architectures).toEqual(['gated']);
    expect(config?.lambdas.baseline).toEqual([]);
  });
  it.each([
    [{ 'lambdas.gated': '0' }, 'lambdas.gated', /above 0/],
    [{ 'lambdas.gated': '0:1:3' }, 'lambdas.gated', /above 0/],
    [{ 'lambdas.gated': '1:2:3:4' }, 'lambdas.gated', /lo:hi:count/],
    [{ 'lambdas.gated': '1:2:0' }, 'lambdas.gated', /count from 1/],
    [{ 'lambdas.gated': ' ' }, 'lambdas.gated', /at least one/],
    [{ 'widths.gated': '1.5' }, 'widths.gated', /whole number/],
    [{ 'widths.gated': '0' }, 'widths.gated', /smallest allowed, 1/],
    [{ steps: '' }, 'steps', /not a number/],
    [{ steps: '1e9' }, 'steps', /largest allowed/],
    [{ lr: '0x10' }, 'lr', /not a number/],
    [{ normalize: 'yes' }, 'normalize', /not one of/],
    [{ architectures: '' }, 'architectures', /at least one/],
    [{ architectures: 'topk' }, 'architectures', /not one of/],
    [{ seeds: '0:5' }, 'seeds', /not a number/],
    [{ seeds: Array.from({ length: 20 }, (_, i) => i).join() }, 'seeds', /160 runs are more/],
  ] as const)('refuses %j', (values, key, message) => {
    const { config, errors } = withValues(values as Partial<typeof DEFAULT_VALUES>);
    expect(config).toBeUndefined();
    expect(errors[key as keyof typeof errors]).toMatch(message);
  });
  it('round-trips through the link, which names only what differs', () => {
    const values = { ...DEFAULT_VALUES, steps: '100', 'lambdas.gated': '0.05:0.8:4', architectures: 'gated' };
    const params = settingsToParams(values);
    expect([...params.keys()].sort()).toEqual(['arch', 'gated-lambda', 'steps']);
    expect(settingsFromParams(new URLSearchParams(params.toString()))).toEqual(values);
    expect(settingsToParams(DEFAULT_VALUES).toString()).toBe('');
    expect(settingsFromParams(new URLSearchParams('unknown=1&__proto__=2'))).toEqual(DEFAULT_VALUES);
  });
  it('writes a sweep as texts that parse back to it', () => {
    const { config } = withValues({
      'lambdas.gated': '0.03:0.7:5',
      holdout: '0.0859106529209622',
      'widths.gated': '2x,4x',
      normalize: 'none',
    });
    expect(config).toBeDefined();
    if (config) expect(parseSettings(settingsFromConfig(config), 7).config).toEqual(config);
  });
  it('gives every setting its own flag and words of help', () => {
    expect(new Set(SETTINGS.map((s) => s.flag)).size).toBe(SETTINGS.length);
    expect(SETTINGS.every((s) => s.help.length > 10)).toBe(true);
  });
});
