/**
 * What the activations are like, from a sample of rows spaced over all files, in bounded reading: norms, outliers and where they sit, dead
 * columns, bad rows, and what could be done about it. Nothing here changes anything; a proposal is applied only when someone asks for it.
 */
import { blockToFloats, zeroRows } from './block';
import { type Places, placesOf } from './positions';
import type { RowBlock, RowSource } from './types';

/** Bytes of rows (as f32) read in all, and rows. */
const MAX_BYTES = 64 * 2 ** 20;
const MAX_ROWS = 65536;
/** Rows of one piece: small, so that the sample touches many places. */
const PIECE_ROWS = 512;
/** A row with a norm above so many times the median is an outlier (a "norm sink": BOS, end of text, some delimiters). */
export const OUTLIER_MEDIANS = 10;
/** Of positions, tokens and columns, those that are listed. */
const LISTED = 8;

/** Outliers at one position or token, of the sampled rows there. */
export interface OutlierPlace {
  at: number;
  outliers: number;
  rows: number;
}

export interface Profile {
  /** Of all sources, and how many of them were looked at. Everything below is of these. */
  rows: number;
  sampledRows: number;
  d: number;
  dtype: string;
  /** Rows with NaN or Inf, and rows whose mask is 0: left out of what follows. */
  badRows: number;
  maskedRows: number;
  /**
   * Rows of nothing but zeros: how many of the sampled ones, the first of them, and the row from which on all sampled rows of that source are.
   * They count in the mean and in E‖x‖, as they do in training unless they are dropped; percentiles, outliers and constant columns are of the
   * others.
   */
  zeroRows: number;
  zeroPlace?: { label: string; first: number; from?: number };
  /** E‖x‖, and sqrt(E‖x‖²). */
  meanNorm: number;
  rootMeanSquareNorm: number;
  /** Norms below which so many percent of the rows lie, zeros aside. */
  normPercentiles: { p1: number; p5: number; p50: number; p95: number; p99: number };
  /** ‖E x‖, and its share of E‖x‖: near 1, all rows point the same way. */
  meanVectorNorm: number;
  meanVectorShare: number;
  /** Columns with one value throughout: how many, and the first of them. */
  constantColumns: number;
  constantColumnList: number[];
  outliers: {
    /** Norm above which a row counts. */
    bound: number;
    rows: number;
    /** Where most of them are: positions in their sequences and token ids, when known. */
    positions: OutlierPlace[];
    tokens: OutlierPlace[];
  };
  /** Of the rows that the proposed filter would leave: how many, E‖x‖ and sqrt(E‖x‖²); NaN when none are left. */
  left: { rows: number; meanNorm: number; rootMeanSquareNorm: number };
  /** What could be asked for. */
  proposal: {
    bos: boolean;
    zero: boolean;
    tokens: number[];
    /** When outliers are left after these. */
    maxNormMedians?: number;
    /** Factor that makes E‖x‖ = sqrt(d), of all rows: `left` gives it for the filtered ones. */
    scale: number;
  };
}

/** Rows gathered so far. */
export class ProfileSample {
  private readonly norms: number[] = [];
  private readonly positions: number[] = [];
  private readonly tokens: number[] = [];
  private readonly sums: Float64Array;
  private readonly low: Float32Array;
  private readonly high: Float32Array;
  private squares = 0;
  private bad = 0;
  private masked = 0;
  private zero = 0;
  /** Of the first source with rows of zeros. */
  zeroPlace: Profile['zeroPlace'];

  constructor(private readonly d: number) {
    this.sums = new Float64Array(d);
    this.low = new Float32Array(d).fill(Number.POSITIVE_INFINITY);
    this.high = new Float32Array(d).fill(Number.NEGATIVE_INFINITY);
  }

  /** @returns 1 for each row of zeros that counts. */
  add(block: RowBlock, { mask, positions }: Places): Uint8Array {
    const { d } = this;
    const values = blockToFloats(block);
    const isZero = zeroRows(block);
    for (let r = 0; r < block.rows; r++) {
      if (mask?.[r] === 0) {
        this.masked++;
        isZero[r] = 0;
        continue;
      }
      const row = values.subarray(r * d, (r + 1) * d);
      let squares = 0;
      for (let c = 0; c < d; c++) squares += (row[c] as number) ** 2;
      if (!Number.isFinite(squares)) {
        this.bad++;
        continue;
      }
      if (isZero[r] === 1) {
        this.zero++;
        continue;
      }
      this.squares += squares;
      this.norms.push(Math.sqrt(squares));
      this.positions.push(positions[r] as number);
      this.tokens.push(block.tokens ? (block.tokens[r] as number) : -1);
      for (let c = 0; c < d; c++) {
        const value = row[c] as number;
        this.sums[c] = (this.sums[c] as number) + value;
        if (value < (this.low[c] as number)) this.low[c] = value;
        if (value > (this.high[c] as number)) this.high[c] = value;
      }
    }
    return isZero;
  }

