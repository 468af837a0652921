/** When dead latents are to begin anew, as people say it, and what is refused. */
import { describe, expect, it } from 'vitest';
import { estimate, expand } from '../../../src/lab/runSpecs';
import { defaultConfig, parseSettings, settingsFromConfig } from '../../../src/lab/settings';

const LIMITS = { maxStorageBufferBindingSize: 2 ** 30, maxBufferSize: 2 ** 30, flopsPerMs: 1e9 };
const config = (change: Record<string, string>) => defaultConfig(8, { steps: '1000', ...change });
const wrong = (resample: string): string => Object.values(parseSettings({ steps: '1000', resample }, 8).errors).join(' ');

describe('steps', () => {
  it.each([
    ['none', []],
    ['100', [100]],
    ['300, 100 200', [100, 200, 300]],
    ['10%,25%', [100, 250]],
    ['200:700', [200, 400, 600]],
    ['25%:75%, 10', [10, 250, 500, 750]],
  ] as const)('%s', (text, at) => {
    const { resample } = config({ resample: text });
    expect(resample).toEqual(at);
    const again = parseSettings(settingsFromConfig(config({ resample: text })), 8);
    expect(again.config?.resample).toEqual(at);
  });

  it('that cannot be are refused', () => {
    expect(wrong('1000')).toBe('Step 1000 never comes before another: the run has 1000 steps.');
    expect(wrong('100:')).toMatch('N:M');
    expect(wrong('1:2:3')).toMatch('N:M');
    expect(wrong('0')).toMatch('not a step');
    expect(wrong('1.5')).toMatch('not a step');
    expect(wrong('1:999')).toBe('');
  });
});

describe('a sweep', () => {
  it('resamples and warms up again where it says so, each arm by itself', () => {
    const [plain, resampling] = expand({
      ...config({ resample: '100, 300', resampleInputs: '500' }),
      arms: [
        { arch: 'baseline', options: {}, widths: [8], knob: [0.1], resample: [] },
        { arch: 'gated', options: {}, widths: [8], knob: [0.1], resampleWindow: 50 },
      ],
    });
    expect([plain?.resampling, plain?.schedule.rewarm]).toEqual([undefined, undefined]);
    expect(resampling?.resampling).toEqual({ at: [100, 300], inputs: 500, window: 50 });
    expect(resampling?.schedule.rewarm).toEqual({ at: [100, 300], steps: 100 });
    expect(expand(config({ resample: '100', resampleRewarm: '0' }))[0]?.schedule.rewarm).toBeUndefined();
    // One run for each arm: times are no list of runs.
    expect(expand(config({ resample: '100, 200, 300' }))).toHaveLength(expand(config({})).length);
  });

  it('is refused with fewer rows than asked, and with a window from before the start', () => {
    const problems = (change: Record<string, string>, rows?: number) => estimate(config(change), 8, LIMITS, rows).problems;
    expect(problems({ resample: '100' }, 8192)).toEqual([]);
    expect(problems({}, 10)).toEqual([]);
    expect(problems({ resample: '100' }, 8191)).toEqual([
      'Resampling asks for the losses of 8192 training rows; there are 8191. Ask for at most as many (resample-inputs).',
    ]);
    expect(problems({ resample: '100, 300', resampleWindow: '101' })).toEqual([
      'A latent cannot have been silent for 101 steps at step 100: take a shorter window (resample-window) or a later step.',
    ]);
  });
});
