import { describe, expect, it } from 'vitest';
import type { LogColumn, RunSummary } from '../../../src/lab/protocol';
import { compare, leftOutWords } from '../../../src/metrics/comparison';
import { QUALITIES, type QualityId } from '../../../src/metrics/quality';
import { linearRange, logAxis } from '../../../src/ui/charts/model';
import { effectiveMetric, type ParetoInput, paretoModel, paretoWords } from '../../../src/ui/charts/paretoModel';
import { deadModel, densityModel, gammaModel, gammaWords, lossModel, type RunInput } from '../../../src/ui/charts/runModels';
import { LIGHT } from '../../../src/ui/charts/theme';
import { metrics, run } from './fixtures';

const measured = (id: string, arch: RunSummary['arch'], l0: number, recovered: number, state: RunSummary['state'] = 'done') =>
  run({ id, name: id, arch, state, metrics: metrics({ l0, loss_recovered: recovered, r2: recovered / 2 }) });

const input = (runs: RunSummary[], { metric = 'recovered', ...over }: Partial<ParetoInput> & { metric?: QualityId } = {}): ParetoInput => ({
  comparison: compare(runs, QUALITIES[metric]),
  trail: () => [],
  logX: true,
  hidden: [],
  view: '0',
  palette: LIGHT,
  ...over,
});

describe('Pareto chart', () => {
  const runs = [
    measured('g1', 'gated', 5, 0.5),
    measured('g2', 'gated', 31, 0.9),
    measured('b1', 'baseline', 10, 0.5),
    measured('b2', 'baseline', 74, 0.9, 'training'),
  ];

  it('is R² by name when no loss was measured', () => {
    const bare = [run({ metrics: metrics() })];
    expect(effectiveMetric(bare, 'recovered')).toBe('r2');
    const model = paretoModel(input(bare, { metric: 'r2' }));
    expect(JSON.stringify(model)).not.toMatch(/loss recovered/i);
    expect(model.layout.yaxis).toMatchObject({ title: { text: 'Variance recovered (R²)' } });
  });
  it('never mixes runs with and without a measured loss, and says which are missing', () => {
    const mixed = [...runs, run({ id: 'x', metrics: metrics() }), run({ id: 'y' })];
    expect(effectiveMetric(mixed, 'recovered')).toBe('recovered');
    const model = paretoModel(input(mixed));
    expect(model.layout.yaxis).toMatchObject({ title: { text: 'Loss recovered (zero ablation)' } });
    expect(model.traces.filter((t) => t.customdata).flatMap((t) => t.customdata)).toHaveLength(4);
    expect(model.table.rows.map((row) => row.at(-1))).toEqual(['yes', 'yes', 'no: no measured loss', 'yes', 'yes']);
    expect(leftOutWords(compare(mixed, QUALITIES.recovered)).join(' ')).toMatch(/1 run has no measured loss and is not shown/);
  });
  it('draws frontiers as the line that the sentence is read from: baseline dotted vermillion, gated solid blue', () => {
    const lines = paretoModel(input(runs)).traces.filter((t) => t.mode === 'lines');
    expect(lines.map((t) => t.line)).toEqual([
      { color: '#D55E00', width: 1.75, dash: 'dot' },
      { color: '#0072B2', width: 1.75, dash: 'solid' },
    ]);
    expect(lines[1]).toMatchObject({ x: [5, 31], y: [0.5, 0.9] });
    // Straight in log L0, so curved on a linear axis: at half the quality √(5 · 31).
    const curved = paretoModel(input(runs, { logX: false })).traces.filter((t) => t.mode === 'lines')[1] as { x: number[]; y: number[] };
    const middle = curved.y.findIndex((q) => q >= 0.7);
    const t = ((curved.y[middle] as number) - 0.5) / 0.4;
    expect(curved.x[middle]).toBeCloseTo(5 * (31 / 5) ** t, 9);
    expect(paretoWords(compare(runs, QUALITIES.recovered)).sentence).toBe(
      'At loss recovered 0.90 Gated needs 0.42x the L0 of baseline (31 vs 74).',
    );
  });
  it('the sentence is about the y axis', () => {
    const words = (metric: QualityId) => paretoWords(compare(runs, QUALITIES[metric])).sentence;
    expect(words('r2')).toMatch(/^At variance recovered \(R²\) 0\.30 /);
    expect(words('fvu')).not.toMatch(/recovered/);
  });
  it('marks: squares and circles, hollow while training, filled when done, crossed when failed, carrying the run’s id', () => {
    const failed = [...runs, measured('b3', 'baseline', 20, 0.7, 'failed'), measured('b4', 'baseline', 25, 0.7, 'stopped')];
    const marks = paretoModel(input(failed)).traces.filter((t) => t.customdata) as {
      customdata: string[];
      marker: { symbol: string[]; color: string[] };
    }[];
    expect(marks.map((m) => m.marker.symbol)).toEqual([
      ['square', 'square', 'x', 'square-open-dot'],
      ['circle', 'circle'],
    ]);
    expect(marks.map((m) => m.customdata)).toEqual([
      ['b1', 'b2', 'b3', 'b4'],
      ['g1', 'g2'],
    ]);
    expect(marks[0]?.marker.color.slice(0, 2)).toEqual(['#D55E00', LIGHT.background]);
  });
  it('adds a ring for the selected run, trails of earlier evaluations, and hides an architecture', () => {
    const trail = () => [1, 2, 3].map((step) => ({ step, metrics: metrics({ l0: 50 / step, loss_recovered: 0.1 * step }) }));
    const model = paretoModel(input(runs, { selected: 'g1', trail, hidden: ['baseline'] }));
    expect(model.traces.at(-1)).toMatchObject({ x: [5], y: [0.5] });
    expect(model.traces.some((t) => (t.opacity as number) < 0.3)).toBe(true);
    expect(model.traces.some((t) => t.name === 'Baseline')).toBe(false);
  });
  it('keeps its view until axis or reset change', () => {
    const revision = (over: Partial<ParetoInput>) => paretoModel(input(runs, over)).layout.uirevision;
    expect(revision({ selected: 'g1' })).toBe(revision({}));
    expect(revision({ view: '1' })).not.toBe(revision({}));
    expect(revision({ logX: false })).not.toBe(revision({}));
  });
  it('shows γ without a frontier, with the band', () => {
    const model = paretoModel(input(runs, { metric: 'gamma' }));
    expect(model.traces.every((t) => t.mode === 'markers')).toBe(true);
    expect(model.layout.shapes).toHaveLength(2);
    expect(model.message).toBe('Median γ: Baseline 1.00, Gated 1.00.');
  });
  it('prefers small FVU', () => {
    const fvu = [
      run({ id: 'a', metrics: metrics({ l0: 1, fvu: 0.5 }) }),
      run({ id: 'b', metrics: metrics({ l0: 2, fvu: 0.6 }) }),
      run({ id: 'c', metrics: metrics({ l0: 3, fvu: 0.1 }) }),
    ];
    const line = paretoModel(input(fvu, { metric: 'fvu' })).traces.find((t) => t.mode === 'lines');
    expect(line).toMatchObject({ x: [1, 3], y: [0.5, 0.1] });
  });
});

