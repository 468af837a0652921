/**
 * How much of an evaluation text was trained on: a token is seen when it lies in a run of RUN tokens (a whole sequence, where those are
 * shorter) that stands somewhere in the training tokens, exactly so. Hashes find the runs, comparison decides.
 */
import type { Sequences } from './evaluation';

/** Long enough that texts which merely resemble each other do not share it. */
export const RUN = 32;

/** Multiplier of the rolling hash; odd, so that no token is lost in 32 bits. */
const BASE = 0x01000193;

/** Distinct runs of `n` tokens, each with a list of the places where it stands. */
class Runs {
  /** Place of the first run of a bucket, and the next distinct one in it; -1 for none. */
  private readonly heads: Int32Array;
  private readonly next: Int32Array;
  /** The first place with the same run. */
  private readonly first: Int32Array;
  private readonly met: Uint8Array;
  private readonly mask: number;

  constructor(
    private readonly tokens: Uint32Array,
    T: number,
    private readonly n: number,
  ) {
    const size = 2 ** Math.ceil(Math.log2(2 * tokens.length + 2));
    this.mask = size - 1;
    this.heads = new Int32Array(size).fill(-1);
    this.next = new Int32Array(tokens.length).fill(-1);
    this.first = new Int32Array(tokens.length).fill(-1);
    this.met = new Uint8Array(tokens.length);
    for (let begin = 0; begin + T <= tokens.length; begin += T) {
      const rolling = new Rolling(n);
      for (let i = 0; i < T; i++) {
        const hash = rolling.push(tokens[begin + i] as number);
        if (hash !== undefined) this.insert(begin + i + 1 - n, hash);
      }
    }
  }

  /** Notes that the run of these tokens was met. @param tokens of which the run is those from `at` on. */
  meet(hash: number, tokens: ArrayLike<number>, at: number): void {
    for (let place = this.heads[bucket(hash, this.mask)] as number; place >= 0; place = this.next[place] as number) {
      if (!this.isEqual(place, tokens, at)) continue;
      this.met[place] = 1;
      return;
    }
  }

  /** 1 for each token in a run that was met. */
  seen(): Uint8Array {
    const seen = new Uint8Array(this.tokens.length);
    for (let place = 0; place < seen.length; place++) {
      const first = this.first[place] as number;
      if (first >= 0 && this.met[first]) seen.fill(1, place, place + this.n);
    }
    return seen;
  }

  private insert(place: number, hash: number): void {
    const at = bucket(hash, this.mask);
    for (let other = this.heads[at] as number; other >= 0; other = this.next[other] as number) {
      if (!this.isEqual(other, this.tokens, place)) continue;
      this.first[place] = other;
      return;
    }
    this.first[place] = place;
    this.next[place] = this.heads[at] as number;
    this.heads[at] = place;
  }

  private isEqual(place: number, tokens: ArrayLike<number>, at: number): boolean {
    for (let i = 0; i < this.n; i++) if (this.tokens[place + i] !== tokens[at + i]) return false;
    return true;
  }
}

const bucket = (hash: number, mask: number): number => (hash ^ (hash >>> 15)) & mask;

/** Hash of the last n tokens. */
class Rolling {
  private readonly ring: Int32Array;
  private readonly lead: number;
  private count = 0;
  private hash = 0;

  constructor(private readonly n: number) {
    this.ring = new Int32Array(n);
    let lead = 1;
    for (let i = 0; i < n; i++) lead = Math.imul(lead, BASE);
    this.lead = lead;
  }

  /** @returns undefined before there are n tokens. */
  push(token: number): number | undefined {
    const at = this.count++ % this.n;
    this.hash = (Math.imul(this.hash, BASE) + token - Math.imul(this.ring[at] as number, this.lead)) | 0;
    this.ring[at] = token;
    return this.count < this.n ? undefined : this.hash;
  }
}

/**
 * @param sequences that would be evaluated on.
 * @param training runs of consecutive training tokens, in any order; a new list begins where rows do not follow each other.
 * @returns 1 for each token of the sequences that was trained on, `[n·T]`.
 */
export async function seenTokens(
  { tokens, n, T }: Sequences,
  training: AsyncIterable<{ tokens: ArrayLike<number>; follows: boolean }>,
): Promise<Uint8Array> {
  const run = Math.min(RUN, T);
  const runs = new Runs(tokens.subarray(0, n * T), T, run);
  let rolling = new Rolling(run);
  let tail = new Int32Array(0);
  for await (const { tokens: part, follows } of training) {
    if (!follows) {
      rolling = new Rolling(run);
      tail = new Int32Array(0);
    }
    const all = new Int32Array(tail.length + part.length);
    all.set(tail);
    all.set(part, tail.length);
    for (let i = tail.length; i < all.length; i++) {
      const hash = rolling.push(all[i] as number);
      if (hash !== undefined) runs.meet(hash, all, i + 1 - run);
    }
    tail = all.slice(Math.max(0, all.length - run + 1));
  }
  return runs.seen();
}

/**
 * The sequences that were not trained on, in their order, up to `count`: a sequence counts as trained on when at least half of it was seen.
 * Where there are none, the first ones.
 */
export function unseenFirst(
  { tokens, n, T }: Sequences,
  seen: Uint8Array,
  count: number,
): { sequences: Sequences; seen: number; passedOver: number } {
  const shares = Array.from({ length: n }, (_, s) => seen.subarray(s * T, (s + 1) * T).reduce((sum, one) => sum + one, 0));
  const fresh = shares.flatMap((tokensSeen, s) => (2 * tokensSeen < T ? [s] : []));
  const chosen = (fresh.length > 0 ? fresh : shares.map((_, s) => s)).slice(0, count);
  const out = new Uint32Array(chosen.length * T);
  chosen.forEach((s, i) => out.set(tokens.subarray(s * T, (s + 1) * T), i * T));
  return {
    sequences: { tokens: out, n: chosen.length, T },
    seen: chosen.reduce((sum, s) => sum + (shares[s] as number), 0),
    passedOver: fresh.length > 0 ? (chosen.at(-1) as number) + 1 - chosen.length : 0,
  };
}
