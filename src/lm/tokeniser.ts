/** A tokenizer from its files. The work is `@huggingface/tokenizers`'; this file decides what goes in front of a document and mends bytes. */

import { Tokenizer } from '@huggingface/tokenizers';
import { DataError } from '../data/bytes/types';
import { messageOf } from '../util/errors';
import { type Fields, isFields } from '../util/json';

export interface Tokeniser {
  /** Ids of a text, without special tokens around it. */
  encode(text: string): number[];
  /** Largest id + 1. */
  vocab: number;
  /** Id in front of every document. */
  bos?: number;
  /** Strings that separate documents in a text file. */
  separators: string[];
  /**
   * How a long document may be cut between two words without changing its ids: the second part keeps its leading space
   * (byte-level BPE), loses it (SentencePiece, which puts one there itself), or not at all.
   */
  cut: 'keep-space' | 'drop-space' | 'never';
  /** What the files leave open or contradict, and what was assumed: a sentence each. */
  notes: readonly string[];
}

/** The separator of GPT-2's data, which text files use whatever their tokenizer. */
const END_OF_TEXT = '<|endoftext|>';

const same = (a: number[], b: number[]): boolean => a.length === b.length && a.every((id, i) => id === b[i]);

/** A special token's text: a string, or an object with `content` in older files. */
function specialText(config: Fields, key: string): string | undefined {
  const value = config[key];
  const text = isFields(value) ? value.content : value;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/**
 * @param tokenizerJson parsed tokenizer.json; `tokenizerConfig` parsed tokenizer_config.json, `{}` when there is none.
 * @param model ids of the model's config.json, used when tokenizer_config.json names no beginning of text.
 * @throws DataError when the files are not what they should be or use a part that the library does not have.
 */
export function loadTokeniser(
  tokenizerJson: unknown,
  tokenizerConfig: unknown = {},
  model: { bosTokenId?: number; eosTokenId?: number } = {},
): Tokeniser {
  if (!isFields(tokenizerJson) || !isFields(tokenizerJson.model))
    throw new DataError('tokenizer.json', 'has no "model"; expected the tokenizer.json of a Hugging Face model folder');
  if (!isFields(tokenizerConfig)) throw new DataError('tokenizer_config.json', 'is not a JSON object');
  let tokenizer: Tokenizer;
  let vocabulary: Map<string, number>;
  try {
    tokenizer = new Tokenizer(tokenizerJson, tokenizerConfig);
    vocabulary = tokenizer.get_vocab();
  } catch (cause) {
    throw new DataError('tokenizer.json', `cannot be used: ${messageOf(cause)}`);
  }
  for (const [id, { content }] of tokenizer.get_added_tokens_decoder()) vocabulary.set(content, id);
  let vocab = 0;
  for (const id of vocabulary.values()) vocab = Math.max(vocab, id + 1);

  const bosText = specialText(tokenizerConfig, 'bos_token');
  const eosText = specialText(tokenizerConfig, 'eos_token');
  const idOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : vocabulary.get(text));
  const encode = encoderOf(tokenizer, tokenizerJson.model, vocabulary);
  const whole = encode('a b');
  const bos = idOf(bosText) ?? model.bosTokenId ?? idOf(eosText) ?? model.eosTokenId;
  const notes = doubts({ json: tokenizerJson, config: tokenizerConfig, bosText, own: idOf(bosText), bos, idOf, named: model.bosTokenId });
  return {
    encode,
    vocab,
    bos,
    notes,
    separators: [...new Set([END_OF_TEXT, eosText, bosText].filter((text) => text !== undefined))],
    cut: same(whole, [...encode('a'), ...encode(' b')])
      ? 'keep-space'
      : same(whole, [...encode('a'), ...encode('b')])
        ? 'drop-space'
        : 'never',
  };
}

