/** What a file is, by its first bytes: the name is only a hint that decides between kinds that look alike. */

import { messageOf } from '../../util/errors';
import { readJson } from '../bytes/byteSource';
import { type ByteSource, DataError } from '../bytes/types';
import type { Container } from './container';
import { extension, foreignFormat, TEXT_EXTENSIONS, unknownBinary } from './foreign';
import { type FileFormat, formatOf, openFormat } from './registry';

/** Bytes looked at; also enough for the header of most shards, which then costs no second read. */
const HEAD_BYTES = 16384;
const MAX_JSON = 128 * 2 ** 20;

export type Sniffed =
  /** Opened already: its header tells models and saved SAEs from activations. */
  | { kind: 'container'; container: Container }
  /** Another format that is read; not opened yet. */
  | { kind: 'format'; format: FileFormat; head: Uint8Array }
  | { kind: 'json'; value: unknown }
  | { kind: 'text' }
  /** Not read: `error` says what it looks like and what to do. */
  | { kind: 'refused'; format: string; error: string };

const ACCEPTED =
  'Accepted are activations (.safetensors, .npy, .npz, .pt, Arrow, Parquet, raw values with JSON beside them), a Hugging Face model folder (config.json, model.safetensors, tokenizer.json) and text as .txt.';

/** Never throws for what the file holds; a header that is wrong comes back as `refused`. @throws DataError when the file cannot be read at all. */
export async function sniff(source: ByteSource): Promise<Sniffed> {
  const { path, size } = source;
  if (size === 0) return { kind: 'refused', format: 'empty', error: 'the file is empty (0 bytes). Copy or write it again.' };
  const head = await source.read(0, Math.min(size, HEAD_BYTES));
  const foreign = foreignFormat(head, path);
  if (foreign) return { kind: 'refused', ...foreign };
  const format = formatOf(head, size, extension(path));
  if (format?.atSight) return { kind: 'container', container: await openFormat(format, source, head, {}) };
  if (format) return { kind: 'format', format, head };
  const text = utf8Sample(head, size > head.byteLength);
  if (text === undefined) return { kind: 'refused', ...unknownBinary(path, size, ACCEPTED) };
  return /^[\s\ufeff]*[[{]/.test(text) ? sniffJson(source) : sniffText(path);
}

async function sniffJson(source: ByteSource): Promise<Sniffed> {
  const { path, size } = source;
  if (size > MAX_JSON) return { kind: 'refused', format: 'json', error: `JSON of ${size} bytes; none that large is needed. ${ACCEPTED}` };
  try {
    return { kind: 'json', value: await readJson(source) };
  } catch (cause) {
    if (extension(path) === 'txt') return { kind: 'text' };
    const lines = ['jsonl', 'ndjson'].includes(extension(path)) ? 'JSON Lines; write the texts to a .txt file' : undefined;
    return { kind: 'refused', format: 'json', error: lines ?? withoutPath(cause, path) };
  }
}

function sniffText(path: string): Sniffed {
  if (TEXT_EXTENSIONS.has(extension(path))) return { kind: 'text' };
  return {
    kind: 'refused',
    format: 'text',
    error: `looks like text, but .${extension(path)} is not read as text. Rename it to .txt if it is what the model should read. ${ACCEPTED}`,
  };
}

/** The sample as text, or undefined when it is not UTF-8 or holds control characters. */
function utf8Sample(head: Uint8Array, isCut: boolean): string | undefined {
  try {
    // A cut sample may end in the middle of a character; streaming leaves that open.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: isCut });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what tells binary from text
    return /[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The message of an error without the path in front, for reports that show the path beside it. */
export function withoutPath(cause: unknown, path: string): string {
  const message = messageOf(cause);
  return cause instanceof DataError && message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}
