/**
 * Inflating (RFC 1951) a chunk at a time, able to go on later from the beginning of any block.
 *
 * By hand, because nothing at hand can go on from the middle, and without that a shuffled read of a compressed array inflates half
 * of it for each block. Besides, as measured: Node 20's DecompressionStream has no backpressure (one read of 16 KB took in and inflated all of 400 MB), and
 * fflate 0.8.3 took 21 s over a damaged stream of 27 MB.
 */
import { CodeTable, InflateError } from './huffman';

/** Compressed bytes, as far as they are known. */
export type ReadCompressed = (offset: number, length: number) => Promise<Uint8Array>;

/** Where a block begins, and all that is needed to go on from there. */
export interface Checkpoint {
  /** Offset of the first compressed byte not yet taken, and the bits taken and not used. */
  readonly inAt: number;
  readonly hold: number;
  readonly bits: number;
  /** Offset of the next byte that comes out, and up to 32 KiB before it. */
  readonly outAt: number;
  readonly window: Uint8Array;
}

export const START: Checkpoint = { inAt: 0, hold: 0, bits: 0, outAt: 0, window: new Uint8Array(0) };

const WINDOW = 32768;
/** Most that comes out at once, but for the rest of a match. */
const CHUNK = 65536;
const FULL = WINDOW + CHUNK;
const LONGEST_MATCH = 258;
/** Compressed bytes of one read. */
const PIECE = 256 * 1024;
/** Zeros behind the last byte, so that bits may be taken in advance. */
const PADDING = 16;
/** No block header is longer, nor does one symbol take more input than MAX_SYMBOL. */
const MAX_BLOCK_HEADER = 600;
const MAX_SYMBOL = 8;
const END_OF_BLOCK = 256;

const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_EXTRA = Array.from({ length: 30 }, (_, i) => Math.max(0, (i >> 1) - 1));
const DISTANCE_BASE = DISTANCE_EXTRA.map((extra, i) => (i < 2 ? i + 1 : ((2 + (i & 1)) << extra) + 1));
/** The order in which the lengths of the code for code lengths come. */
const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const FIXED_LENGTHS = Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8));
/** The last two are no distances, but make the code complete. */
const FIXED_DISTANCES = new Uint8Array(32).fill(5);

type State = 'block' | 'stored' | 'codes' | 'done';
/** Why decoding paused: it needs input, the chunk is full, or another part of the stream begins. */
type Pause = 'input' | 'output' | 'block';

export class InflateStream {
  private input = new Uint8Array(PADDING);
  /** Offset of `input[0]`, of the next byte in it, and of the byte behind the last. */
  private base: number;
  private pos = 0;
  private inEnd = 0;
  private hold: number;
  private bits: number;

  /** The last 32 KiB that came out, then what comes next. */
  private readonly buffer = new Uint8Array(FULL + LONGEST_MATCH);
  private end: number;
  /** Offset among all that comes out of `buffer[0]`. */
  private origin: number;

  private state: State = 'block';
  private isFinal = false;
  private storedLeft = 0;
  private readonly symbols = new CodeTable();
  private readonly distances = new CodeTable();

  /** @param atBlock called before each block; `save` then gives the checkpoint. */
  constructor(
    private readonly compressedSize: number,
    private readonly readCompressed: ReadCompressed,
    from: Checkpoint,
    private readonly atBlock: (outAt: number, save: () => Checkpoint) => void,
  ) {
    this.base = from.inAt;
    this.hold = from.hold;
    this.bits = from.bits;
    this.end = from.window.length;
    this.origin = from.outAt - this.end;
    this.buffer.set(from.window);
  }

  /** Offset of the next byte to come out. */
  get outAt(): number {
    return this.origin + this.end;
  }

  /**
   * What comes next, at most 64 KiB and a match; undefined at the end. Valid until the next call.
   * @throws InflateError
   */
  async next(): Promise<Uint8Array | undefined> {
    if (this.end >= FULL) {
      this.buffer.copyWithin(0, this.end - WINDOW, this.end);
      this.origin += this.end - WINDOW;
      this.end = WINDOW;
    }
    const begin = this.end;
    while (this.state !== 'done' && this.end < FULL) {
      const pause = this.state === 'block' ? this.startBlock() : this.state === 'stored' ? this.copyStored() : this.decode();
      if (pause === 'input') await this.feed();
    }
    return this.end > begin ? this.buffer.subarray(begin, this.end) : undefined;
  }

