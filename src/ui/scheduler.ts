/**
 * When charts are redrawn. Six charts updated in one tick freeze the page for 100 ms and more; one per animation frame
 * does not. So: dirty charts wait here, at most one is drawn per frame, the latest data wins, each at its own pace, and a
 * chart that is off screen, under the pointer or in a hidden tab is not drawn at all.
 */

/** The browser, as far as the scheduler needs it; faked in tests. */
export interface Clock {
  now(): number;
  frame(callback: () => void): void;
  later(callback: () => void, ms: number): void;
  hidden(): boolean;
}

export const browserClock: Clock = {
  now: () => performance.now(),
  frame: (callback) => requestAnimationFrame(callback),
  later: (callback, ms) => setTimeout(callback, ms),
  hidden: () => document.hidden,
};

export interface ScheduledChart {
  /** Shortest time between two draws, ms. Slow charts stretch it themselves: never more than an eighth of the time is spent on one. */
  minPeriod: number;
  /** Drawn before others when both are due. */
  priority?: number;
  draw(): void;
  /** False while off screen. */
  visible(): boolean;
}

interface Entry {
  chart: ScheduledChart;
  dirty: boolean;
  last: number;
  costs: number[];
  heldUntil: number;
}

const LONGEST_HOLD = 3000;

export class ChartScheduler {
  private readonly entries = new Map<string, Entry>();
  /** Time of the tick that is planned, and its number: an earlier one replaces it. */
  private planned = Number.POSITIVE_INFINITY;
  private plan = 0;

  constructor(private readonly clock: Clock = browserClock) {}

  /** Adds a chart, dirty. Returns its remover. */
  register(id: string, chart: ScheduledChart): () => void {
    const entry: Entry = { chart, dirty: true, last: Number.NEGATIVE_INFINITY, costs: [], heldUntil: 0 };
    this.entries.set(id, entry);
    this.wake();
    return () => {
      if (this.entries.get(id) === entry) this.entries.delete(id);
    };
  }

  /** New data for a chart. `now` skips its pace: for changes that a person made. */
  dirty(id: string, now = false): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    entry.dirty = true;
    if (now) entry.last = Number.NEGATIVE_INFINITY;
    this.wake();
  }

  /** The pointer rests on a mark: keep the picture still, for 3 s at most. */
  hold(id: string): void {
    const entry = this.entries.get(id);
    if (entry) entry.heldUntil = this.clock.now() + LONGEST_HOLD;
  }

  release(id: string): void {
    const entry = this.entries.get(id);
    if (entry) entry.heldUntil = 0;
    this.wake();
  }

  /** Call when something may have become visible, or the tab came back. */
  wake(): void {
    if (this.clock.hidden()) return;
    const wait = this.untilNext();
    if (wait === undefined) return;
    const at = this.clock.now() + wait;
    if (at >= this.planned) return;
    this.planned = at;
    const plan = ++this.plan;
    const go = () => {
      if (plan !== this.plan) return;
      this.planned = Number.POSITIVE_INFINITY;
      this.tick();
    };
    if (wait <= 0) this.clock.frame(go);
    else this.clock.later(go, wait);
  }

  private tick(): void {
    if (this.clock.hidden()) return;
    const now = this.clock.now();
    let next: Entry | undefined;
    for (const entry of this.entries.values()) {
      if (!entry.dirty || this.dueIn(entry, now) > 0 || !entry.chart.visible()) continue;
      if (!next || rank(entry) > rank(next) || (rank(entry) === rank(next) && entry.last < next.last)) next = entry;
    }
    if (next) {
      next.dirty = false;
      try {
        next.chart.draw();
      } finally {
        const end = this.clock.now();
        next.last = end;
        next.costs = [...next.costs.slice(-4), end - now];
        this.wake();
      }
      return;
    }
    this.wake();
  }

  /** Milliseconds until some visible dirty chart is due; undefined when none is waiting. */
  private untilNext(): number | undefined {
    const now = this.clock.now();
    let least: number | undefined;
    for (const entry of this.entries.values()) {
      if (!entry.dirty || !entry.chart.visible()) continue;
      const due = Math.max(0, this.dueIn(entry, now));
      if (least === undefined || due < least) least = due;
    }
    return least;
  }

  private dueIn(entry: Entry, now: number): number {
    const mean = entry.costs.length === 0 ? 0 : entry.costs.reduce((a, b) => a + b, 0) / entry.costs.length;
    const period = Math.max(entry.chart.minPeriod, 8 * mean);
    return Math.max(entry.last + period, entry.heldUntil) - now;
  }
}

const rank = (entry: Entry) => entry.chart.priority ?? 0;
