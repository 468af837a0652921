import { describe, expect, it } from 'vitest';
import type { RunSummary } from '../../../src/lab/protocol';
import { compare, comparedWords, leftOutWords, runSets } from '../../../src/metrics/comparison';
import { headline } from '../../../src/metrics/headline';
import { QUALITIES } from '../../../src/metrics/quality';
import { nextSelection, setLabels, shownSet } from '../../../src/ui/shownSet';
import { metrics, run } from './fixtures';

const at = (id: string, recovered: number | undefined, over: Partial<RunSummary> = {}) =>
  run({ id, name: id, metrics: metrics({ loss_recovered: recovered }), ...over });
const ids = (runs: readonly { run: RunSummary }[]) => runs.map(({ run: { id } }) => id);

describe('what is compared', () => {
  it('values outside the sensible range enter no headline and are named', () => {
    const runs = [at('r1', 0.9), at('r2', -1.4), at('r3', 1.04), at('r4', 1.2)];
    const made = compare(runs, QUALITIES.recovered);
    expect(ids(made.points)).toEqual(['r1', 'r3']);
    expect(headline(compare([at('r2', -1.4)], QUALITIES.recovered))).toEqual({
      sentence: 'No run can be compared yet.',
      notes: ['Not compared: r2 (loss recovered −1.40 lies outside 0 to 1.05).'],
    });
    expect(made.left.map(({ why }) => why)).toEqual([
      'loss recovered −1.40 lies outside 0 to 1.05',
      'loss recovered 1.20 lies outside 0 to 1.05',
    ]);
    const gammas = [at('r1', 0.9), run({ id: 'r2', metrics: metrics({ gamma: 920 }) })];
    expect(leftOutWords(compare(gammas, QUALITIES.gamma))).toEqual(['Not compared: r1 gated (γ 920 lies outside 0.25 to 2).']);
  });
  it('runs without an active latent, unevaluated and failed ones are left out with their reasons', () => {
    const runs = [
      at('r1', 0.9),
      run({ id: 'r2', name: 'r2', metrics: metrics({ loss_recovered: 0.1, l0: 0 }) }),
      run({ id: 'r3', name: 'r3', state: 'training' }),
      at('r4', 0.8, { state: 'failed', step: 40 }),
    ];
    const made = compare(runs, QUALITIES.recovered);
    expect(ids(made.points)).toEqual(['r1']);
    expect(leftOutWords(made)).toEqual(['Not compared: r2 (no latent fires), r3 (not evaluated yet), r4 (failed).']);
  });
  it('finished runs are not compared with those still training, until more are as far as each other', () => {
    const done = ['r1', 'r2', 'r3'].map((id) => at(id, 0.9));
    const live = (n: number) =>
      Array.from({ length: n }, (_, i) => at(`r${10 + i}`, 0.5, { state: 'training', step: 45, evaluatedAt: 40 }));
    const few = compare([...done, ...live(2)], QUALITIES.recovered);
    expect(ids(few.points)).toEqual(['r1', 'r2', 'r3']);
    expect(comparedWords(few)).toBe('Compared: 3 finished runs of 100 steps, trained on acts and measured on 38\u202f400 held-out rows.');
    expect(leftOutWords(few)).toEqual(['Not compared: r10 and r11 (still training, at step 40).']);
    const many = compare([...done, ...live(4)], QUALITIES.recovered);
    expect(ids(many.points)).toEqual(['r10', 'r11', 'r12', 'r13']);
    expect(comparedWords(many)).toMatch(/^Compared: 4 runs after 40 steps, trained on acts /);
    expect(leftOutWords(many)).toEqual(['Not compared: 3 runs (finished at step 100).']);
  });
  it('a run stopped where the finished ones ended is as far as they are', () => {
    const made = compare(
      [at('r1', 0.9), at('r2', 0.8, { state: 'stopped', steps: 500, step: 100, evaluatedAt: 100 })],
      QUALITIES.recovered,
    );
    expect(ids(made.points)).toEqual(['r1', 'r2']);
  });
  it('finished runs of other lengths are compared, and that is said', () => {
    const made = compare([at('r1', 0.9), at('r2', 0.8, { steps: 2500, step: 2500 })], QUALITIES.recovered);
    expect(comparedWords(made).replace(/\u202f/g, ' ')).toMatch(/^Compared: 2 finished runs of 100 to 2 500 steps, /);
  });
});

