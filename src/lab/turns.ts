/** Turns: work that must not overlap waits for what was asked before it. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when everything asked for earlier has ended, however it ended. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }
}

/** A macrotask without the 4 ms clamp of timers: lets messages in between two steps. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
