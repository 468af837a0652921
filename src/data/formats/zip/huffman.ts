/** Huffman codes of deflate (RFC 1951, 3.2) as tables that are looked up with the next bits of the input. */

export class InflateError extends Error {}

const MAX_BITS = 15;

/** `entries[next & mask]` is `symbol << 4 | length of its code`, or 0 where no code begins so. */
export class CodeTable {
  readonly entries = new Uint16Array(1 << MAX_BITS);
  mask = 0;

  /**
   * Makes the table of the code with these lengths (0: symbol not used).
   * @throws InflateError when they are no code, or leave bits without meaning; a lone symbol of one bit, or none, may.
   */
  build(lengths: Uint8Array): void {
    const counts = new Uint16Array(MAX_BITS + 1);
    for (const length of lengths) counts[length] = (counts[length] as number) + 1;
    let longest = MAX_BITS;
    while (longest > 0 && counts[longest] === 0) longest--;
    const next = new Uint16Array(MAX_BITS + 2);
    let free = 1;
    for (let bits = 1; bits <= MAX_BITS; bits++) {
      free = free * 2 - (counts[bits] as number);
      if (free < 0) throw new InflateError('a Huffman code with too many symbols');
      next[bits + 1] = ((next[bits] as number) + (counts[bits] as number)) << 1;
    }
    if (free > 0 && longest > 1) throw new InflateError('an incomplete Huffman code');
    const size = 1 << longest;
    this.mask = size - 1;
    if (free > 0) this.entries.fill(0, 0, size);
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol] as number;
      if (length === 0) continue;
      const code = next[length] as number;
      next[length] = code + 1;
      // Codes come with their first bit lowest.
      let reversed = 0;
      for (let bit = 0; bit < length; bit++) reversed |= ((code >> bit) & 1) << (length - 1 - bit);
      for (let at = reversed; at < size; at += 1 << length) this.entries[at] = (symbol << 4) | length;
    }
  }
}
