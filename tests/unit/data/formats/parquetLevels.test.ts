import { describe, expect, it } from 'vitest';
import { allAre, areFullLists } from '../../../../src/data/formats/parquet/runs';
import { Rng } from '../../../../src/util/rng';

const rng = new Rng(5);

describe('levels looked at many at a time', () => {
  it('one other level among them is found, wherever it is and however they lie', () => {
    for (const length of [0, 1, 3, 4, 5, 8, 15])
      for (const offset of [0, 1, 4]) {
        const levels = new Uint8Array(length + offset).subarray(offset).fill(3);
        expect(allAre(levels, 3)).toBe(true);
        for (let at = 0; at < length; at++) {
          levels[at] = rng.int(3);
          expect(allAre(levels, 3)).toBe(false);
          levels[at] = 3;
        }
      }
  });

  it('full lists are told from all others as by looking at each level', () => {
    let full = 0;
    for (let round = 0; round < 2000; round++) {
      const length = 1 + rng.int(5);
      const first = rng.int(20);
      const levels = Uint8Array.from({ length: rng.int(23) }, (_, i) => ((first + i) % length === 0 ? 0 : 1));
      if (levels.length > 0 && round % 2 === 1) levels[rng.int(levels.length)] = rng.int(3);
      const expected = levels.every((level, i) => level === ((first + i) % length === 0 ? 0 : 1));
      expect(areFullLists(levels, first, length), `${first}, ${length}: ${levels}`).toBe(expected);
      if (expected) full++;
    }
    expect(full).toBeGreaterThan(1000);
    expect(full).toBeLessThan(1990);
  });
});
