/**
 * A struct of Thrift's compact protocol, Parquet's header encoding: its numbers and booleans by field, in structs too. What is read is bounded by the
 * bytes: lists of any length, numbers of any length and structs of any depth are refused, before hyparquet, which trusts a footer, sees them.
 */

const MAX_DEPTH = 24;

/** The bytes end before the struct does. */
export class CutShort extends Error {
  override name = 'CutShort';
}

/** Numbers, booleans and structs by field; texts and lists are stepped over. */
export type Fields = Map<number, number | boolean | Fields>;

class Reader {
  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
  ) {}

  private byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new CutShort('its Thrift header ends in the middle');
    return value;
  }

  private skip(count: number): void {
    if (count > this.bytes.byteLength - this.at) throw new CutShort('its Thrift header ends in the middle');
    this.at += count;
  }

  /** At most 64 bits; exact up to 2^53, and no size or count is more. */
  private varint(): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new Error('a number of more than 64 bits');
  }

  /** Signed numbers alternate: 0, -1, 1, -2, … */
  private zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  struct(depth: number): Fields {
    if (depth > MAX_DEPTH) throw new Error('structs too deep');
    const fields: Fields = new Map();
    let id = 0;
    for (let field = this.byte(); (field & 0x0f) !== 0; field = this.byte()) {
      id = field >> 4 === 0 ? this.zigzag() : id + (field >> 4);
      const value = this.value(field & 0x0f, depth, false);
      if (value !== undefined) fields.set(id, value);
    }
    return fields;
  }

  private value(type: number, depth: number, inList: boolean): number | boolean | Fields | undefined {
    // Outside of lists a boolean is the type itself.
    if (type === 1 || type === 2) return inList ? this.byte() === 1 : type === 1;
    if (type === 3) return this.byte();
    if (type >= 4 && type <= 6) return this.zigzag();
    if (type === 12) return this.struct(depth + 1);
    if (type === 7) this.skip(8);
    else if (type === 8) this.skip(this.varint());
    else if (type === 9) {
      const head = this.byte();
      const count = head >> 4 === 15 ? this.varint() : head >> 4;
      // Every element takes a byte at least.
      if (count > this.bytes.byteLength - this.at) throw new CutShort('its Thrift header ends in the middle');
      for (let i = 0; i < count; i++) this.value(head & 0x0f, depth + 1, true);
    } else throw new Error(`a value of Thrift type ${type}`);
    return undefined;
  }
}

/**
 * The struct that begins at `at`, and where it ends.
 * @throws CutShort when that is beyond the bytes; Error when it is no struct.
 */
export function readStruct(bytes: Uint8Array, at: number): { fields: Fields; end: number } {
  const reader = new Reader(bytes, at);
  const fields = reader.struct(0);
  return { fields, end: reader.at };
}

export const structEnd = (bytes: Uint8Array, at: number): number => readStruct(bytes, at).end;
