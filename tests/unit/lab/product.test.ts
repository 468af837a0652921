/** Runs of an arm, and runs struck out of it: the same in form, link, command line and worker. */
import { describe, expect, it } from 'vitest';
import { expand } from '../../../src/lab/runSpecs';
import {
  axes,
  combinations,
  countRuns,
  defaultForm,
  isStruck,
  parseSettings,
  problems,
  product,
  readArm,
  type SweepConfig,
  settingsFromConfig,
  settingsFromParams,
  settingsToParams,
  strikeOf,
} from '../../../src/lab/settings';

const parsed = (...arms: string[]) => parseSettings({ ...defaultForm(), seeds: '1,2', arms: arms.map(readArm) }, 8);
const config = (...arms: string[]) => parsed(...arms).config as SweepConfig;
const runs = (of: SweepConfig) => expand(of).map(({ width, seed, schedule }) => [width, schedule.lambda, seed]);

describe('runs struck out of an arm', () => {
  it('are named by the values that tell them from the others; what is not named holds for all', () => {
    expect(runs(config('gated width=2x,4x lambda=0.1,0.2 without=lambda:0.2/width:4x,seeds:2/width:2x'))).toEqual([
      [16, 0.1, 1],
      [16, 0.2, 1],
      [32, 0.1, 1],
      [32, 0.1, 2],
    ]);
  });
  it('are left out of the count, of the runs, and of what a run says of itself', () => {
    const made = config('gated lambda=0.1,0.2 without=lambda:0.2', 'baseline lambda=0.1');
    expect([countRuns(made), expand(made).length]).toEqual([4, 4]);
    for (const run of expand(made)) expect(run.config.arms[0]).not.toHaveProperty('without');
  });
  it('go through link and worker as they are', () => {
    const form = { ...defaultForm(), arms: [readArm('gated lambda=0.1,0.2 without=lambda:0.2/seeds:1 seeds=1,2')] };
    const again = settingsFromParams(new URLSearchParams(settingsToParams(form).toString()));
    expect(again).toEqual(form);
    const made = parseSettings(again, 8).config as SweepConfig;
    expect(problems(made)).toEqual([]);
    expect(parseSettings(settingsFromConfig(made), 1).config).toEqual(made);
  });
  it('are written by the axes that have several values, else by the knob', () => {
    const made = config('gated width=2x,4x lambda=0.1');
    const of = axes(made, made.arms[0] as SweepConfig['arms'][0]);
    expect(of.map(({ word }) => word).slice(0, 3)).toEqual(['width', 'lambda', 'seeds']);
    const one = product(of)[3] as Record<string, number>;
    expect(one).toMatchObject({ width: 32, lambda: 0.1, seeds: 2 });
    expect(strikeOf(of, one)).toBe('width:32/seeds:2');
    const arm = { ...(made.arms[0] as SweepConfig['arms'][0]), without: [strikeOf(of, one)] };
    expect(isStruck(one, arm)).toBe(true);
    expect(combinations(made, arm)).toHaveLength(3);
    const single = parseSettings({ ...defaultForm(), arms: [readArm('gated lambda=0.3')] }, 8).config as SweepConfig;
    const alone = axes(single, single.arms[0] as SweepConfig['arms'][0]);
    expect(strikeOf(alone, product(alone)[0] as Record<string, number>)).toBe('lambda:0.3');
  });
  it.each([
    ['gated lambda=0.1,0.2 without=lambda:0.4', /^lambda:0\.4 is none of this arm's runs: take it off\.$/],
    ['gated lambda=0.1 without=steps:3', /^"steps:3" names no run: give values of width, lambda, seeds/],
    ['gated lambda=0.1 without=0.1', /^"0\.1" names no run/],
    ['gated lambda=0.1 without=lambda:x', /"x" is not a number/],
  ])('%s is refused at the arm', (text, message) => {
    expect(parsed(text).errors['arms.0.without']).toMatch(message);
  });
  it('may not be all', () => {
    expect(parsed('gated lambda=0.1 without=lambda:0.1').errors).toEqual({ arms: 'Every run is struck out.' });
  });
});