  /** Undefined when not one sampled row is finite and not padding. */
  profile(rows: number, dtype: string): Profile | undefined {
    const { d, norms } = this;
    const n = norms.length + this.zero;
    if (n === 0) return undefined;
    const meanNorm = norms.reduce((sum, norm) => sum + norm, 0) / n;
    const meanVectorNorm = Math.sqrt(this.sums.reduce((sum, value) => sum + (value / n) ** 2, 0));
    const percentiles = percentilesOf(norms);
    const constant = norms.length < 2 ? [] : [...this.low.keys()].filter((c) => this.low[c] === this.high[c]);
    const bound = OUTLIER_MEDIANS * percentiles.p50;
    const isOutlier = norms.map((norm) => norm > bound);
    const filter = { ...this.propose(isOutlier), zero: this.zero > 0 };
    return {
      rows,
      sampledRows: n + this.bad + this.masked,
      d,
      dtype,
      badRows: this.bad,
      maskedRows: this.masked,
      zeroRows: this.zero,
      ...(this.zeroPlace && { zeroPlace: this.zeroPlace }),
      meanNorm,
      rootMeanSquareNorm: Math.sqrt(this.squares / n),
      normPercentiles: percentiles,
      meanVectorNorm,
      meanVectorShare: meanNorm > 0 ? meanVectorNorm / meanNorm : 0,
      constantColumns: constant.length,
      constantColumnList: constant.slice(0, LISTED),
      outliers: {
        bound,
        rows: isOutlier.filter(Boolean).length,
        positions: places(this.positions, isOutlier).slice(0, LISTED),
        tokens: places(this.tokens, isOutlier).slice(0, LISTED),
      },
      left: this.leftBy(filter, bound),
      proposal: { ...filter, scale: meanNorm > 0 ? Math.sqrt(d) / meanNorm : 1 },
    };
  }

  private leftBy({ bos, tokens, maxNormMedians }: Omit<Profile['proposal'], 'scale' | 'zero'>, bound: number): Profile['left'] {
    const isLeft = (norm: number, i: number) =>
      !(bos && this.positions[i] === 0) && !tokens.includes(this.tokens[i] as number) && !(maxNormMedians !== undefined && norm > bound);
    const norms = this.norms.filter(isLeft);
    const mean = (of: (norm: number) => number) => norms.reduce((sum, norm) => sum + of(norm), 0) / norms.length;
    return { rows: norms.length, meanNorm: mean((norm) => norm), rootMeanSquareNorm: Math.sqrt(mean((norm) => norm ** 2)) };
  }

  /** Leave out a position or a token where at least half of the rows are outliers; bound the norm of what is left. */
  private propose(isOutlier: readonly boolean[]): { bos: boolean; tokens: number[]; maxNormMedians?: number } {
    const isMostly = ({ outliers, rows }: OutlierPlace) => 2 * outliers >= rows;
    const first = places(this.positions, isOutlier).find(({ at }) => at === 0);
    const bos = first !== undefined && isMostly(first);
    const left = isOutlier.map((outlier, i) => outlier && !(bos && this.positions[i] === 0));
    const tokens = places(this.tokens, left)
      .filter((place) => place.outliers > 1 && isMostly(place))
      .map(({ at }) => at)
      .slice(0, LISTED);
    const rest = left.some((outlier, i) => outlier && !tokens.includes(this.tokens[i] as number));
    return { bos, tokens, ...(rest && { maxNormMedians: OUTLIER_MEDIANS }) };
  }
}

/** Where the outliers are, most of them first; -1 is unknown. */
function places(at: readonly number[], isOutlier: readonly boolean[]): OutlierPlace[] {
  const counts = new Map<number, OutlierPlace>();
  for (const [i, place] of at.entries()) {
    if (place < 0) continue;
    const count = counts.get(place) ?? { at: place, outliers: 0, rows: 0 };
    count.rows++;
    if (isOutlier[i]) count.outliers++;
    counts.set(place, count);
  }
  return [...counts.values()].filter(({ outliers }) => outliers > 0).sort((a, b) => b.outliers - a.outliers || a.at - b.at);
}

