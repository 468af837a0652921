/** Several files of activations become one set of rows: what is pooled is said, and the same rows twice are noticed by their content. */

import { mapLimited } from '../../util/mapLimited';
import { baseName, folderOf } from '../../util/paths';
import { sha256 } from '../bytes/fingerprint';
import { zeroRows } from '../rows/block';
import type { ShardSource } from '../rows/shard';

/** Of each shard at most so many rows and bytes are compared, in so many pieces. */
const PIECES = 8;
const PIECE_ROWS = 64;
const PIECE_BYTES = 2 ** 15;
const CONCURRENCY = 8;
/** Kinds of files that are named. */
const LISTED = 4;

/** Files that differ only in numbers (and hashes) are of one kind. */
const kindOf = ({ facts, hookName, metadata }: ShardSource): string =>
  JSON.stringify([
    folderOf(facts.label),
    baseName(facts.label).replace(/[0-9a-f]{8}[0-9a-f-]*|\d+/gi, '#'),
    hookName ?? '',
    metadata.get('model_name') ?? '',
  ]);

/** What is pooled, when that is more than the files of one kind: a sentence. */
export function describePool(shards: readonly ShardSource[]): string | undefined {
  const kinds = new Map<string, ShardSource[]>();
  for (const shard of shards) kinds.set(kindOf(shard), [...(kinds.get(kindOf(shard)) ?? []), shard]);
  if (kinds.size < 2) return undefined;
  const parts = [...kinds.values()].slice(0, LISTED).map((own) => {
    const [first] = own as [ShardSource];
    const rows = own.reduce((sum, { facts }) => sum + facts.rows, 0);
    const more = own.length > 1 ? ` and ${own.length - 1} more like it` : '';
    const from = [first.hookName, first.metadata.get('model_name')].filter(Boolean).join(' of ');
    return `${first.facts.label}${more} (${rows} rows${from === '' ? '' : ` of ${from}`})`;
  });
  const others = kinds.size > LISTED ? `, and ${kinds.size - LISTED} other kinds of files` : '';
  const hooks = new Set(shards.map(({ hookName }) => hookName ?? ''));
  const isMixed = hooks.size > 1 && !hooks.has('');
  const advice = isMixed
    ? 'They are of different hooks, and one SAE would be trained on all of them: drop them one at a time unless that is meant.'
    : 'If they are not of one model and hook, drop them one at a time.';
  return `Pooled into one set: ${parts.join('; ')}${others}. ${advice}`;
}

/**
 * Shards whose rows are those of an earlier one, as far as a sample of each tells: same shape and dtype, same bytes at the same places. Shards cut
 * elsewhere, or saved in another dtype, are not compared.
 * @returns of each such shard the one that it repeats.
 */
export async function findDuplicates(shards: readonly ShardSource[]): Promise<Map<ShardSource, ShardSource>> {
  // Where shapes agree a row decides almost always: not the first, which is the same in all files where it is BOS.
  const alike = await groupBy(shards, async ({ facts: { rows, d }, storedDtype }) => JSON.stringify([rows, d, storedDtype]));
  const likely = await groupBy(alike.flat(), (shard) => digest(shard, [[Math.floor(0.618 * shard.facts.rows), 1]]));
  const same = await groupBy(likely.flat(), (shard) => digest(shard, piecesOf(shard)));
  const found = new Map<ShardSource, ShardSource>();
  for (const [first, ...copies] of same) for (const copy of copies) found.set(copy, first as ShardSource);
  return found;
}

/** Groups of at least two with one key. What has none, because it cannot be read, is in no group: reading it will say why. */
async function groupBy(shards: readonly ShardSource[], keyOf: (shard: ShardSource) => Promise<string>): Promise<ShardSource[][]> {
  const groups = new Map<string, ShardSource[]>();
  const keys = await mapLimited(shards, CONCURRENCY, (shard) => keyOf(shard).catch(() => undefined));
  for (const [i, key] of keys.entries()) if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), shards[i] as ShardSource]);
  return [...groups.values()].filter((group) => group.length > 1);
}

function piecesOf({ facts: { rows, d } }: ShardSource): [start: number, rows: number][] {
  const size = Math.max(1, Math.min(rows, PIECE_ROWS, Math.floor(PIECE_BYTES / (4 * d))));
  return Array.from({ length: PIECES }, (_, i) => [Math.floor((i * (rows - size)) / (PIECES - 1)), size]);
}

async function digest(shard: ShardSource, pieces: readonly [number, number][]): Promise<string> {
  const sums: string[] = [];
  for (const [start, rows] of pieces) {
    const block = await shard.read(start, rows, false);
    // Rows of zeros are the same in all files.
    sums.push(zeroRows(block).includes(0) ? await sha256(block.bytes) : '');
  }
  if (pieces.length > 1 && sums.every((sum) => sum === '')) throw new Error('nothing but zeros to compare');
  return JSON.stringify([shard.facts.rows, shard.facts.d, shard.storedDtype, sums]);
}
