/**
 * The lab's random numbers: xoshiro128** (Blackman & Vigna, https://prng.di.unimi.it), seeded through splitmix32.
 *
 * Only operations that IEEE 754 rounds exactly are used (no Math.log or Math.cos, whose last bits differ between
 * engines), so that a seed means the same numbers in every browser and in Node.
 */
const TWO32 = 2 ** 32;

export class Rng {
  private readonly s: Uint32Array;

  /** @param seed any number; integers up to 2^53 are all distinct. */
  constructor(seed: number) {
    // Both halves of the seed as a double, so that fractions and negative numbers count too.
    const halves = new Uint32Array(new Float64Array([seed]).buffer);
    const mix = splitmix32(mix32((halves[0] as number) ^ mix32(halves[1] as number)));
    this.s = Uint32Array.from({ length: 4 }, mix);
    if (this.s.every((word) => word === 0)) this.s[0] = 1;
  }

  /** A uniform 32-bit unsigned integer. */
  next(): number {
    const s = this.s;
    const [a, b, c, d] = s as unknown as [number, number, number, number];
    const x = Math.imul(b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const e = c ^ a;
    const f = d ^ b;
    s[1] = b ^ e;
    s[0] = a ^ f;
    s[2] = e ^ (b << 9);
    s[3] = (f << 11) | (f >>> 21);
    return result;
  }

  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number {
    return ((this.next() >>> 5) * 2 ** 26 + (this.next() >>> 6)) * 2 ** -53;
  }

  /** Uniform in 0..n-1 without bias. n from 1 to 2^53. */
  int(n: number): number {
    if (n > TWO32) return Math.floor(this.uniform() * n);
    const limit = TWO32 - (TWO32 % n);
    let value = this.next();
    while (value >= limit) value = this.next();
    return value % n;
  }

  /** Standard normal (Marsaglia's polar method). */
  normal(): number {
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) return u * Math.sqrt((-2 * ln(s)) / s);
    }
  }

  /** Shuffles in place (Fisher-Yates) and returns the same list. */
  shuffle<T extends unknown[] | Uint32Array | Float32Array>(list: T): T {
    const items = list as unknown[];
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const item = items[i];
      items[i] = items[j];
      items[j] = item;
    }
    return list;
  }

  /** An independent stream named by a label: the same label always gives the same stream, whatever this one has drawn. */
  static stream(seed: number, ...labels: (string | number)[]): Rng {
    return labels.reduce<Rng>((rng, label) => rng.fork(label), new Rng(seed));
  }

  /** An independent stream, a function of this one's present state and the label; this one does not advance. */
  fork(label: string | number): Rng {
    let hash = 0x811c9dc5;
    for (const char of `${typeof label}:${label}`) hash = mix32(hash ^ (char.codePointAt(0) as number));
    const child = new Rng(0);
    for (let i = 0; i < 4; i++) {
      hash = mix32(hash ^ (this.s[i] as number));
      child.s[i] = hash;
    }
    // The words so far depend on their predecessors only; a few steps spread the last one to all.
    if (child.s.every((word) => word === 0)) child.s[0] = 1;
    for (let i = 0; i < 16; i++) child.next();
    return child;
  }
}

/** murmur3's finaliser: every input bit reaches every output bit. */
function mix32(x: number): number {
  let h = (x + 0x9e3779b9) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function splitmix32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix32(state);
  };
}

/** Natural logarithm of 0 < x < 1 from exact operations alone: x = m·2^e, ln m = 2·artanh((m-1)/(m+1)). */
function ln(x: number): number {
  let m = x;
  let e = 0;
  while (m < Math.SQRT1_2) {
    m *= 2;
    e--;
  }
  const t = (m - 1) / (m + 1);
  const t2 = t * t;
  let sum = 0;
  for (let k = 23; k >= 1; k -= 2) sum = sum * t2 + 1 / k;
  return 2 * t * sum + e * Math.LN2;
}
