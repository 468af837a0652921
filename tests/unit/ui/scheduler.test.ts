import { describe, expect, it } from 'vitest';
import { ChartScheduler, type Clock } from '../../../src/ui/scheduler';

/** Time that moves only when told; 16 ms a frame. */
class FakeClock implements Clock {
  time = 0;
  isHidden = false;
  private queue: { at: number; run: () => void }[] = [];
  now = () => this.time;
  hidden = () => this.isHidden;
  frame = (run: () => void) => this.later(run, 16);
  later = (run: () => void, ms: number) => void this.queue.push({ at: this.time + ms, run });
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      this.queue.sort((a, b) => a.at - b.at);
      const next = this.queue[0];
      if (!next || next.at > end) break;
      this.queue.shift();
      this.time = Math.max(this.time, next.at);
      next.run();
    }
    this.time = end;
  }
}

function setup(cost = 0) {
  const clock = new FakeClock();
  const scheduler = new ChartScheduler(clock);
  const draws: { id: string; at: number }[] = [];
  const visible: Record<string, boolean> = {};
  const add = (id: string, minPeriod = 1000, priority = 0) => {
    visible[id] = true;
    return scheduler.register(id, {
      minPeriod,
      priority,
      draw: () => {
        draws.push({ id, at: clock.time });
        clock.time += cost;
      },
      visible: () => visible[id] as boolean,
    });
  };
  return { clock, scheduler, draws, visible, add };
}

describe('chart scheduler', () => {
  it('draws one chart a frame', () => {
    const { clock, draws, add } = setup();
    for (const id of ['a', 'b', 'c']) add(id);
    clock.advance(100);
    expect(draws.map((d) => d.id)).toEqual(['a', 'b', 'c']);
    expect(new Set(draws.map((d) => d.at)).size).toBe(3);
  });
  it('keeps each chart’s pace and lets the latest data win', () => {
    const { clock, scheduler, draws, add } = setup();
    add('a', 500);
    for (let i = 0; i < 100; i++) {
      scheduler.dirty('a');
      clock.advance(50);
    }
    expect(draws.length).toBeGreaterThanOrEqual(9);
    expect(draws.length).toBeLessThanOrEqual(10);
  });
  it('slows down for expensive charts', () => {
    const { clock, scheduler, draws, add } = setup(200);
    add('a', 500);
    for (let i = 0; i < 100; i++) {
      scheduler.dirty('a');
      clock.advance(100);
    }
    // 8 × 200 ms between draws.
    expect(draws.length).toBeLessThanOrEqual(7);
  });
  it('draws the preferred chart first, then the one that waited longest', () => {
    const { clock, draws, add } = setup();
    add('slow');
    add('pareto', 500, 1);
    clock.advance(100);
    expect(draws.map((d) => d.id)).toEqual(['pareto', 'slow']);
  });
  it('skips what is off screen until it is seen', () => {
    const { clock, scheduler, draws, visible, add } = setup();
    add('a');
    visible.a = false;
    clock.advance(100);
    expect(draws).toEqual([]);
    visible.a = true;
    scheduler.wake();
    clock.advance(100);
    expect(draws).toHaveLength(1);
  });
  it('does nothing in a hidden tab and one refresh on return', () => {
    const { clock, scheduler, draws, add } = setup();
    add('a', 100);
    clock.advance(50);
    clock.isHidden = true;
    for (let i = 0; i < 20; i++) {
      scheduler.dirty('a');
      clock.advance(100);
    }
    expect(draws).toHaveLength(1);
    clock.isHidden = false;
    scheduler.wake();
    clock.advance(1000);
    expect(draws).toHaveLength(2);
  });
  it('holds a chart under the pointer, three seconds at most', () => {
    const { clock, scheduler, draws, add } = setup();
    add('a', 100);
    clock.advance(50);
    scheduler.hold('a');
    scheduler.dirty('a');
    clock.advance(2900);
    expect(draws).toHaveLength(1);
    clock.advance(300);
    expect(draws).toHaveLength(2);
    scheduler.hold('a');
    scheduler.dirty('a');
    clock.advance(200);
    scheduler.release('a');
    clock.advance(50);
    expect(draws).toHaveLength(3);
  });
  it('answers a person at once, even while waiting for its pace', () => {
    const { clock, scheduler, draws, add } = setup();
    add('a', 10_000);
    clock.advance(50);
    scheduler.dirty('a');
    clock.advance(50);
    scheduler.dirty('a', true);
    clock.advance(20);
    expect(draws).toHaveLength(2);
    clock.advance(20_000);
    expect(draws).toHaveLength(2);
  });
  it('forgets removed charts and survives one that throws', () => {
    const { clock, scheduler, draws, add } = setup();
    const remove = add('a');
    remove();
    scheduler.register('bad', {
      minPeriod: 100,
      draw: () => {
        throw new Error('broken');
      },
      visible: () => true,
    });
    add('b');
    expect(() => clock.advance(16)).toThrow('broken');
    clock.advance(100);
    expect(draws.map((d) => d.id)).toEqual(['b']);
  });
});
