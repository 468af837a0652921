/**
 * Steps over a struct of Thrift's compact protocol, Parquet's header encoding, without keeping any of it. hyparquet, which reads the headers,
 * trusts them: lists of any length, numbers of any length, structs of any depth. What passes here is bounded by its bytes.
 */

const MAX_DEPTH = 24;

/** The bytes end before the struct does. */
export class CutShort extends Error {
  override name = 'CutShort';
}

class Walker {
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

  /** At most 64 bits; of those, only a length needs to be known. */
  private varint(): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new Error('a number of more than 64 bits');
  }

  struct(depth: number): void {
    if (depth > MAX_DEPTH) throw new Error('structs too deep');
    for (let field = this.byte(); (field & 0x0f) !== 0; field = this.byte()) {
      if (field >> 4 === 0) this.varint();
      this.value(field & 0x0f, depth, false);
    }
  }

  private value(type: number, depth: number, inList: boolean): void {
    if (type === 1 || type === 2) {
      // Outside of lists a boolean is the type itself.
      if (inList) this.byte();
    } else if (type === 3) this.byte();
    else if (type >= 4 && type <= 6) this.varint();
    else if (type === 7) this.skip(8);
    else if (type === 8) this.skip(this.varint());
    else if (type === 9) {
      const head = this.byte();
      const count = head >> 4 === 15 ? this.varint() : head >> 4;
      // Every element takes a byte at least.
      if (count > this.bytes.byteLength - this.at) throw new CutShort('its Thrift header ends in the middle');
      for (let i = 0; i < count; i++) this.value(head & 0x0f, depth + 1, true);
    } else if (type === 12) this.struct(depth + 1);
    else throw new Error(`a value of Thrift type ${type}`);
  }
}

/** Where the struct that begins at `at` ends. @throws CutShort when that is beyond the bytes; Error when it is no struct. */
export function structEnd(bytes: Uint8Array, at: number): number {
  const walker = new Walker(bytes, at);
  walker.struct(0);
  return walker.at;
}
