/**
 * Ranges of a deflated member, in any order, in bounded memory. What lies before the wanted range, back to the last place that was noted, is
 * inflated and dropped. Places are noted on the way, every 8 MiB or 256 to a member, at 32 KiB each: 0.4 % of the data.
 */
import { crc32 } from './crc32';
import { InflateError } from './huffman';
import { type Checkpoint, InflateStream, type ReadCompressed, START } from './inflate';

const SPACING = 8 * 2 ** 20;
const MAX_CHECKPOINTS = 256;
/** Streams kept open in the whole process, half a megabyte each; of a thousand shards few are read at a time. */
const MAX_OPEN = 16;

export interface Deflated {
  /** Inflated and compressed sizes and checksum, as the archive's directory declares them. */
  size: number;
  compressedSize: number;
  crc: number;
  read: ReadCompressed;
  refuse(message: string): Error;
}

const open = new Set<Inflater>();

export class Inflater {
  private stream?: InflateStream;
  /** The last chunk that came out, and where it begins. */
  private chunk: Uint8Array = new Uint8Array(0);
  private chunkAt = 0;
  /** In ascending order. */
  private readonly checkpoints: Checkpoint[] = [START];
  /** Checksum of the first `checkedTo` bytes. Nothing behind them was ever inflated. */
  private crc = 0;
  private checkedTo = 0;
  private queue: Promise<unknown> = Promise.resolve();
  private busy = 0;

  constructor(private readonly data: Deflated) {}

  /** `from` and `length` must lie inside `size`. Calls are served one after another. */
  read(from: number, length: number): Promise<Uint8Array> {
    this.busy++;
    const result = this.queue
      .then(() => this.serve(from, length))
      .finally(() => {
        this.busy--;
      });
    this.queue = result.catch(() => undefined);
    return result;
  }

  private async serve(from: number, length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    if (length === 0 && this.data.size > 0) return out;
    try {
      const stream = this.streamAt(from);
      for (let done = 0; done < length; ) {
        const inChunk = from + done - this.chunkAt;
        if (inChunk < this.chunk.length) {
          const part = this.chunk.subarray(inChunk, inChunk + length - done);
          out.set(part, done);
          done += part.length;
        } else await this.advance(stream);
      }
      if (from + length === this.data.size) await this.checkEnd(stream);
      return out;
    } catch (cause) {
      this.close();
      if (!(cause instanceof InflateError)) throw cause;
      throw this.data.refuse(
        `cannot be inflated beyond byte ${this.checkedTo} of ${this.data.size} (${cause.message}). The file is damaged: copy or download it again.`,
      );
    }
  }

  /** The open stream where it can go on, else one from the nearest place noted before `from`. */
  private streamAt(from: number): InflateStream {
    const nearest = this.checkpoints.findLast((checkpoint) => checkpoint.outAt <= from) ?? START;
    const canGoOn = this.stream && from >= this.chunkAt && nearest.outAt <= this.chunkAt + this.chunk.length;
    if (!canGoOn) {
      this.close();
      const { data } = this;
      this.chunkAt = nearest.outAt;
      this.stream = new InflateStream(data.compressedSize, data.read, nearest, (outAt, save) => this.note(outAt, save));
    }
    open.delete(this);
    open.add(this); // last: most recently used
    if (open.size > MAX_OPEN) [...open].find((other) => other.busy === 0)?.close();
    return this.stream as InflateStream;
  }

  private close(): void {
    open.delete(this);
    this.stream = undefined;
    this.chunk = new Uint8Array(0);
  }

  private note(outAt: number, save: () => Checkpoint): void {
    const spacing = Math.max(SPACING, this.data.size / MAX_CHECKPOINTS);
    if (outAt >= (this.checkpoints.at(-1) as Checkpoint).outAt + spacing) this.checkpoints.push(save());
  }

  /** Replaces the chunk by the next one. */
  private async advance(stream: InflateStream): Promise<void> {
    const { size } = this.data;
    const at = stream.outAt;
    const chunk = await stream.next();
    if (!chunk) throw this.data.refuse(`inflates to ${at} bytes, but declares ${size}. The file is damaged: write it again.`);
    const end = at + chunk.length;
    if (end > size)
      throw this.data.refuse(`inflates to more than the ${size} bytes that it declares. The file is damaged: write it again.`);
    if (end > this.checkedTo) {
      this.crc = crc32(chunk.subarray(this.checkedTo - at), this.crc);
      this.checkedTo = end;
    }
    this.chunk = chunk;
    this.chunkAt = at;
  }

  /** The last byte is out: nothing may follow, and by now all of the member was inflated once. */
  private async checkEnd(stream: InflateStream): Promise<void> {
    if (await stream.next())
      throw this.data.refuse(`inflates to more than the ${this.data.size} bytes that it declares. The file is damaged: write it again.`);
    if (this.crc !== this.data.crc)
      throw this.data.refuse('its checksum differs from the one in the archive. The file is damaged: copy or download it again.');
    this.close();
  }
}
