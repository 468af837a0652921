/** Parquet's hybrid of runs and packed bits, the encoding of levels and of dictionary indices. */

/** Widest value that fits the accumulator below with seven bits to spare. */
export const MAX_BITS = 25;

/**
 * Fills `out` with values of `bits` bits from `bytes[at..end)`.
 * @throws Error when there are too few.
 */
export function readRuns(bytes: Uint8Array, at: number, end: number, bits: number, out: Uint8Array | Uint32Array): void {
  if (bits > MAX_BITS) throw new Error(`values of ${bits} bits`);
  const mask = 2 ** bits - 1;
  const runBytes = (bits + 7) >> 3;
  let filled = bits === 0 ? out.length : 0;
  let from = at;
  while (filled < out.length) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      if (from >= end || shift > 28) throw new Error(`${out.length} values are announced and ${filled} found`);
      const byte = bytes[from++] as number;
      header += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const isPacked = header % 2 === 1;
    const count = Math.floor(header / 2) * (isPacked ? 8 : 1);
    const used = isPacked ? (count / 8) * bits : runBytes;
    const to = Math.min(out.length, filled + count);
    // The last group of eight may be cut off behind the last value.
    const needed = isPacked ? Math.ceil(((to - filled) * bits) / 8) : runBytes;
    if (from + needed > end) throw new Error(`${out.length} values are announced and ${filled} found`);
    if (isPacked) unpackBits(bytes, from, bits, mask, out, filled, to);
    else {
      let value = 0;
      for (let i = 0; i < runBytes; i++) value |= (bytes[from + i] as number) << (8 * i);
      if (value > mask) throw new Error(`a value of ${value} in ${bits} bits`);
      out.fill(value, filled, to);
    }
    from += used;
    filled = to;
  }
}

function unpackBits(
  bytes: Uint8Array,
  at: number,
  bits: number,
  mask: number,
  out: Uint8Array | Uint32Array,
  from: number,
  to: number,
): void {
  let held = 0;
  let have = 0;
  let next = at;
  for (let i = from; i < to; i++) {
    while (have < bits) {
      held |= (bytes[next++] as number) << have;
      have += 8;
    }
    out[i] = held & mask;
    held >>>= bits;
    have -= bits;
  }
}

/** Whether all levels are this one: four at a time, for a page has as many levels as values. */
export function allAre(levels: Uint8Array, level: number): boolean {
  if (levels.byteOffset % 4 !== 0) return levels.every((found) => found === level);
  const words = new Int32Array(levels.buffer, levels.byteOffset, levels.length >> 2);
  const expected = Math.imul(level, 0x01010101);
  let differ = 0;
  for (let i = 0; i < words.length; i++) differ |= (words[i] as number) ^ expected;
  for (let i = levels.length & ~3; i < levels.length; i++) differ |= (levels[i] as number) ^ level;
  return differ === 0;
}

/** Whether a level of 0 stands where a list of `length` values begins and 1 everywhere else; the first level is that of value `first`. */
export function areFullLists(levels: Uint8Array, first: number, length: number): boolean {
  let differ = 0;
  let next = (length - (first % length)) % length;
  for (let i = 0; i < levels.length; ) {
    for (const end = Math.min(next, levels.length); i < end; i++) differ |= (levels[i] as number) ^ 1;
    if (i < levels.length) differ |= levels[i++] as number;
    next += length;
  }
  return differ === 0;
}