  /** True while there is more input than is in memory. */
  private get hasMore(): boolean {
    return this.base + this.inEnd < this.compressedSize;
  }

  private async feed(): Promise<void> {
    this.giveBack();
    const at = this.base + this.inEnd;
    const piece = await this.readCompressed(at, Math.min(PIECE, this.compressedSize - at));
    const rest = this.input.subarray(this.pos, this.inEnd);
    const input = new Uint8Array(rest.length + piece.length + PADDING);
    input.set(rest);
    input.set(piece, rest.length);
    this.input = input;
    this.base += this.pos;
    this.pos = 0;
    this.inEnd = rest.length + piece.length;
  }

  /** Bits taken in advance may be padding; bits used may not. */
  private checkInput(): void {
    if (this.pos - (this.bits >> 3) > this.inEnd) throw new InflateError('the compressed data end too early');
  }

  private take(count: number): number {
    while (this.bits < count) {
      this.hold |= (this.input[this.pos++] ?? 0) << this.bits;
      this.bits += 8;
    }
    const value = this.hold & ((1 << count) - 1);
    this.hold >>>= count;
    this.bits -= count;
    return value;
  }

  private startBlock(): Pause {
    if (this.isFinal) return this.finish();
    if (this.hasMore && this.inEnd - this.pos < MAX_BLOCK_HEADER) return 'input';
    this.atBlock(this.outAt, () => this.save());
    this.isFinal = this.take(1) === 1;
    const kind = this.take(2);
    if (kind === 0) {
      this.toByteBoundary();
      this.storedLeft = this.take(16);
      if (this.take(16) !== (this.storedLeft ^ 0xffff)) throw new InflateError('a stored block with two different lengths');
      this.state = 'stored';
    } else if (kind === 3) throw new InflateError('a block of unknown type');
    else {
      if (kind === 1) this.setCodes(FIXED_LENGTHS, FIXED_DISTANCES);
      else this.readCodes();
      this.state = 'codes';
    }
    this.checkInput();
    return 'block';
  }

  private save(): Checkpoint {
    this.giveBack();
    const window = this.buffer.slice(Math.max(0, this.end - WINDOW), this.end);
    return { inAt: this.base + this.pos, hold: this.hold, bits: this.bits, outAt: this.outAt, window };
  }

  private finish(): Pause {
    this.toByteBoundary();
    const left = this.compressedSize - this.base - this.pos;
    if (left !== 0) throw new InflateError(`${left} bytes follow the end of the compressed data`);
    this.state = 'done';
    return 'output';
  }

  /** Puts back the whole bytes among the bits taken. */
  private giveBack(): void {
    this.pos -= this.bits >> 3;
    this.bits &= 7;
    this.hold &= (1 << this.bits) - 1;
  }

  /** Drops the rest of the started byte. */
  private toByteBoundary(): void {
    this.giveBack();
    this.hold = 0;
    this.bits = 0;
  }

  private setCodes(lengths: Uint8Array, distances: Uint8Array): void {
    this.symbols.build(lengths);
    this.distances.build(distances);
  }

  /** The two codes of a block, themselves written in a code. */
  private readCodes(): void {
    const lengthCount = this.take(5) + 257;
    const distanceCount = this.take(5) + 1;
    const orderCount = this.take(4) + 4;
    if (lengthCount > 286 || distanceCount > 30) throw new InflateError('a block with too many symbols');
    const orderLengths = new Uint8Array(19);
    for (let i = 0; i < orderCount; i++) orderLengths[LENGTH_ORDER[i] as number] = this.take(3);
    this.symbols.build(orderLengths);
    const lengths = new Uint8Array(lengthCount + distanceCount);
    for (let i = 0; i < lengths.length; ) {
      const symbol = this.symbol(this.symbols);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw new InflateError('a repeated code length without one before it');
      const value = symbol === 16 ? (lengths[i - 1] as number) : 0;
      const repeat = symbol === 16 ? 3 + this.take(2) : symbol === 17 ? 3 + this.take(3) : 11 + this.take(7);
      if (i + repeat > lengths.length) throw new InflateError('more code lengths than symbols');
      lengths.fill(value, i, i + repeat);
      i += repeat;
    }
    if (lengths[END_OF_BLOCK] === 0) throw new InflateError('a block without an end');
    this.setCodes(lengths.subarray(0, lengthCount), lengths.subarray(lengthCount));
  }

