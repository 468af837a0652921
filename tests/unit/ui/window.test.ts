import { describe, expect, it } from 'vitest';
import { windowOf } from '../../../src/ui/useWindow';

describe('the window onto a long list', () => {
  it('holds what is seen and some rows more, at both ends and in the middle, however long the list', () => {
    expect(windowOf(5, 0, 260, 22)).toEqual({ from: 0, to: 5 });
    expect(windowOf(65_536, 0, 260, 22)).toEqual({ from: 0, to: 32 });
    const middle = windowOf(65_536, 22 * 30_000, 260, 22);
    expect(middle).toEqual({ from: 29_980, to: 30_032 });
    expect(windowOf(65_536, 22 * 65_524, 264, 22)).toEqual({ from: 65_504, to: 65_536 });
  });

  it('stays inside a list that became shorter, and an empty one', () => {
    expect(windowOf(10, 22 * 500, 260, 22)).toEqual({ from: 0, to: 10 });
    expect(windowOf(0, 0, 260, 22)).toEqual({ from: 0, to: 0 });
  });
});
