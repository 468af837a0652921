/** The text that a language model reads: token sequences as they were saved, or words turned into windows of tokens. */
import { readText } from '../data/bytes/byteSource';
import { type ByteSource, DataError } from '../data/bytes/types';
import { readTokens } from '../data/dropped/tokensFile';
import type { LmConfig } from '../lm/config';
import type { Tokeniser } from '../lm/tokeniser';
import { textToWindows } from '../lm/windows';
import type { Sequences } from './evaluation';

/** Sequences of the text, in order, and what they are called. */
export interface LoadedText {
  label: string;
  file: ByteSource;
  /** A file of token sequences, not of words. */
  isTokens: boolean;
  sequences: Sequences;
  /** What was left out of it, in a sentence. */
  note?: string;
}

/** @throws DataError when the file holds no token sequences, or the model cannot take them. */
export async function loadTokens(file: ByteSource, config: LmConfig): Promise<LoadedText> {
  const { tokens, n, T, padded } = await readTokens(file);
  if (T > config.context) throw new DataError(file.path, `holds sequences of ${T} tokens; the model's context is ${config.context}.`);
  const worst = tokens.reduce((a, b) => Math.max(a, b), 0);
  if (worst >= config.vocab)
    throw new DataError(
      file.path,
      `holds token id ${worst}; the model's vocabulary has ${config.vocab}. These tokens come from another tokenizer.`,
    );
  const note =
    padded === undefined ? {} : { note: `${file.path}: ${padded} of ${n + padded} sequences have padding by its mask and are left out.` };
  return { label: file.path, file, isTokens: true, sequences: { tokens, n, T }, ...note };
}

export interface WordsOptions {
  /** Tokens of a window; at most the model's context. */
  context: number;
  /** Whether a BOS stands in front of each document. */
  prependBos: boolean;
  /** Most tokens wanted. */
  limit: number;
  onProgress: (fraction: number) => void;
}

/** @throws DataError when there is no tokenizer, or the text cannot be read. */
export async function loadWords(
  file: ByteSource,
  { tokeniser, config }: { tokeniser?: Tokeniser | undefined; config: LmConfig },
  { context, prependBos, limit, onProgress }: WordsOptions,
): Promise<LoadedText> {
  if (!tokeniser) throw new DataError(file.path, 'cannot be turned into tokens: drop the model’s tokenizer.json too.');
  const T = Math.min(context, config.context);
  const windows = await textToWindows(await readText(file), prependBos ? tokeniser : { ...tokeniser, bos: undefined }, T, {
    vocab: config.vocab,
    path: file.path,
    ...(Number.isFinite(limit) ? { maxWindows: Math.ceil(limit / T) } : {}),
    onProgress,
  });
  return { label: file.path, file, isTokens: false, sequences: { tokens: windows.tokens, n: windows.count, T } };
}