  /** One symbol, outside of the fast loop. */
  private symbol({ entries, mask }: CodeTable): number {
    while (this.bits < 15) {
      this.hold |= (this.input[this.pos++] ?? 0) << this.bits;
      this.bits += 8;
    }
    const entry = entries[this.hold & mask] as number;
    if (entry === 0) throw new InflateError('bits that are no code');
    this.hold >>>= entry & 15;
    this.bits -= entry & 15;
    return entry >>> 4;
  }

  private copyStored(): Pause {
    const length = Math.min(this.storedLeft, this.inEnd - this.pos, FULL - this.end);
    this.buffer.set(this.input.subarray(this.pos, this.pos + length), this.end);
    this.pos += length;
    this.end += length;
    this.storedLeft -= length;
    if (this.storedLeft === 0) {
      this.state = 'block';
      return 'block';
    }
    if (this.end >= FULL) return 'output';
    if (!this.hasMore) throw new InflateError('the compressed data end too early');
    return 'input';
  }

  /** The loop that all the time goes into: fields in local variables. Bits are taken 16 at a time while fewer than 16 are held. */
  private decode(): Pause {
    const { input, buffer, hasMore, inEnd } = this;
    const { entries: symbolEntries, mask: symbolMask } = this.symbols;
    const { entries: distanceEntries, mask: distanceMask } = this.distances;
    const enough = inEnd - MAX_SYMBOL;
    let { pos, hold, bits, end } = this;
    let pause: Pause = 'output';
    while (end < FULL) {
      if (pos > enough) {
        if (hasMore) {
          pause = 'input';
          break;
        }
        if (pos - (bits >> 3) > inEnd) throw new InflateError('the compressed data end too early');
      }
      if (bits < 16) {
        hold |= ((input[pos] as number) | ((input[pos + 1] as number) << 8)) << bits;
        pos += 2;
        bits += 16;
      }
      let entry = symbolEntries[hold & symbolMask] as number;
      if (entry === 0) throw new InflateError('bits that are no code');
      hold >>>= entry & 15;
      bits -= entry & 15;
      let symbol = entry >>> 4;
      if (symbol < END_OF_BLOCK) {
        buffer[end++] = symbol;
        continue;
      }
      if (symbol === END_OF_BLOCK) {
        pause = 'block';
        break;
      }
      symbol -= END_OF_BLOCK + 1;
      if (symbol >= LENGTH_BASE.length) throw new InflateError('a match of unknown length');
      if (bits < 16) {
        hold |= ((input[pos] as number) | ((input[pos + 1] as number) << 8)) << bits;
        pos += 2;
        bits += 16;
      }
      let extra = LENGTH_EXTRA[symbol] as number;
      const length = (LENGTH_BASE[symbol] as number) + (hold & ((1 << extra) - 1));
      hold >>>= extra;
      bits -= extra;
      if (bits < 16) {
        hold |= ((input[pos] as number) | ((input[pos + 1] as number) << 8)) << bits;
        pos += 2;
        bits += 16;
      }
      entry = distanceEntries[hold & distanceMask] as number;
      if (entry === 0) throw new InflateError('bits that are no code');
      hold >>>= entry & 15;
      bits -= entry & 15;
      symbol = entry >>> 4;
      if (symbol >= DISTANCE_BASE.length) throw new InflateError('a match at an unknown distance');
      if (bits < 16) {
        hold |= ((input[pos] as number) | ((input[pos + 1] as number) << 8)) << bits;
        pos += 2;
        bits += 16;
      }
      extra = DISTANCE_EXTRA[symbol] as number;
      const distance = (DISTANCE_BASE[symbol] as number) + (hold & ((1 << extra) - 1));
      hold >>>= extra;
      bits -= extra;
      if (distance > end) throw new InflateError('a match that begins before the data');
      // Byte by byte: a match may overlap itself.
      for (const stop = end + length; end < stop; end++) buffer[end] = buffer[end - distance] as number;
    }
    this.pos = pos;
    this.hold = hold;
    this.bits = bits;
    this.end = end;
    if (pause === 'block') {
      this.checkInput();
      this.state = 'block';
    }
    return pause;
  }
}
