/**
 * Which slot of the pool holds what: the shuffling itself, without a GPU. A slot is free, live (holds a row not yet
 * served) or lent (its row is in the batch that is being trained on).
 */
import type { Rng } from '../../util/rng';

export class SlotBook {
  private readonly free: number[];
  private readonly lent: number[] = [];
  /** Live slots: the first `count` entries from `head`, a ring, so that file order costs no moving. */
  private readonly live: Uint32Array;
  private head = 0;
  private count = 0;

  /** @param rng draws at random; without it rows leave in the order in which they came. */
  constructor(
    readonly capacity: number,
    private readonly rng?: Rng,
  ) {
    this.live = new Uint32Array(capacity);
    this.free = Array.from({ length: capacity }, (_, i) => capacity - 1 - i);
  }

  get freeSlots(): number {
    return this.free.length;
  }

  get liveSlots(): number {
    return this.count;
  }

  /** Slots for `n` incoming rows, which are live from now on. */
  admit(n: number): Uint32Array {
    if (n > this.free.length) throw new Error(`${n} rows for ${this.free.length} free slots`);
    const slots = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      const slot = this.free.pop() as number;
      slots[i] = slot;
      this.live[(this.head + this.count++) % this.capacity] = slot;
    }
    return slots;
  }

  /** Lends `n` live slots to `batch` from index `at`. */
  draw(n: number, batch: Uint32Array, at: number): void {
    if (n > this.count) throw new Error(`${n} rows of ${this.count} in the pool`);
    for (let i = 0; i < n; i++) {
      // A random live slot is swapped to the front, where it leaves.
      const first = this.head;
      const pick = this.rng ? (this.head + this.rng.int(this.count)) % this.capacity : first;
      const slot = this.live[pick] as number;
      this.live[pick] = this.live[first] as number;
      this.head = (this.head + 1) % this.capacity;
      this.count--;
      batch[at + i] = slot;
      this.lent.push(slot);
    }
  }

  /** Frees what was lent: the GPU work that reads those slots has been submitted. */
  reclaim(): void {
    for (const slot of this.lent) this.free.push(slot);
    this.lent.length = 0;
  }
}
