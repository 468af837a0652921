/**
 * The held-out split: chosen before training, by blocks of neighbouring rows, as a function of the seed alone.
 *
 * By blocks because neighbouring rows are not independent (tokens of one text): a held-out row whose neighbours were
 * trained on is hardly held out.
 */
import { Rng } from '../../util/rng';
import type { RowFacts, RowRange } from './types';

export const MAX_HELD_OUT = 65536;
const BLOCK_ROWS = 1024;

/** What of a source the split looks at. */
interface Sized {
  readonly facts: Pick<RowFacts, 'rows' | 'sequence'>;
}

export interface Split {
  /** Ranges in file order; together the two lists hold every row exactly once. */
  train: RowRange[];
  heldOut: RowRange[];
  trainRows: number;
  heldOutRows: number;
}

/**
 * @param sources rows, and rows per sequence, of each source; blocks are whole sequences where there are at least two.
 * @param fraction of all rows to hold out, 0 to below 1; at most MAX_HELD_OUT rows are. 0 trains on everything, and so does a set of one row.
 */
export function splitRows(sources: readonly Sized[], seed: number, fraction: number): Split {
  if (!(fraction >= 0 && fraction < 1)) throw new RangeError(`the held-out fraction must be at least 0 and below 1; it is ${fraction}`);
  const total = sources.reduce((sum, { facts }) => sum + facts.rows, 0);
  const want = fraction === 0 ? 0 : Math.min(MAX_HELD_OUT, total - 1, Math.max(1, Math.round(total * fraction)));
  const held = want > 0 ? choose(cut(sources, want, total), want, total, Rng.stream(seed, 'held-out')) : [];
  const heldOutRows = held.reduce((sum, r) => sum + r.rows, 0);
  return { train: complement(sources, held), heldOut: merge(held), trainRows: total - heldOutRows, heldOutRows };
}

/** Cuts all sources into blocks of about 1024 rows, fewer when that would be a large part of what is wanted. */
function cut(sources: readonly Sized[], want: number, total: number): RowRange[] {
  const rows = Math.max(1, Math.min(BLOCK_ROWS, Math.floor(want / 8)));
  const blocks: RowRange[] = [];
  sources.forEach(({ facts: { rows: count, sequence } }, source) => {
    // A sequence longer than the cap, or of half the rows there are, cannot be held out whole.
    const unit = sequence > MAX_HELD_OUT || sequence * 2 > total ? 1 : Math.max(1, sequence);
    const step = Math.max(1, Math.round(rows / unit)) * unit;
    for (let start = 0; start < count; start += step) blocks.push({ source, start, rows: Math.min(step, count - start) });
  });
  return blocks;
}

/** Draws blocks until about `want` rows are held out: at least one block, never all of them, never above the cap. */
function choose(blocks: RowRange[], want: number, total: number, rng: Rng): RowRange[] {
  const chosen: RowRange[] = [];
  let rows = 0;
  for (let left = blocks.length; left > 0 && rows < want; left--) {
    const pick = rng.int(left);
    const block = blocks[pick] as RowRange;
    blocks[pick] = blocks[left - 1] as RowRange;
    const after = rows + block.rows;
    if (after > MAX_HELD_OUT || after >= total) continue;
    // Stop on the nearer side of the wanted number.
    if (rows > 0 && after - want > want - rows) break;
    chosen.push(block);
    rows = after;
  }
  return chosen.sort((a, b) => a.source - b.source || a.start - b.start);
}

/** Joins neighbouring ranges of a sorted list. */
function merge(ranges: RowRange[]): RowRange[] {
  const merged: RowRange[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last && last.source === range.source && last.start + last.rows === range.start) last.rows += range.rows;
    else merged.push({ ...range });
  }
  return merged;
}

function complement(sources: readonly Sized[], held: RowRange[]): RowRange[] {
  const train: RowRange[] = [];
  let next = 0;
  sources.forEach(({ facts: { rows } }, source) => {
    let at = 0;
    for (; held[next]?.source === source; next++) {
      const { start, rows: n } = held[next] as RowRange;
      if (start > at) train.push({ source, start: at, rows: start - at });
      at = start + n;
    }
    if (rows > at) train.push({ source, start: at, rows: rows - at });
  });
  return train;
}
