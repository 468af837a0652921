/**
 * Firings of one run's latents in training. The GPU counts until the host fetches; here several may ask, each about the time since it began, and none takes
 * firings from another.
 */

/** Rows on which each latent fired since this count began or was last taken. */
export interface FireCount {
  /** `[F]`; begins anew. */
  take(): Promise<Float32Array>;
  /** Counts no longer. */
  close(): void;
}

export class FireCounts {
  private readonly open = new Map<FireCount, Float32Array>();
  private fetched: Promise<unknown> = Promise.resolve();

  /** @param fetch the GPU's count, which begins anew with the call (not with its answer). */
  constructor(private readonly fetch: () => Promise<Float32Array>) {}

  /** A count from now on. */
  async begin(): Promise<FireCount> {
    const before = this.drain();
    const count = this.add();
    await before;
    return count;
  }

  /** A count from the start on, before any step. */
  add(): FireCount {
    const count: FireCount = {
      take: async () => {
        await this.drain();
        const sum = this.open.get(count);
        if (!sum) throw new Error('this count was closed');
        this.open.set(count, new Float32Array());
        return sum;
      },
      close: () => void this.open.delete(count),
    };
    this.open.set(count, new Float32Array());
    return count;
  }

  /** Gives what the GPU has counted to those who count by now. */
  private async drain(): Promise<void> {
    const theirs = [...this.open.keys()];
    const before = this.fetched;
    const fresh = this.fetch();
    this.fetched = Promise.all([before, fresh]).catch(() => undefined);
    await before;
    const fires = await fresh;
    for (const count of theirs) {
      const sum = this.open.get(count);
      if (sum) this.open.set(count, sum.length === 0 ? fires.slice() : sum.map((n, i) => n + (fires[i] as number)));
    }
  }
}
