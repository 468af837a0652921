/**
 * Rows left out on request: padding, first positions, special tokens, outliers, rows of zeros. A filter stands in front of a source, so that training,
 * moments and held-out rows all obey it; the split and the order of blocks are still of all rows, and a read of a range yields fewer.
 */

import { DataError } from '../bytes/types';
import { ROW_DTYPE_BYTES } from '../formats/floats';
import { blockToFloats, zeroRows } from './block';
import { type Places, placesOf } from './positions';
import type { DropCounts, RowBlock, RowFacts, RowSource } from './types';

/** What to leave out. Plain data. */
export interface RowFilter {
  /** Rows whose mask is 0. */
  masked: boolean;
  /** First positions of sequences: the first that is no padding. */
  bos: boolean;
  /** Rows of these token ids. */
  tokens: number[];
  /** Rows with a greater norm, in units of the file. */
  maxNorm?: number;
  /** Rows of nothing but zeros: no model writes them, an array that was made larger than what filled it has them. */
  zero: boolean;
}

export const NO_FILTER: RowFilter = { masked: false, bos: false, tokens: [], zero: false };
export const isActive = ({ masked, bos, tokens, maxNorm, zero }: RowFilter): boolean =>
  masked || bos || zero || tokens.length > 0 || maxNorm !== undefined;

export const noDrops = (): DropCounts => ({ masked: 0, bos: 0, tokens: 0, norm: 0, zero: 0 });

/** Sum over sources. */
export function addDrops(into: DropCounts, counts: DropCounts): DropCounts {
  for (const reason of REASONS) into[reason] += counts[reason];
  return into;
}

const REASONS = ['masked', 'bos', 'tokens', 'norm', 'zero'] as const;
const KEPT = 0;

/** A source without the rows that the filter leaves out. */
export class FilteredSource implements RowSource {
  /** Rows left out so far, each counted once however often it is read. */
  readonly dropped: DropCounts = noDrops();
  private readonly seen = new Coverage();
  private readonly tokens: ReadonlySet<number>;

  constructor(
    readonly source: RowSource,
    readonly filter: RowFilter,
  ) {
    this.tokens = new Set(filter.tokens);
  }

  /** Of all rows, kept or not: ranges count those. */
  get facts(): RowFacts {
    return this.source.facts;
  }

  async read(start: number, rows: number, withTokens = true): Promise<RowBlock> {
    const { source, filter } = this;
    const [block, places] = await Promise.all([
      source.read(start, rows, withTokens || this.tokens.size > 0),
      filter.masked || filter.bos ? placesOf(source, start, rows) : undefined,
    ]);
    const reasons = this.judge(block, places);
    const dropped = this.count(block, reasons);
    const kept = compact(block, reasons);
    if (!withTokens) delete kept.tokens;
    return dropped ? { ...kept, dropped } : kept;
  }

  /** For each row KEPT or 1 + the index of the first reason in REASONS. */
  private judge(block: RowBlock, places: Places | undefined): Uint8Array {
    const { masked, bos, maxNorm, zero } = this.filter;
    const { rows, tokens } = block;
    const values = maxNorm === undefined ? undefined : blockToFloats(block);
    const isZero = zero ? zeroRows(block) : undefined;
    const reasons = new Uint8Array(rows);
    for (let r = 0; r < rows; r++) {
      if (masked && places?.mask?.[r] === 0) reasons[r] = 1;
      else if (bos && places?.positions[r] === 0) reasons[r] = 2;
      else if (tokens && this.tokens.has(tokens[r] as number)) reasons[r] = 3;
      // NaN is not greater: rows with NaN are counted as bad, elsewhere.
      else if (values && maxNorm !== undefined && isOutlier(values, r, block.d, maxNorm)) reasons[r] = 4;
      else if (isZero?.[r] === 1) reasons[r] = 5;
    }
    return reasons;
  }

  private count(block: RowBlock, reasons: Uint8Array): DropCounts | undefined {
    const counts = noDrops();
    for (const [from, to] of this.seen.add(block.start, block.start + block.rows)) {
      for (let r = from - block.start; r < to - block.start; r++) {
        const reason = REASONS[(reasons[r] as number) - 1];
        if (reason) counts[reason]++;
      }
    }
    addDrops(this.dropped, counts);
    return REASONS.some((reason) => counts[reason] > 0) ? counts : undefined;
  }
}

/** True for a row whose norm is finite and above the bound; rows with NaN or Inf are bad, not outliers. */
function isOutlier(values: Float32Array, row: number, d: number, bound: number): boolean {
  let squares = 0;
  for (let i = row * d; i < (row + 1) * d; i++) squares += (values[i] as number) ** 2;
  return squares > bound * bound && Number.isFinite(squares);
}

