/**
 * Memory of blocks that nobody needs any more, for the next reads of a file in Node. A buffer of megabytes that is fresh from the system costs
 * more than filling it from the page cache: every page of it is a fault. In the page, where a Blob hands out buffers of its own, nothing is lent
 * and nothing comes back.
 */

/** Smaller reads are headers and the like: whoever asked may keep them. */
const LEAST_BYTES = 2 ** 20;
/** A buffer beyond this is no block of rows and is not kept. */
const MOST_BYTES = 2 ** 25;

export class SpareBuffers {
  private readonly spare: ArrayBuffer[] = [];
  /** What was handed out of each buffer: the only view that may come back. */
  private readonly lent = new WeakMap<ArrayBufferLike, Uint8Array>();

  /** @param most buffers kept: as many as one stream has blocks under way. */
  constructor(private readonly most = 4) {}

  /** `length` bytes of any content. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length < LEAST_BYTES || length > MOST_BYTES) return new Uint8Array(length);
    const bytes = new Uint8Array(this.fitting(length) ?? new ArrayBuffer(length), 0, length);
    this.lent.set(bytes.buffer, bytes);
    return bytes;
  }

  /** The caller and all others are done with these bytes. What did not come from `take`, or only a part of it, is left to the garbage collector. */
  giveBack(bytes: Uint8Array): void {
    const { buffer } = bytes;
    if (this.lent.get(buffer) !== bytes) return;
    this.lent.delete(buffer);
    this.spare.push(buffer as ArrayBuffer);
    // Large ones serve more reads than small ones: soon all that are kept are as large as the largest block.
    if (this.spare.length > this.most) this.spare.sort((a, b) => b.byteLength - a.byteLength).pop();
  }

  private fitting(length: number): ArrayBuffer | undefined {
    let best = -1;
    for (const [i, { byteLength }] of this.spare.entries())
      if (byteLength >= length && (best < 0 || byteLength < (this.spare[best] as ArrayBuffer).byteLength)) best = i;
    return best < 0 ? undefined : this.spare.splice(best, 1)[0];
  }
}

/** Of this thread. */
export const spareBuffers = new SpareBuffers();