/** Nearest rank; 0 where there are none. */
function percentilesOf(norms: readonly number[]): Profile['normPercentiles'] {
  const sorted = Float64Array.from(norms).sort();
  const at = (percent: number) => sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
  return { p1: at(1), p5: at(5), p50: at(50), p95: at(95), p99: at(99) };
}

/** Ranges of about `budget` rows in all, spaced evenly from the first row to the last; whole sequences where they fit a piece. */
export function spacedPieces(rows: number, sequence: number, budget: number): { start: number; rows: number }[] {
  if (rows <= budget) {
    return Array.from({ length: Math.ceil(rows / PIECE_ROWS) }, (_, i) => ({
      start: i * PIECE_ROWS,
      rows: Math.min(PIECE_ROWS, rows - i * PIECE_ROWS),
    }));
  }
  const wanted = Math.min(PIECE_ROWS, Math.max(1, Math.ceil(budget / 4)));
  const unit = sequence <= wanted ? sequence : 1;
  const size = Math.floor(wanted / unit) * unit;
  const count = Math.max(1, Math.floor(budget / size));
  return Array.from({ length: count }, (_, i) => {
    const at = count === 1 ? (rows - size) / 2 : (i * (rows - size)) / (count - 1);
    return { start: Math.floor(at / unit) * unit, rows: size };
  });
}

/** Where the rows of zeros of a source are, from pieces in ascending order. */
class Zeros {
  private first: number | undefined;
  /** The last sampled row that is something else, and the first of zeros behind it. */
  private other = -1;
  private behind: number | undefined;

  constructor(private readonly source: RowSource) {}

  add(start: number, isZero: Uint8Array): void {
    for (const [r, zero] of isZero.entries()) {
      const row = start + r;
      if (zero === 1) {
        this.first ??= row;
        this.behind ??= row;
      } else {
        this.other = row;
        this.behind = undefined;
      }
    }
  }

  /** An array that was made larger than what filled it ends in zeros: where they begin is looked up, a row at a time. */
  async place(): Promise<Profile['zeroPlace']> {
    const { source, first, behind } = this;
    if (first === undefined) return undefined;
    if (behind === undefined) return { label: source.facts.label, first };
    let [low, from] = [this.other, behind];
    while (from - low > 1) {
      const middle = (low + from) >> 1;
      if (zeroRows(await source.read(middle, 1, false))[0] === 1) from = middle;
      else low = middle;
    }
    return { label: source.facts.label, first: Math.min(first, from), from };
  }
}

export interface Profiles {
  /** Undefined when no sampled row is finite. */
  total: Profile | undefined;
  /** Of each source, from its share of the sample. */
  each: (Profile | undefined)[];
}

/**
 * Samples the sources: each gets its share of the budget, and at least a row while there are no more sources than rows to read.
 * @throws DataError when a file cannot be read.
 */
export async function profileSources(
  sources: readonly RowSource[],
  { maxBytes = MAX_BYTES, maxRows = MAX_ROWS }: { maxBytes?: number; maxRows?: number } = {},
): Promise<Profiles> {
  const d = sources[0]?.facts.d ?? 0;
  const rows = sources.reduce((sum, source) => sum + source.facts.rows, 0);
  const budget = Math.max(1, Math.min(maxRows, Math.floor(maxBytes / Math.max(1, d * 4))));
  const total = new ProfileSample(d);
  const each: Profiles['each'] = [];
  let before = 0;
  for (const source of sources) {
    const { rows: count, sequence, dtype } = source.facts;
    const own = new ProfileSample(d);
    const zeros = new Zeros(source);
    const share = Math.floor((budget * (before + count)) / rows) - Math.floor((budget * before) / rows);
    before += count;
    const pieces = share > 0 || sources.length <= budget ? spacedPieces(count, sequence, Math.max(1, share)) : [];
    for (const piece of pieces) {
      const [block, places] = await Promise.all([source.read(piece.start, piece.rows, true), placesOf(source, piece.start, piece.rows)]);
      zeros.add(piece.start, own.add(block, places));
      total.add(block, places);
    }
    own.zeroPlace = await zeros.place();
    total.zeroPlace ??= own.zeroPlace;
    each.push(own.profile(count, dtype));
  }
  return { total: total.profile(rows, [...new Set(sources.map(({ facts }) => facts.dtype))].join(', ')), each };
}
