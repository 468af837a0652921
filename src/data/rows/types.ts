/** What the data layer speaks: rows from bytes. Nothing here knows of browsers or Node. */

import type { RowDtype } from '../formats/floats';

/** Consecutive rows of a source, as stored. */
export interface RowBlock {
  /** Index of the first row in its source. */
  start: number;
  rows: number;
  d: number;
  dtype: RowDtype;
  /** rows·d values, C order, little-endian. */
  bytes: Uint8Array;
  /** Token id of each row, when the source has them. */
  tokens?: Int32Array;
  /** Rows of this range that a filter left out, where they were met for the first time. */
  dropped?: DropCounts;
}

/** Rows that a filter left out, each counted once, under the first of these reasons that holds. */
export interface DropCounts {
  /** Padding: the mask is 0 there. */
  masked: number;
  /** First positions of sequences: the first that is no padding. */
  bos: number;
  /** Special tokens. */
  tokens: number;
  /** A norm above the bound. */
  norm: number;
  /** All values are zero. */
  zero: number;
}

/** Everything about a source but how to read it. Plain data; whoever wraps a source hands its facts on. */
export interface RowFacts {
  readonly label: string;
  readonly rows: number;
  readonly d: number;
  readonly dtype: RowDtype;
  readonly hasTokens: boolean;
  /** Some rows may be padding, and `readMask` says which. */
  readonly hasMask: boolean;
  /** Rows per sequence when the rows are whole sequences in order (`[B, S, D]`), else 1. */
  readonly sequence: number;
  /** Bytes on disk; 0 when the rows are computed. */
  readonly bytes: number;
}

/** Anything that yields rows `[n, d]`: a shard, a language model reading text, a synthetic set. */
export interface RowSource {
  readonly facts: RowFacts;
  /**
   * The rows [start, start + rows); fewer where a filter leaves some out.
   * @param withTokens false lets a file source skip the tokens, which training does not look at. Default true.
   */
  read(start: number, rows: number, withTokens?: boolean): Promise<RowBlock>;
  /** 0 for each row that is padding, else 1; undefined where nothing says so. */
  readMask?(start: number, rows: number): Promise<Uint8Array | undefined>;
}

/** Consecutive rows of one source: `source` indexes the list of sources that the range was made for. */
export interface RowRange {
  source: number;
  start: number;
  rows: number;
}
