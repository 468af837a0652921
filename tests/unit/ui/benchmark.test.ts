import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { reportOf } from '../../../bench/report';
import { barsOf, costModel, curvesOf, stepsModel } from '../../../src/ui/benchmark/models';
import { end, labWork, run, useBench } from '../../../src/ui/benchmark/store';
import { DARK, LIGHT } from '../../../src/ui/charts/theme';
import type { Lab } from '../../../src/ui/controller';
import { initialState, useLab } from '../../../src/ui/store';
import { drawable, setting } from '../bench/fixtures';

const report = reportOf(setting(), drawable, []);

describe('charts of the benchmark', () => {
  const curves = curvesOf(report);

  it('draw each point, and the fitted law through them', () => {
    const model = costModel(curves[0] as (typeof curves)[number], curves, LIGHT);
    const [line, marks] = model.traces as [{ x: number[]; y: number[] }, { x: number[]; y: number[] }];
    expect(marks.x).toEqual([1024, 2048, 4096]);
    expect(line.y[1] as number).toBeCloseTo(0.04 * 4096, 6);
    expect(model.message).toContain('time ~ F^1.00');
    expect(model.message).toContain('2.00 times as much');
    expect(model.table.rows).toHaveLength(3);
    expect(model.layout.yaxis).toMatchObject({ type: 'log', title: { text: 'ms a step' } });
  });

  it('share one y axis, so that slopes can be compared by eye', () => {
    const ranges = curves.map((curve) => (costModel(curve, curves, DARK).layout.yaxis as { range: number[] }).range);
    expect(new Set(ranges.map(String)).size).toBe(1);
  });

  it('say when one point is all there is', () => {
    const lonely = costModel(curves[2] as (typeof curves)[number], curves, LIGHT);
    expect(lonely.traces).toHaveLength(1);
    expect(lonely.message).toMatch(/no slope/);
  });

  it('have bars with their times in words, gated above baseline', () => {
    const model = stepsModel(barsOf(report), LIGHT);
    const [bars] = model.traces as [{ y: string[]; text: string[] }];
    expect(bars.y.toReversed()).toEqual([
      'gated sparse',
      'gated dense',
      'gated, TF.js <4.22>',
      'gated, jax-js 0.1.25',
      'baseline sparse',
      'baseline dense',
    ]);
    expect(bars.text.at(-1)).toBe('277 ms');
    expect(model.message).toContain('dense 3.2 times as long');
  });
});

describe('the benchmark beside the lab', () => {
  const sent: unknown[] = [];
  const workers: { terminated: boolean }[] = [];
  class FakeWorker {
    terminated = false;
    onmessage?: (event: { data: unknown }) => void;
    constructor() {
      workers.push(this);
    }
    postMessage(message: unknown) {
      sent.push(message);
    }
    terminate() {
      this.terminated = true;
    }
  }
  const lab = (pause: () => void = () => {}) => ({ ask: async () => pause() }) as unknown as Lab;
  const phase = (name: 'idle' | 'training' | 'paused' | 'loading') => useLab.setState({ session: { phase: name, note: '' } });

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    vi.stubGlobal('Worker', FakeWorker);
    useLab.setState(initialState(), true);
    sent.length = 0;
    workers.length = 0;
  });
  afterEach(() => {
    end();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('knows when the lab’s GPU is at work', () => {
    const of = (name: 'idle' | 'training' | 'paused' | 'loading' | 'preparing', busy?: string) =>
      labWork({ session: { phase: name, note: '' }, busy });
    expect([of('idle'), of('paused'), of('training'), of('loading'), of('preparing')]).toEqual([
      undefined,
      undefined,
      'training',
      'other',
      'other',
    ]);
    expect(of('paused', 'step')).toBe('other');
  });

  it('starts with what was chosen', async () => {
    useBench.setState({ chosen: ['c', 'a'], quick: false, compare: false });
    await run(lab());
    expect(sent).toEqual([{ id: expect.any(Number), type: 'run', letters: ['c', 'a'], quick: false, compare: false }]);
    expect(useBench.getState().running).toBe(true);
  });

  it('pauses training first and waits until it has settled', async () => {
    phase('training');
    const started = run(lab(() => phase('paused')));
    await vi.advanceTimersByTimeAsync(500);
    expect(sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    await started;
    expect(sent).toHaveLength(1);
    expect(useBench.getState().pausedLab).toBe(true);
  });

  it('does not start when it was cancelled while the training was being paused', async () => {
    phase('training');
    const started = run(lab(() => phase('paused')));
    end();
    await vi.advanceTimersByTimeAsync(2000);
    await started;
    expect(sent).toEqual([]);
  });

  it('ends with a reason when the lab begins to train, and says so in the lab', async () => {
    await run(lab());
    phase('training');
    expect(workers.at(-1)?.terminated).toBe(true);
    expect(useBench.getState()).toMatchObject({ running: false });
    expect(useBench.getState().problem).toMatch(/would be wrong/);
    expect(
      useLab
        .getState()
        .notices.map(({ message }) => message)
        .join(),
    ).toMatch(/benchmark was stopped/);
  });

  it('keeps the results that there are when it is cancelled', async () => {
    await run(lab());
    const worker = workers.at(-1) as unknown as FakeWorker;
    const results = { report, title: 'a GPU', json: '{}', markdown: '' };
    worker.onmessage?.({ data: { type: 'results', ...results } });
    end();
    expect(useBench.getState()).toMatchObject({ running: false, results, problem: undefined });
    expect(worker.terminated).toBe(true);
  });
});
