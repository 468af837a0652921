/**
 * Reading flatbuffers, the encoding of Arrow's headers (https://flatbuffers.dev/internals). No generated code: Arrow's headers
 * need five shapes of access, and each here is checked against the bounds, so that a damaged header can only be refused.
 */
import { DataError } from '../../bytes/types';

/** Bytes of one flatbuffer, read at checked places. */
export class Flatbuffer {
  private readonly view: DataView;
  /** Text that may still be decoded: offsets can share a string, so that a small header could claim gigabytes of it. */
  private textLeft: number;

  constructor(
    private readonly bytes: Uint8Array,
    readonly path: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.textLeft = 8 * bytes.byteLength;
  }

  root(): Table {
    return new Table(this, this.u32(0));
  }

  fail(what: string): DataError {
    return new DataError(this.path, `its Arrow header is damaged: ${what}. Copy or write the file again.`);
  }

  /** `at`, when `length` bytes from there are inside the buffer. @throws DataError */
  within(at: number, length: number): number {
    if (at >= 0 && length >= 0 && at + length <= this.bytes.byteLength) return at;
    throw this.fail(`it points at bytes ${at} to ${at + length} of ${this.bytes.byteLength}`);
  }

  u8(at: number): number {
    return this.view.getUint8(this.within(at, 1));
  }
  u16(at: number): number {
    return this.view.getUint16(this.within(at, 2), true);
  }
  i16(at: number): number {
    return this.view.getInt16(this.within(at, 2), true);
  }
  u32(at: number): number {
    return this.view.getUint32(this.within(at, 4), true);
  }
  i32(at: number): number {
    return this.view.getInt32(this.within(at, 4), true);
  }
  /** Lengths and offsets: never negative, never beyond what a number holds exactly. */
  length64(at: number): number {
    const value = this.view.getBigInt64(this.within(at, 8), true);
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.fail(`a length of ${value}`);
    return Number(value);
  }
  text(at: number): string {
    const length = this.u32(at);
    const begin = this.within(at + 4, length);
    this.textLeft -= length;
    if (this.textLeft < 0) throw this.fail('its names have no end');
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.bytes.subarray(begin, begin + length));
    } catch {
      throw this.fail('a name is not UTF-8');
    }
  }
}

/** Where a vector's elements lie. */
export interface Vector {
  readonly at: number;
  readonly count: number;
}
const EMPTY: Vector = { at: 0, count: 0 };

/** One table. Fields are asked for by their number in Arrow's schema files; absent ones have the schema's default. */
export class Table {
  private readonly vtable: number;
  private readonly vtableBytes: number;

  constructor(
    readonly buffer: Flatbuffer,
    private readonly at: number,
  ) {
    this.vtable = at - buffer.i32(at);
    this.vtableBytes = buffer.u16(this.vtable);
    buffer.within(this.vtable, this.vtableBytes);
  }

  private field(index: number): number | undefined {
    const slot = 4 + 2 * index;
    if (slot + 2 > this.vtableBytes) return undefined;
    const offset = this.buffer.u16(this.vtable + slot);
    return offset === 0 ? undefined : this.at + offset;
  }

  /** Where the field's offset points. */
  private target(index: number): number | undefined {
    const at = this.field(index);
    return at === undefined ? undefined : at + this.buffer.u32(at);
  }

  u8(index: number): number {
    const at = this.field(index);
    return at === undefined ? 0 : this.buffer.u8(at);
  }
  i16(index: number): number {
    const at = this.field(index);
    return at === undefined ? 0 : this.buffer.i16(at);
  }
  i32(index: number): number {
    const at = this.field(index);
    return at === undefined ? 0 : this.buffer.i32(at);
  }
  length64(index: number): number {
    const at = this.field(index);
    return at === undefined ? 0 : this.buffer.length64(at);
  }
  has(index: number): boolean {
    return this.field(index) !== undefined;
  }
  text(index: number): string | undefined {
    const at = this.target(index);
    return at === undefined ? undefined : this.buffer.text(at);
  }
  table(index: number): Table | undefined {
    const at = this.target(index);
    return at === undefined ? undefined : new Table(this.buffer, at);
  }

  /** A vector whose elements take `width` bytes each: structs, numbers, or offsets of tables. */
  vector(index: number, width: number): Vector {
    const at = this.target(index);
    if (at === undefined) return EMPTY;
    const count = this.buffer.u32(at);
    this.buffer.within(at + 4, count * width);
    return { at: at + 4, count };
  }

  /** A vector of tables, opened one at a time, so that a header cannot claim more than the caller cares to read. */
  *tables(index: number): Generator<Table> {
    const { at, count } = this.vector(index, 4);
    for (let i = 0; i < count; i++) yield new Table(this.buffer, at + 4 * i + this.buffer.u32(at + 4 * i));
  }
}