describe('run charts', () => {
  const column = (name: LogColumn) =>
    name === 'aux_loss'
      ? new Float32Array(1000).fill(Number.NaN)
      : Float32Array.from({ length: 1000 }, (_, i) => (name === 'step' ? i : 1 / (i + 1)));
  const evaluations = [1, 2].map((k) => ({ step: k * 500, metrics: metrics({ gamma: 0.8 + k * 0.1, alive: 0.9 + k * 0.04 }) }));
  const of = (over: Partial<RunInput> = {}): RunInput => ({ run: run(), column, evaluations, rowWord: 'rows', palette: LIGHT, ...over });

  it('loss: at most 500 points a line, log axis, no auxiliary term where none is logged', () => {
    const model = lossModel(of());
    expect(model.traces.map((t) => t.name)).toEqual(['total', 'reconstruction', 'sparsity × λ']);
    expect(model.traces.every((t) => (t.x as number[]).length <= 500)).toBe(true);
    expect(model.layout.yaxis).toMatchObject({ type: 'log' });
    expect(model.message).toMatch(/^Loss 0\.001 at step 999: reconstruction/);
    expect(model.table.rows.length).toBeLessThanOrEqual(40);
  });
  it('loss says of which rows it is', () => {
    const words = (over: Partial<RunSummary>) => lossModel(of({ run: run(over) })).message;
    expect(words({ normalize: 'mean-square', activationScale: 0.02089 })).toMatch(/; of rows × 0\.02089 \(E‖x‖² = 1\)\.$/);
    expect(words({ normalize: 'mean-norm', activationScale: 1 / 3 })).toMatch(/; of rows × 0\.3333 \(E‖x‖ = √d\)\.$/);
    expect(words({ normalize: 'none', activationScale: 1 })).toMatch(/; of rows as in the file\.$/);
  });
  it('γ: band, line at 1 and words', () => {
    expect(gammaModel(of()).layout.shapes).toHaveLength(2);
    expect(gammaWords(0.8)).toMatch(/shrink; scaling them up by 25\u202f%/);
    expect(gammaWords(1.001)).toMatch(/unbiased/);
    expect(gammaWords(1.2)).toMatch(/broken run/);
  });
  it('dead latents name their window', () => {
    const model = deadModel(of());
    expect(model.traces[0]?.y).toEqual([6, 2]);
    expect(model.message.replace(/\u202f/g, ' ')).toBe('2 of 100 latents (2.0 %) did not fire in a window of 65 536 rows.');
  });
  it('density: its own bar for never', () => {
    const counts = Array.from({ length: 40 }, (_, i) => (i === 20 ? 7 : 0));
    const model = densityModel(of({ density: { counts, dead: 3, rows: 1000 } }));
    expect(model.traces[0]).toMatchObject({ type: 'bar', y: [3] });
    expect((model.traces[1] as { x: number[] }).x[20]).toBeCloseTo(-2.925);
    expect(model.message.replace(/\u202f/g, ' ')).toMatch(/3 never fired in 1 000 rows\.$/);
    expect(densityModel(of()).message).toBe('No evaluation yet.');
  });
});

describe('axes', () => {
  it('log: labels at 1, 2, 5, or at decades when there are many', () => {
    expect(logAxis([3, 30]).ticks?.values).toContain(20);
    expect(logAxis([0.001, 100]).ticks?.values).not.toContain(20);
    expect(logAxis([30, 50]).ticks?.values).toEqual([30, 40, 50]);
    expect(logAxis([]).range).toBeUndefined();
    expect(logAxis([5, 5]).range?.[0]).toBeLessThan(Math.log10(5));
  });
  it('linear: padded, never empty', () => {
    expect(linearRange([])).toBeUndefined();
    expect(linearRange([1, 1])).toEqual([0.9, 1.1]);
  });
});
