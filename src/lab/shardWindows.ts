/** A few windows of the shards' own tokens with their rows, for a comparison with what a model gives. */
import { blockToFloats } from '../data/rows/block';
import type { RowSource } from '../data/rows/types';

/** What is read of a shard. */
export type ShardRows = RowSource & { readonly metadata: ReadonlyMap<string, string> };

/** Consecutive rows from the beginning of a sequence, and their tokens. */
export interface Window {
  /** Windows of one place are alternatives: one of them begins a sequence. */
  place: number;
  tokens: Int32Array;
  /** `[tokens, d]` */
  rows: Float32Array;
}

export interface WindowSample {
  windows: Window[];
  /** Rows are known to stand in the order of a text. */
  isOrdered: boolean;
}

/** Rows of a window that are compared, at most. What stands behind changes nothing: a model looks back only. */
const MOST_ROWS = 64;
/** Of flat rows whose sequences nobody names, the first of a file: sequences are hardly shorter. */
const FLAT_ROWS = 32;
const SHARDS = 3;

/** Tokens of a sequence, as the writer of flat rows noted it; undefined when it did not. */
export function notedContext({ metadata }: Pick<ShardRows, 'metadata'>): number | undefined {
  const noted = Number(metadata.get('context_size'));
  return Number.isInteger(noted) && noted > 1 ? noted : undefined;
}

/** @returns no windows where there are no tokens. @throws DataError when a file cannot be read. */
export async function windowsOf(shards: readonly ShardRows[], context: number): Promise<WindowSample> {
  const withTokens = shards.map((shard, index) => ({ shard, index })).filter(({ shard }) => shard.facts.hasTokens);
  const isOrdered = withTokens.length > 0 && withTokens.every(({ shard }) => shard.facts.sequence > 1 || notedContext(shard) !== undefined);
  const windows: Window[] = [];
  let place = 0;
  for (const at of spread(withTokens.length, SHARDS)) {
    const { shard, index } = withTokens[at] as (typeof withTokens)[number];
    const before = shards.slice(0, index).reduce((sum, { facts }) => sum + facts.rows, 0);
    for (const alternatives of beginnings(shard, before)) {
      for (const { start, rows } of alternatives) {
        const window = await windowAt(shard, start, Math.min(rows, context, MOST_ROWS));
        if (window) windows.push({ place, ...window });
      }
      place++;
    }
  }
  return { windows, isOrdered };
}

/** Places in a shard, for each where a sequence begins, or may begin. @param before rows of the shards in front of it. */
function beginnings(shard: ShardRows, before: number): { start: number; rows: number }[][] {
  const { rows, sequence } = shard.facts;
  if (sequence > 1) {
    // Not the first alone: padding or a first document may be special.
    const middle = Math.floor(rows / sequence / 2) * sequence;
    return [...new Set([0, middle])].map((start) => [{ start, rows: Math.min(sequence, rows - start) }]);
  }
  const T = notedContext(shard);
  if (T === undefined) return [[{ start: 0, rows: Math.min(rows, FLAT_ROWS) }]];
  // Files are cut within sequences, or each begins one.
  const aligned = (T - (before % T)) % T;
  const starts = [...new Set([0, aligned])].filter((start) => start < rows);
  return [starts.map((start) => ({ start, rows: Math.min(T, rows - start) }))];
}

/** Undefined where the sequence begins with padding or holds nothing finite. */
async function windowAt(shard: ShardRows, start: number, rows: number): Promise<Omit<Window, 'place'> | undefined> {
  const [block, mask] = await Promise.all([shard.read(start, rows), shard.readMask?.(start, rows)]);
  const padding = mask ? mask.indexOf(0) : -1;
  const n = padding < 0 ? rows : padding;
  if (!block.tokens || n < 1) return undefined;
  return { tokens: block.tokens.subarray(0, n), rows: blockToFloats(block).subarray(0, n * shard.facts.d) };
}

/** Up to `most` of n, first and last among them. */
const spread = (n: number, most: number): number[] =>
  n <= most ? Array.from({ length: n }, (_, i) => i) : Array.from({ length: most }, (_, i) => Math.round((i * (n - 1)) / (most - 1)));

const PIECES = 16;

/** About `most` rows of all shards, `[n, d]`, in pieces spaced over them, without padding. @throws DataError when a file cannot be read. */
export async function sampledRows(shards: readonly ShardRows[], most: number): Promise<Float32Array> {
  const total = shards.reduce((sum, { facts }) => sum + facts.rows, 0);
  const piece = Math.max(1, Math.min(Math.ceil(most / PIECES), Math.floor(total / PIECES)));
  const parts: Float32Array[] = [];
  for (let i = 0; i < Math.min(PIECES, total); i++) {
    let at = Math.floor((i * Math.max(0, total - piece)) / Math.max(1, PIECES - 1));
    const shard = shards.find(({ facts }) => {
      if (at < facts.rows) return true;
      at -= facts.rows;
      return false;
    });
    if (!shard) continue;
    const n = Math.min(piece, shard.facts.rows - at);
    const [block, mask] = await Promise.all([shard.read(at, n, false), shard.readMask?.(at, n)]);
    const values = blockToFloats(block);
    const { d } = shard.facts;
    for (let r = 0; r < block.rows; r++) if (mask?.[r] !== 0) parts.push(values.slice(r * d, (r + 1) * d));
  }
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  for (const part of parts) {
    out.set(part, length);
    length += part.length;
  }
  return out;
}
