/** What the data layer speaks: rows from bytes. Nothing here knows of browsers or Node. */

/** dtypes that travel to the GPU as they are; f64 is narrowed to f32 on reading. */
export type RowDtype = 'f32' | 'f16' | 'bf16';

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
  /** First positions of sequences. */
  bos: number;
  /** Special tokens. */
  tokens: number;
  /** A norm above the bound. */
  norm: number;
}

/** Anything that yields rows `[n, d]`: a shard, a language model reading text, a synthetic set. */
export interface RowSource {
  readonly label: string;
  readonly rows: number;
  readonly d: number;
  readonly dtype: RowDtype;
  readonly hasTokens: boolean;
  /** Rows per sequence when the rows are whole sequences in order (`[B, S, D]`), else 1. */
  readonly sequence: number;
  /** Bytes on disk; 0 when the rows are computed. */
  readonly bytes: number;
  /**
   * The rows [start, start + rows); fewer where a filter leaves some out.
   * @param withTokens false lets a file source skip the tokens, which training does not look at. Default true.
   */
  read(start: number, rows: number, withTokens?: boolean): Promise<RowBlock>;
  /** True when `readMask` gives one. */
  readonly hasMask?: boolean;
  /** 0 for each row that is padding, else 1; undefined where nothing says so. */
  readMask?(start: number, rows: number): Promise<Uint8Array | undefined>;
}

/** Consecutive rows of one source: `source` indexes the list of sources that the range was made for. */
export interface RowRange {
  source: number;
  start: number;
  rows: number;
}
