/** Rows of the demo's table: every one of them can be trained; and the loss recovered at an L0 that no run has. */
import { expect, it } from 'vitest';
import { readOptions } from '../../../src/cli/args';
import { ROWS } from '../../../src/cli/reproduce/demoTable';
import { armsOf, recoveredAt } from '../../../src/cli/reproduce/rows';
import { sweepConfig } from '../../../src/cli/sweepConfig';
import { sweepRows } from '../../../src/cli/training';
import { expand } from '../../../src/lab/runSpecs';
import { problems } from '../../../src/lab/settings';

it.each(ROWS)('$name ($arm) is an arm that nothing speaks against', (row) => {
  const args = armsOf(row, [row.knob]).map((arm) => `--arm=${arm}`);
  const config = sweepConfig(readOptions([...args, '--steps=1500', '--batch=256', '--out=x'], sweepRows()).options, 128);
  expect(problems(config)).toEqual([]);
  expect(expand(config).map(({ width, schedule }) => [width, schedule.lambda])).toEqual(args.map(() => [256, row.knob]));
});

it('is linear in log L0 between the two runs next to it, that of a run at its own L0, and unknown outside', () => {
  const runs = [
    { l0: 40, recovered: 0.9 },
    { l0: 10, recovered: 0.7 },
    { l0: 0, recovered: -1 },
  ];
  expect(recoveredAt(runs, 20)).toBeCloseTo(0.8, 12);
  expect(recoveredAt(runs, 10)).toBe(0.7);
  expect([recoveredAt(runs, 9), recoveredAt(runs, 41), recoveredAt([], 5)]).toEqual([undefined, undefined, undefined]);
});
