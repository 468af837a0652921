import { describe, expect, it } from 'vitest';
import { LOG_COLUMNS } from '../../../src/lab/protocol';
import { decimate } from '../../../src/ui/decimate';
import { MAX_ROWS, MetricStore } from '../../../src/ui/metricStore';
import { metrics } from './fixtures';

describe('decimate', () => {
  it('leaves short series alone and skips what is not a number', () => {
    expect(decimate([1, 2, 3], [5, Number.NaN, 7])).toEqual({ x: [1, 3], y: [5, 7] });
  });
  it('keeps spikes, ends, order and the limit', () => {
    const n = 10_000;
    const x = Array.from({ length: n }, (_, i) => i);
    const y = x.map((i) => Math.sin(i / 500));
    y[4321] = 99;
    y[4322] = -99;
    const out = decimate(x, y, 500);
    expect(out.x.length).toBeLessThanOrEqual(500);
    expect(out.x.length).toBeGreaterThan(400);
    expect(out.y).toContain(99);
    expect(out.y).toContain(-99);
    expect(out.x[0]).toBe(0);
    expect(out.x.at(-1)).toBe(n - 1);
    expect(out.x).toEqual([...out.x].sort((a, b) => a - b));
  });
  it('handles constants and emptiness', () => {
    expect(decimate([], [])).toEqual({ x: [], y: [] });
    const flat = decimate(
      new Float32Array(1000).map((_, i) => i),
      new Float32Array(1000).fill(2),
      100,
    );
    expect(flat.x.length).toBeLessThanOrEqual(100);
    expect(new Set(flat.y)).toEqual(new Set([2]));
  });
});

const rows = (from: number, count: number) =>
  Float32Array.from({ length: count * LOG_COLUMNS.length }, (_, i) =>
    i % LOG_COLUMNS.length === 0 ? from + Math.floor(i / LOG_COLUMNS.length) : 0.5,
  );

describe('metric store', () => {
  it('grows by columns and tells who listens', () => {
    const store = new MetricStore();
    const heard: string[] = [];
    store.subscribe((run) => heard.push(run));
    store.appendLog('r1', rows(0, 300));
    store.appendLog('r1', rows(300, 300));
    expect(store.column('r1', 'step')).toEqual(Float32Array.from({ length: 600 }, (_, i) => i));
    expect(store.column('r1', 'gamma')[599]).toBe(0.5);
    expect(store.column('unknown', 'step').length).toBe(0);
    expect(heard).toEqual(['r1', 'r1']);
  });
  it('stays bounded and keeps the whole history', () => {
    const store = new MetricStore();
    const total = MAX_ROWS * 3;
    for (let from = 0; from < total; from += 4096) store.appendLog('r1', rows(from, 4096));
    const steps = store.column('r1', 'step');
    expect(steps.length).toBeLessThanOrEqual(MAX_ROWS);
    expect(steps[0]).toBe(0);
    expect(steps.at(-1)).toBeGreaterThan(total - 8);
    const gaps = new Set(Array.from(steps.slice(1), (s, i) => s - (steps[i] as number)));
    expect(gaps).toEqual(new Set([4]));
  });
  it('replaces a repeated evaluation and drops removed runs', () => {
    const store = new MetricStore();
    const density = { counts: [1], dead: 0, rows: 10 };
    store.addEvaluation('r1', { step: 5, metrics: metrics({ l0: 1 }) }, density);
    store.addEvaluation('r1', { step: 5, metrics: metrics({ l0: 2 }) }, density);
    expect(store.evaluations('r1').map((e) => e.metrics.l0)).toEqual([2]);
    store.keep(new Set(['r2']));
    expect(store.evaluations('r1')).toEqual([]);
    expect(store.density('r1')).toBeUndefined();
  });
});