describe('sets of runs', () => {
  const here = [at('r1', 0.9), at('r2', 0.8)];
  const { identity } = run();
  const other = (over: Partial<RunSummary['identity']>) => ({ identity: { ...identity, ...over } });
  const there = at('r3', 0.7, { data: 'elsewhere', ...other({ rows: 'elsewhere' }) });
  const scaled = at('r4', 0.7, other({ normalize: 'none' }));

  it('agree in every fact: rows, what is left out of them, hook, model, evaluation tokens, scaling', () => {
    const odd: Partial<RunSummary['identity']>[] = [
      { rows: 'b' },
      { filter: 'without BOS' },
      { hook: 'blocks.0.hook_mlp_out' },
      { model: 'm' },
      { evaluation: 'other tokens' },
      { normalize: 'mean-norm' },
    ];
    for (const over of odd) expect(runSets([at('r1', 0.9), at('r2', 0.9, other(over))]), JSON.stringify(over)).toHaveLength(2);
    // A fact that only one of them knows is a difference too; the same facts under another name are none.
    const { evaluation: _, ...unknown } = identity;
    expect(runSets([at('r1', 0.9), at('r2', 0.9, { identity: unknown })])).toHaveLength(2);
    expect(runSets([at('r1', 0.9), at('r2', 0.9, { data: 'the same files, dropped again' })])).toHaveLength(1);
  });
  it('are in the order of their runs; the set with the newest run is last', () => {
    const sets = runSets([...here, there, scaled]);
    expect(sets.map(({ runs }) => runs.map(({ id }) => id))).toEqual([['r1', 'r2'], ['r3'], ['r4']]);
    expect(
      runSets([...here, there, at('r5', 0.6)])
        .at(-1)
        ?.runs.map(({ id }) => id),
    ).toEqual(['r1', 'r2', 'r5']);
  });
  it('have names that tell them apart', () => {
    const sets = runSets([...here, there, scaled]);
    expect([...setLabels(sets).values()]).toEqual([
      'acts, normalize mean-square: 2 runs (r1 to r2)',
      'elsewhere: 1 run (r3)',
      'acts, normalize none: 1 run (r4)',
    ]);
  });

  it('the selected run brings its set into view; without one the newest is there', () => {
    const ofRun = (selected?: string) => shownSet(runSets([...here, there]), selected)?.runs.map(({ id }) => id);
    expect(ofRun('r2')).toEqual(['r1', 'r2']);
    expect(ofRun('r3')).toEqual(['r3']);
    expect(ofRun()).toEqual(['r3']);
    expect(shownSet([], 'r1')).toBeUndefined();
  });
  it('new runs of another set take the selection, others leave it', () => {
    expect(nextSelection([], here, undefined)).toBe('r1');
    expect(nextSelection(here, [...here, there], 'r2')).toBe('r3');
    expect(nextSelection(here, [...here, at('r5', 0.5)], 'r2')).toBe('r2');
    expect(nextSelection([...here, there], [...here, there], 'r2')).toBe('r2');
  });
  it('a selected run that is taken off the list leaves the selection to one of its set', () => {
    const all = [there, ...here];
    expect(nextSelection(all, [there, here[0] as RunSummary], 'r2')).toBe('r1');
    expect(nextSelection(all, here, 'r3')).toBe('r1');
    expect(nextSelection(here, [], 'r1')).toBeUndefined();
  });
});
