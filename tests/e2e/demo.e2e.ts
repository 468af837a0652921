import { expect } from 'vitest';
import type { RunSummary } from '../../src/lab/protocol';
import { journey, on, settle, withBrowser } from './lab';

withBrowser();

const measured = (runs: RunSummary[]) => runs.filter((run) => run.metrics?.loss_recovered !== undefined);
const kinds = (runs: RunSummary[]) => new Set(runs.map((run) => run.arch));

journey('run the demo: both kinds appear with their loss recovered, and move', {}, async ({ page, until }) => {
  const clicked = performance.now();
  await on(page).runDemo.click();
  const first = await until('point of each kind', (s) => kinds(measured(s.runs)).size === 2);
  console.log(`first points of both kinds ${((performance.now() - clicked) / 1000).toFixed(1)} s after the click`);

  const before = new Map(measured(first.runs).map((run) => [run.id, run]));
  const moved = (runs: RunSummary[]) =>
    measured(runs).filter((run) => {
      const old = before.get(run.id);
      return old !== undefined && run.evaluatedAt !== old.evaluatedAt && run.metrics?.loss_recovered !== old.metrics?.loss_recovered;
    });
  const later = await until('second evaluation that differs', (s) => moved(s.runs).length > 0);
  console.log(`points moved ${((performance.now() - clicked) / 1000).toFixed(1)} s after the click`);

  for (const { metrics } of measured(later.runs)) {
    expect(metrics?.l0).toBeGreaterThanOrEqual(0);
    expect(metrics?.ce_clean).toBeLessThan(metrics?.ce_zero ?? 0);
    expect(metrics?.loss_recovered).toBeLessThanOrEqual(1.01);
  }
  await settle(page);
  await on(page).yTitle.waitFor();
  expect(await on(page).yTitle.textContent()).toMatch(/loss recovered/i);
  expect(await on(page).points.count()).toBeGreaterThanOrEqual(2);
  expect(await on(page).runsTable.getByRole('row').count()).toBeGreaterThan(later.runs.length);
});
