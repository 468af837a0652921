/** Training speed and where the time goes, measured: over the last seconds, and over all of the training. */

/** Shares of the wall time, 0..1; together at most 1. What is left is the host's own work: encoding commands, answering the page. */
export interface TimeShares {
  /** Waiting for rows: the disk, or the language model that computes them. */
  data: number;
  /** Waiting for the GPU: for room in its queue, or to take rows. */
  gpu: number;
  evaluation: number;
}

interface Span {
  ms: number;
  rows: number;
  dataMs: number;
  gpuMs: number;
  evalMs: number;
}

/** New figures this often; they cover so many milliseconds, or one evaluation where that is longer. */
const PERIOD_MS = 1000;
const WINDOW_MS = 5000;

const nothing = (): Span => ({ ms: 0, rows: 0, dataMs: 0, gpuMs: 0, evalMs: 0 });

function add(to: Span, span: Span): Span {
  for (const key of Object.keys(to) as (keyof Span)[]) to[key] += span[key];
  return to;
}

function sharesOf({ ms, dataMs, gpuMs, evalMs }: Span): TimeShares {
  // Clocks are coarse: the parts may exceed the whole by a tick.
  const whole = Math.max(ms, dataMs + gpuMs + evalMs);
  return { data: dataMs / whole, gpu: gpuMs / whole, evaluation: evalMs / whole };
}

export class RateMeter {
  /** Rows trained a second in the last seconds, evaluations not counted; 0 before the first measurement. */
  rowsPerSecond = 0;
  /** Shares of the last seconds' wall time, as in TimeShares; without meaning before the first measurement. */
  dataShare = 0;
  gpuShare = 0;
  evalShare = 0;
  private since: number;
  private present = nothing();
  private recent: Span[] = [];
  private readonly all = nothing();

  constructor(private readonly now: () => number = () => performance.now()) {
    this.since = now();
  }

  /** Training begins or goes on: what went by before does not count, the last figures stay until there are new ones. */
  restart(): void {
    this.since = this.now();
    this.present = nothing();
    this.recent = [];
  }

  /** A step of so many rows, and what of it was spent waiting. */
  step(rows: number, dataMs: number, gpuMs: number): void {
    this.present.rows += rows;
    this.present.dataMs += dataMs;
    this.present.gpuMs += gpuMs;
  }

  evaluation(ms: number): void {
    this.present.evalMs += ms;
  }

  /** Forms new figures when a period is over. @returns whether it was. */
  measure(): boolean {
    if (this.now() - this.since < PERIOD_MS) return false;
    this.recent.push(this.close());
    while (this.recent.slice(1).reduce((ms, span) => ms + span.ms, 0) >= WINDOW_MS) this.recent.shift();
    const window = this.recent.reduce(add, nothing());
    this.rowsPerSecond = (1000 * window.rows) / Math.max(1, window.ms - window.evalMs);
    ({ data: this.dataShare, gpu: this.gpuShare, evaluation: this.evalShare } = sharesOf(window));
    return true;
  }

  /** Shares of everything measured so far, the running period included; undefined when nothing was. */
  overall(): TimeShares | undefined {
    this.recent.push(this.close());
    return this.all.ms > 0 ? sharesOf(this.all) : undefined;
  }

  /** Ends the running period. */
  private close(): Span {
    const now = this.now();
    const span = { ...this.present, ms: now - this.since };
    add(this.all, span);
    this.since = now;
    this.present = nothing();
    return span;
  }
}
