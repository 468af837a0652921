/** Text to windows of token ids: where documents begin, how long ones are cut, what is dropped. */
import { DataError } from '../data/bytes/types';
import type { Tokeniser } from './tokeniser';

/** Longest stretch handed to the tokenizer at once, in characters (about 10 ms). */
const STRETCH = 16384;

/** A document in parts that give the same ids one after the other as the whole. */
function* stretches(document: string, cut: Tokeniser['cut']): Generator<string> {
  let begin = 0;
  while (cut !== 'never' && document.length - begin > STRETCH) {
    const from = begin + STRETCH;
    // A single space between two letters or digits: no tokenizer joins words across it.
    const found = document.slice(from).search(/(?<=[\p{L}\p{N}]) (?=[\p{L}\p{N}])/u);
    if (found < 0) break;
    yield document.slice(begin, from + found);
    begin = from + found + (cut === 'drop-space' ? 1 : 0);
  }
  yield document.slice(begin);
}

/** Documents of a text, stripped of white space, empty ones left out, each with the offset of its end. */
function* documents(text: string, separators: string[]): Generator<{ document: string; end: number }> {
  const pattern = new RegExp(separators.map((separator) => separator.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'), 'g');
  let begin = 0;
  while (begin < text.length) {
    const end = pattern.exec(text)?.index ?? text.length;
    const document = text.slice(begin, end).trim();
    if (document !== '') yield { document, end };
    begin = end === text.length ? end : pattern.lastIndex;
  }
}

/** Windows of T token ids, one after the other. */
export interface Windows {
  /** [count·T] */
  tokens: Uint32Array;
  count: number;
  T: number;
  /** Tokens of the text read, with the incomplete tail that was dropped. */
  textTokens: number;
}

export interface WindowOptions {
  /** The model's vocabulary; an id outside it is an error. */
  vocab?: number;
  /** Stop after this many windows. */
  maxWindows?: number;
  /** Called now and then with the fraction of the text that has been read; the event loop runs in between. */
  onProgress?: (fraction: number) => void;
  /** Aborts with the signal's reason. */
  signal?: AbortSignal;
  /** Name of the text, for messages. */
  path?: string;
}

/** Milliseconds of work between two turns of the event loop. */
const TURN_MS = 50;

/**
 * Cuts a text into windows: each document (see `Tokeniser.separators`) stripped and encoded, its `bos` in front, all
 * concatenated, every T tokens a window, the incomplete tail dropped.
 * @throws DataError when the text holds less than one window or an id lies outside the model's vocabulary.
 */
export async function textToWindows(text: string, tokeniser: Tokeniser, T: number, options: WindowOptions = {}): Promise<Windows> {
  const { vocab = Number.POSITIVE_INFINITY, maxWindows = Number.POSITIVE_INFINITY, onProgress, signal, path = 'text' } = options;
  let tokens = new Uint32Array(1024);
  let length = 0;
  const push = (id: number | undefined): void => {
    if (id === undefined || !(id < vocab)) {
      throw new DataError(
        path,
        id === undefined
          ? 'holds characters that the tokenizer has no token for'
          : `token id ${id} is outside the model's vocabulary of ${vocab}; this tokenizer belongs to another model`,
      );
    }
    if (length === tokens.length) {
      const grown = new Uint32Array(2 * length);
      grown.set(tokens);
      tokens = grown;
    }
    tokens[length++] = id;
  };
  let rested = performance.now();
  for (const { document, end } of documents(text, tokeniser.separators)) {
    if (tokeniser.bos !== undefined) push(tokeniser.bos);
    let done = end - document.length;
    for (const stretch of stretches(document, tokeniser.cut)) {
      for (const id of tokeniser.encode(stretch)) push(id);
      done += stretch.length;
      if (performance.now() - rested > TURN_MS) {
        onProgress?.(done / text.length);
        await new Promise((resolve) => setTimeout(resolve));
        signal?.throwIfAborted();
        rested = performance.now();
      }
      if (length >= maxWindows * T) break;
    }
    if (length >= maxWindows * T) break;
  }
  const count = Math.min(Math.floor(length / T), maxWindows);
  if (count === 0) throw new DataError(path, `holds ${length} tokens, less than one window of ${T}`);
  onProgress?.(1);
  return { tokens: tokens.slice(0, count * T), count, T, textTokens: length };
}