/** What the files leave open or contradict about characters and the beginning of a text. */
function doubts({ json, config, bosText, own, bos, idOf, named }: Doubtful): string[] {
  const notes: string[] = [];
  const first = templateStart(json.post_processor);
  if (find(json.normalizer, 'Precompiled'))
    notes.push(
      'tokenizer.json normalises characters by a table (Precompiled) that is only approximated here: ids of unusual characters may differ.',
    );
  const level = find(json.pre_tokenizer, 'ByteLevel');
  if (level && typeof config.add_prefix_space === 'boolean' && config.add_prefix_space !== level.add_prefix_space)
    notes.push(
      `tokenizer_config.json says add_prefix_space ${config.add_prefix_space}, tokenizer.json ${level.add_prefix_space === true}: the latter is done.`,
    );
  if (bosText !== undefined && own === undefined)
    notes.push(`tokenizer_config.json names the beginning of text ${bosText}, which is not in the vocabulary of tokenizer.json.`);
  if (own !== undefined && named !== undefined && own !== named)
    notes.push(
      `tokenizer_config.json begins texts with ${bosText} (id ${own}), config.json with id ${named} (bos_token_id). Documents begin with ${own}.`,
    );
  if (first !== undefined && bos !== undefined && idOf(first) !== bos)
    notes.push(`tokenizer.json puts ${first} in front of a text (post_processor); here documents begin with id ${bos}.`);
  if (bos === undefined) notes.push('No file names a beginning or end of text: documents follow each other with nothing in between.');
  else if (own === undefined && named === undefined)
    notes.push(`No file names a beginning of text: documents begin with the end of text, id ${bos}.`);
  return notes;
}

interface Doubtful {
  /** tokenizer.json, tokenizer_config.json */
  json: Fields;
  config: Fields;
  /** tokenizer_config.json's bos_token and its id, config.json's bos_token_id, and what documents begin with. */
  bosText: string | undefined;
  own: number | undefined;
  named: number | undefined;
  bos: number | undefined;
  idOf: (text: string) => number | undefined;
}

/** The token of a byte, as SentencePiece and Llama name it. */
const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

/**
 * Text to ids without special tokens. A Unigram model with `byte_fallback` spells what is not in its vocabulary in bytes, where it has a
 * token for each of them; the library leaves that out, so it is done here, as `tokenizers`' Unigram::tokenize does.
 * @throws DataError for a BPE model whose byte tokens are incomplete: the two libraries then differ in the order of ids.
 */
function encoderOf(tokenizer: Tokenizer, model: Fields, vocabulary: ReadonlyMap<string, number>): Tokeniser['encode'] {
  const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false });
  if (model.byte_fallback !== true) return (text) => encode(text).ids;
  if (model.type !== 'Unigram') {
    const missing = Array.from({ length: 256 }, (_, byte) => byteToken(byte)).find((token) => !vocabulary.has(token));
    if (missing !== undefined)
      throw new DataError('tokenizer.json', `falls back on bytes (byte_fallback) and has no token ${missing}: its ids would not be right`);
    return (text) => encode(text).ids;
  }
  const utf8 = new TextEncoder();
  return (text) => {
    const { ids, tokens } = encode(text);
    return ids.flatMap((id, i) => {
      const token = tokens[i] as string;
      if (vocabulary.has(token)) return [id];
      const bytes = Array.from(utf8.encode(token), (byte) => vocabulary.get(byteToken(byte)));
      return bytes.every((found) => found !== undefined) ? bytes : [id];
    });
  };
}

/** A part of a tokenizer of this type, which may stand in a sequence of parts. */
function find(part: unknown, type: string): Fields | undefined {
  if (!isFields(part)) return undefined;
  if (part.type === type) return part;
  const inner = part.normalizers ?? part.pretokenizers;
  return Array.isArray(inner) ? inner.map((each) => find(each, type)).find((found) => found !== undefined) : undefined;
}

/** The special token that a post-processor puts in front of a text, if it does. */
function templateStart(processor: unknown): string | undefined {
  if (!isFields(processor)) return undefined;
  if (Array.isArray(processor.processors)) return processor.processors.map(templateStart).find((token) => token !== undefined);
  const [first] = Array.isArray(processor.single) ? processor.single : [];
  const special = isFields(first) && isFields(first.SpecialToken) ? first.SpecialToken.id : undefined;
  return typeof special === 'string' ? special : undefined;
}
