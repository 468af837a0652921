/** Options to arms: `--arm`, and the options that meant arms before there were any. */
import { describe, expect, it } from 'vitest';
import { readOptions } from '../../../src/cli/args';
import { sweepConfig } from '../../../src/cli/sweepConfig';
import { sweepRows } from '../../../src/cli/training';

const config = (args: string[], d = 64) => sweepConfig(readOptions(args, sweepRows()).options, d);
const arms = (args: string[]) => config(args).arms.map(({ arch, widths, knob, seeds }) => [arch, widths, knob, seeds]);

describe('the arms of a command line', () => {
  it('are all architectures at their defaults when nothing is said', () => {
    expect(arms([])).toEqual([
      ['baseline', [192], [0.05, 0.1, 0.2, 0.4], undefined],
      ['gated', [128], [0.1, 0.2, 0.4, 0.8], undefined],
    ]);
    expect(config([])).toMatchObject({
      seeds: [0],
      steps: 10_000,
      batch: 4096,
      lr: ['auto'],
      normalize: 'none',
      holdout: 0.02,
      evalEvery: 2,
    });
  });
  it('are those of --arch, with --d-sae and --lambda for all of them and options for one', () => {
    expect(arms(['--arch', 'gated', '--d-sae', '8,2x', '--lambda', '0.1,0.2'])).toEqual([['gated', [8, 128], [0.1, 0.2], undefined]]);
    expect(arms(['--d-sae', '8', '--gated-d-sae', '16', '--lambda', '1', '--baseline-lambda', '0.5', '--seed', '3,4'])).toEqual([
      ['baseline', [8], [0.5], undefined],
      ['gated', [16], [1], undefined],
    ]);
  });
  it('are those of --arm, each with words of its own; the other options fill what they leave out', () => {
    const given = ['--arm', 'gated width=2x lambda=0.1:0.8:4', '--arm', 'gated width=3x seeds=1,2', '--lambda', '5', '--seed', '7'];
    expect(arms(given)).toEqual([
      ['gated', [128], [0.1, 0.2, 0.4, 0.8], undefined],
      ['gated', [192], [5], [1, 2]],
    ]);
    expect(config(given).seeds).toEqual([7]);
  });
  it.each<[string[], RegExp]>([
    [['--arm', 'kan'], /^--arm: "kan" is not one of baseline, gated/],
    [['--arm', 'gated wide=2x'], /^--arm: "wide=2x" is not understood in an arm: gated takes width=…, lambda=…, seeds=…/],
    [['--arm', 'gated lambda=0'], /^--arm "gated lambda=0": lambda: λ must be above 0; 0 is not/],
    [['--arm', 'gated', '--arch', 'gated'], /give --arm or --arch, not both/],
    [['--arm', 'gated', '--arm', 'baseline', '--d-sae', '1.5'], /^--d-sae: 1\.5 is not a whole number\.$/],
    [['--gated-lambda', 'x'], /^--gated-lambda: "x" is not a number/],
    [['--seed', ''], /^--seed: Give at least one value/],
    [['--batch', '65536'], /^--batch: 65536 is above the largest allowed, 65535/],
    [['--steps', ''], /^--steps: This is empty: give a number/],
  ])('%j is refused by the option’s name', (args, message) => {
    expect(() => config(args)).toThrow(message);
  });
});
