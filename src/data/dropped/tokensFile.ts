/** Pre-tokenised text: a file with one integer array `[n, T]`, n sequences of T tokens. */

import { type ByteSource, DataError } from '../bytes/types';
import type { ArrayEntry, Container } from '../formats/container';
import { isTokenDtype, readIntegers, TOKEN_NAMES } from '../formats/integers';
import { openFile } from '../formats/open';
import { countOf, isMaskDtype, MASK_NAMES, named, readMask } from '../rows/masks';

/** n sequences of T token ids, C order. */
export interface TokenSequences {
  tokens: Uint32Array;
  n: number;
  T: number;
  /** Sequences left out because the file's mask says that they are padded; absent when there were none. */
  padded?: number;
}

const isSequences = ({ dtype, shape }: ArrayEntry): boolean => isTokenDtype(dtype) && shape.length === 2;

/** The array of token ids `[n, T]` in a file that holds no activations; undefined when there is none. */
export function findTokens(container: Container): ArrayEntry | undefined {
  return TOKEN_NAMES.map((name) => named(container, name)).find((entry) => entry && isSequences(entry));
}

/** @throws DataError when there is no such array, it is empty, or an id is negative. */
export async function readTokens(source: ByteSource): Promise<TokenSequences> {
  const container = await openFile(source);
  // An array without a name, of a file that was named as tokens, is the tokens.
  const unnamed = container.arrays.get('');
  const entry = findTokens(container) ?? (unnamed && isSequences(unnamed) ? unnamed : undefined);
  if (!entry) {
    const found = [...container.arrays.values()].slice(0, 8).map((a) => `${a.name} ${a.dtype.toUpperCase()} [${a.shape.join(', ')}]`);
    throw new DataError(
      source.path,
      `holds no integer tensor [sequences, tokens] named ${TOKEN_NAMES.join(', ')}; it holds ${found.join('; ') || 'nothing'}.`,
    );
  }
  const [n, T] = entry.shape as [number, number];
  const count = countOf(entry.shape);
  if (count === 0) throw new DataError(source.path, `tensor ${JSON.stringify(entry.name)} [${n}, ${T}] is empty.`);
  if (count > MAX_TOKENS) throw new DataError(source.path, `holds ${count} tokens; at most ${MAX_TOKENS} are read at once. Split it.`);
  const ids = await readIntegers(source.path, entry, 0, count);
  const negative = ids.findIndex((id) => id < 0);
  if (negative >= 0)
    throw new DataError(
      source.path,
      `tensor ${JSON.stringify(entry.name)}: token id ${ids[negative]} in sequence ${Math.floor(negative / T)}. Ids must be >= 0: cut padding off.`,
    );
  return withoutPadded(source.path, container, { tokens: new Uint32Array(ids.buffer), n, T });
}

/** Sequences whose every token counts: a loss over padding is no loss of the model. */
async function withoutPadded(path: string, container: Container, all: TokenSequences): Promise<TokenSequences> {
  const { tokens, n, T } = all;
  const mask = MASK_NAMES.map((name) => named(container, name)).find((entry) => entry && entry.shape[0] === n && entry.shape[1] === T);
  if (!mask || !isMaskDtype(mask.dtype)) return all;
  const values = await readMask(mask, 0, n * T);
  const whole = Array.from({ length: n }, (_, s) => s).filter((s) => !values.subarray(s * T, (s + 1) * T).includes(0));
  if (whole.length === n) return all;
  if (whole.length === 0)
    throw new DataError(
      path,
      `${JSON.stringify(mask.name)} says that each of the ${n} sequences has padding. Pack the text into sequences of one length.`,
    );
  const kept = new Uint32Array(whole.length * T);
  whole.forEach((s, i) => {
    kept.set(tokens.subarray(s * T, (s + 1) * T), i * T);
  });
  return { tokens: kept, n: whole.length, T, padded: n - whole.length };
}

/** They are held in memory whole, 8 bytes each on the way. */
const MAX_TOKENS = 2 ** 27;
