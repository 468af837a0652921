/** Which evaluation tokens were trained on, against a search that compares every place with every place. */
import { describe, expect, it } from 'vitest';
import type { Sequences } from '../../../src/lab/evaluation';
import { RUN, seenTokens, unseenFirst } from '../../../src/lab/overlap';
import { randoms } from '../../gpu';

const ids = (n: number, seed: number, vocab: number): number[] => Array.from(randoms(n, seed), (v) => Math.floor((v + 0.5) * vocab));
const sequencesOf = (tokens: readonly number[], T: number): Sequences => ({ tokens: Uint32Array.from(tokens), n: tokens.length / T, T });

/** Plainly: every run of every sequence against every place of every list. */
function naive({ tokens, n, T }: Sequences, lists: readonly (readonly number[])[], run: number): number[] {
  const seen = new Array<number>(n * T).fill(0);
  for (let s = 0; s < n; s++)
    for (let i = s * T; i + run <= (s + 1) * T; i++)
      if (
        lists.some((list) =>
          list.some((_, at) => at + run <= list.length && list.slice(at, at + run).every((id, k) => id === tokens[i + k])),
        )
      )
        seen.fill(1, i, i + run);
  return seen;
}

async function* inParts(lists: readonly (readonly number[])[], size: number) {
  for (const list of lists) {
    for (let at = 0; at < list.length; at += size) yield { tokens: list.slice(at, at + size), follows: at > 0 };
  }
}

describe('tokens that were trained on', () => {
  const training = [ids(300, 1, 50), ids(200, 2, 50)];
  const [a, b] = training as [number[], number[]];
  const fresh = ids(400, 3, 50).map((id) => id + 50);
  const evaluation = sequencesOf(
    [
      ...[...fresh.slice(0, 20), ...a.slice(100, 140), ...fresh.slice(20, 40)], // a run in the middle
      ...[...a.slice(280, 300), ...b.slice(0, 20), ...fresh.slice(40, 80)], // 20 + 20: lists do not follow each other
      ...[...b.slice(168, 200), ...fresh.slice(80, 128)], // 32 at the very end of a list
      ...[...a.slice(0, 31), ...fresh.slice(128, 177)], // one too short
      ...a.slice(10, 90),
    ],
    80,
  );

  it.each([7, 32, 1000])('are those of runs that stand in a list, read in parts of %i', async (size) => {
    const seen = await seenTokens(evaluation, inParts(training, size));
    expect([...seen]).toEqual(naive(evaluation, training, RUN));
    const counts = Array.from({ length: 5 }, (_, s) => seen.subarray(80 * s, 80 * (s + 1)).reduce((sum, one) => sum + one, 0));
    expect(counts).toEqual([40, 0, 32, 0, 80]);
  });

  it('are whole sequences where those are shorter than a run, wherever they stand', async () => {
    const short = sequencesOf([...a.slice(5, 29), ...fresh.slice(0, 24)], 24);
    expect([...(await seenTokens(short, inParts(training, 50)))]).toEqual([...new Array(24).fill(1), ...new Array(24).fill(0)]);
  });

  it('of repetitive texts are all places of a run, and no others', async () => {
    const text = sequencesOf([...new Array(40).fill(3), ...ids(160, 4, 2), ...new Array(40).fill(3)], 40);
    const lists = [[...new Array(33).fill(3)], ids(160, 4, 2).slice(20, 70)];
    expect([...(await seenTokens(text, inParts(lists, 10)))]).toEqual(naive(text, lists, RUN));
  });
});

describe('windows to evaluate on', () => {
  const all = sequencesOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 4);

  it('are the first that were not trained on; what of them was is counted', () => {
    const { sequences, seen, passedOver } = unseenFirst(all, Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0), 2);
    expect([[...sequences.tokens], sequences.n, seen, passedOver]).toEqual([[4, 5, 6, 7, 8, 9, 10, 11], 2, 1, 1]);
  });

  it('are the first ones where all were trained on', () => {
    const { sequences, seen, passedOver } = unseenFirst(all, new Uint8Array(12).fill(1), 2);
    expect([[...sequences.tokens], seen, passedOver]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7], 8, 0]);
  });
});
