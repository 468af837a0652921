/** Training speed and where the time goes, over the last second or so. */
const PERIOD_MS = 1000;

export class RateMeter {
  /** Rows trained a second, evaluations not counted; 0 before the first measurement. */
  rowsPerSecond = 0;
  /** Shares of the wall time spent waiting for data and evaluating. */
  dataShare = 0;
  evalShare = 0;
  private since = performance.now();
  private rows = 0;
  private dataMs = 0;
  private evalMs = 0;

  restart(): void {
    this.since = performance.now();
    this.rows = this.dataMs = this.evalMs = 0;
  }

  step(rows: number, dataMs: number): void {
    this.rows += rows;
    this.dataMs += dataMs;
  }

  evaluation(ms: number): void {
    this.evalMs += ms;
  }

  /** Forms new figures when a period is over. @returns whether it was. */
  measure(): boolean {
    const elapsed = performance.now() - this.since;
    if (elapsed < PERIOD_MS) return false;
    this.rowsPerSecond = (1000 * this.rows) / Math.max(1, elapsed - this.evalMs);
    this.dataShare = this.dataMs / elapsed;
    this.evalShare = this.evalMs / elapsed;
    this.restart();
    return true;
  }
}