/** The rows whose reason is KEPT; the same block when all are. */
function compact(block: RowBlock, reasons: Uint8Array): RowBlock {
  if (!reasons.some((reason) => reason !== KEPT)) return block;
  const { rows, d, dtype, bytes, tokens } = block;
  const rowBytes = d * ROW_DTYPE_BYTES[dtype];
  const out = new Uint8Array(reasons.reduce((sum, reason) => sum + (reason === KEPT ? rowBytes : 0), 0));
  const ids = tokens && new Int32Array(rows);
  let kept = 0;
  for (let r = 0; r < rows; r++) {
    if (reasons[r] !== KEPT) continue;
    out.set(bytes.subarray(r * rowBytes, (r + 1) * rowBytes), kept * rowBytes);
    if (ids && tokens) ids[kept] = tokens[r] as number;
    kept++;
  }
  return { ...block, rows: kept, bytes: out, ...(ids && { tokens: ids.subarray(0, kept) }) };
}

/** Which rows were met: disjoint ranges in ascending order, neighbours joined. */
class Coverage {
  private ranges: [number, number][] = [];

  /** Adds [from, to) and hands back what of it is new. */
  add(from: number, to: number): [number, number][] {
    const { ranges } = this;
    const fresh: [number, number][] = [];
    let low = 0;
    for (let high = ranges.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((ranges[middle] as [number, number])[1] < from) low = middle + 1;
      else high = middle;
    }
    let [begin, end, last] = [from, to, low];
    let at = from;
    for (; last < ranges.length && (ranges[last] as [number, number])[0] <= to; last++) {
      const [a, b] = ranges[last] as [number, number];
      if (a > at) fresh.push([at, a]);
      at = Math.max(at, b);
      begin = Math.min(begin, a);
      end = Math.max(end, b);
    }
    if (at < to) fresh.push([at, to]);
    ranges.splice(low, last - low, [begin, end]);
    return fresh;
  }
}

/** What a person asks for. */
export interface FilterRequest {
  /** Undefined: wherever there is a mask. */
  masked?: boolean | undefined;
  bos?: boolean | undefined;
  tokens?: readonly number[] | undefined;
  maxNorm?: number | undefined;
  /** The bound as so many times the median norm of the rows that are not zero. */
  maxNormMedians?: number | undefined;
  zero?: boolean | undefined;
}

/**
 * The filter that a request means for these sources.
 * @param medianNorm asked for only when the request counts in medians.
 * @throws DataError naming a file that cannot be filtered so.
 */
export async function resolveFilter(
  sources: readonly RowSource[],
  request: FilterRequest,
  medianNorm: () => Promise<number>,
): Promise<RowFilter> {
  const { bos = false, tokens = [], zero = false } = request;
  const all = sources.map(({ facts }) => facts);
  const hasMask = all.some((facts) => facts.hasMask);
  if (request.masked && !hasMask)
    throw new DataError(
      all[0]?.label ?? 'data',
      'has no mask, so there are no masked rows to drop. Leave that out, or save an attention_mask.',
    );
  const flat = all.find(({ sequence }) => sequence < 2);
  if (bos && flat)
    throw new DataError(
      flat.label,
      'does not say where its sequences begin, so first positions cannot be dropped. Save the activations as [batch, sequence, d], or drop the token id of BOS.',
    );
  const mute = all.find(({ hasTokens }) => !hasTokens);
  if (tokens.length > 0 && mute)
    throw new DataError(
      mute.label,
      `has no tokens, so those with id ${tokens.join(', ')} cannot be dropped. Save the ids beside the activations.`,
    );
  const maxNorm = request.maxNormMedians === undefined ? request.maxNorm : request.maxNormMedians * (await medianNorm());
  if (maxNorm !== undefined && !(maxNorm > 0)) throw new RangeError(`the largest norm must be above 0, not ${maxNorm}`);
  return { masked: request.masked ?? hasMask, bos, tokens: [...tokens], zero, ...(maxNorm !== undefined && { maxNorm }) };
}

/** The sources behind the filter; the same ones when it leaves nothing out. */
export const filterSources = (sources: readonly RowSource[], filter: RowFilter): readonly RowSource[] =>
  isActive(filter) ? sources.map((source) => new FilteredSource(source, filter)) : sources;

/** Rows that these sources have left out so far. */
export const droppedOf = (sources: readonly RowSource[]): DropCounts =>
  sources.reduce((sum, source) => (source instanceof FilteredSource ? addDrops(sum, source.dropped) : sum), noDrops());

/** The filter in words; empty when it leaves nothing out. */
export function describeFilter({ masked, bos, tokens, maxNorm, zero }: RowFilter): string {
  const parts = [
    masked ? 'masked rows' : '',
    bos ? 'first positions' : '',
    tokens.length > 0 ? `tokens ${tokens.join(', ')}` : '',
    maxNorm === undefined ? '' : `rows with a norm above ${Number(maxNorm.toPrecision(6))}`,
    zero ? 'rows of zeros' : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : `without ${parts.join(', ')}`;
}

/** Counts in words: "12 masked, 3 with special tokens"; empty when none. */
export function describeDrops({ masked, bos, tokens, norm, zero }: DropCounts): string {
  const parts: [number, string][] = [
    [masked, 'masked'],
    [bos, 'at first positions'],
    [tokens, 'with special tokens'],
    [norm, 'with a norm above the bound'],
    [zero, 'of zeros'],
  ];
  return parts
    .filter(([n]) => n > 0)
    .map(([n, what]) => `${n} ${what}`)
    .join(', ');
}
