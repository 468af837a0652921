/** From cells to the start that becomes a default. Runs are made up so that scores are sums by hand. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { recipesFigure, recipesReport } from '../../../src/cli/recipesReport';
import type { Cell } from '../../../src/lab/recipes/cells';
import { chosen, contests, isInOrder, ranked } from '../../../src/lab/recipes/scores';

/** Two runs of L0 1 and 100: a score over that range is the mean of their qualities. */
const cell = (site: string, encLength: number, lr: number, [low, high]: [number, number], change: Partial<Cell> = {}): Cell => ({
  site,
  budget: 600,
  arch: 'gated',
  encLength,
  lr,
  runs: [
    { knob: 1, state: 'done', l0: 1, loss_recovered: low },
    { knob: 0.1, state: 'done', l0: 100, loss_recovered: high },
  ],
  ...change,
});

const CELLS = [
  cell('a', 0.1, 1e-3, [0.2, 0.8]),
  cell('a', 1, 1e-3, [0.1, 0.7]),
  cell('a', 0.1, 3e-3, [0.3, 0.9]),
  cell('b', 0.1, 1e-3, [0.4, 0.8]),
  cell('b', 1, 1e-3, [0.4, 0.9]),
  cell('b', 0.1, 3e-3, [0.1, 0.5]),
];

it('the best start is the one that falls least behind the best of each site', () => {
  const all = contests(CELLS);
  expect(all.map(({ entries }) => entries.map(({ score }) => Number(score?.toFixed(9))))).toEqual([
    [0.5, 0.4, 0.6],
    [0.6, 0.65, 0.3],
  ]);
  // Behind by 0.1 and 0.05; 0.2 and 0; 0 and 0.35.
  const order = ranked(all, 'gated', 600);
  expect(order.map(({ encLength, lr }) => [encLength, lr])).toEqual([
    [0.1, 1e-3],
    [1, 1e-3],
    [0.1, 3e-3],
  ]);
  expect(order.map(({ behind }) => behind.toFixed(9))).toEqual(['0.075000000', '0.100000000', '0.175000000']);
  expect(chosen(CELLS)).toEqual({ 600: { gated: { encLength: 0.1, lr: 1e-3 } } });
});

it('runs that failed or recover less than nothing are on no frontier, and a start without a score at a site is not ranked', () => {
  const failed = cell('b', 0.3, 1e-2, [0.9, 1], {
    runs: [
      { knob: 1, state: 'failed', l0: 1, loss_recovered: 0.9 },
      { knob: 0.5, state: 'done', l0: 2, loss_recovered: -0.1 },
      { knob: 0.1, state: 'done', l0: 100, loss_recovered: 1 },
    ],
  });
  const all = contests([...CELLS, cell('a', 0.3, 1e-2, [0.9, 1]), failed]);
  expect(all[1]?.entries[3]).toMatchObject({ score: undefined, l0s: [100, 100] });
  expect(isInOrder(failed)).toBe(false);
  expect(ranked(all, 'gated', 600).map(({ encLength }) => encLength)).not.toContain(0.3);
});

it('a start at which a run collapses is out, however good the others are', () => {
  const runs = [
    { knob: 0.1, state: 'done', l0: 3.7, loss_recovered: -0.55 },
    { knob: 0.2, state: 'done', l0: 7.8, loss_recovered: 0.78 },
    { knob: 0.4, state: 'done', l0: 2.3, loss_recovered: 0.52 },
  ];
  expect(isInOrder({ runs })).toBe(false);
  expect(isInOrder({ runs: runs.slice(1) })).toBe(true);
  // Its lr is no default of another arm or budget either.
  const collapsed = cell('c', 1, 1e-3, [0, 1], { arch: 'baseline', budget: 3000, runs });
  expect(ranked(contests([...CELLS, collapsed]), 'gated', 600).map(({ lr }) => lr)).toEqual([3e-3]);
  // A knob that counts latents rises with them.
  expect(isInOrder({ runs: [4, 8, 16].map((k) => ({ knob: k, state: 'done', l0: k, loss_recovered: k / 20 })) })).toBe(true);
});

it('the defaults, the report and its figure are what the kept cells give', () => {
  const { cells } = JSON.parse(readFileSync('docs/recipes.json', 'utf8')) as { cells: Cell[] };
  expect(JSON.parse(readFileSync('src/lab/settings/starts.json', 'utf8'))).toEqual(chosen(cells));
  expect(readFileSync('docs/recipes.md', 'utf8')).toBe(recipesReport(cells));
  expect(readFileSync('docs/recipes.svg', 'utf8')).toBe(recipesFigure(cells));
});
