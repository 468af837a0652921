/** JSON as other programs write it. */

/** A parsed JSON object whose fields are still unknown. */
export type Fields = Readonly<Record<string, unknown>>;

/** An object in JSON's sense: no array, no null. */
export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

export interface ParsedJson {
  value: unknown;
  /** Keys whose value was NaN or infinite, and so is absent (null inside a list); in the order of the text. */
  notFinite: string[];
}

/**
 * Parses JSON, and what Python's json.dumps makes of numbers that JSON does not have: bare NaN, Infinity and -Infinity are read as absent.
 * @throws SyntaxError in the words of JSON.parse for anything else that is wrong.
 */
export function parseJson(text: string): ParsedJson {
  try {
    return { value: JSON.parse(text), notFinite: [] };
  } catch (cause) {
    const mended = quoteNotFinite(text);
    if (mended === undefined) throw cause;
    const notFinite: string[] = [];
    const value: unknown = JSON.parse(mended, function (this: unknown, key, field: unknown) {
      if (field !== NOT_FINITE) return field;
      notFinite.push(key);
      return Array.isArray(this) || key === '' ? null : undefined;
    });
    return { value, notFinite };
  }
}

/** A string that no JSON file holds by accident: it begins with a control character. */
const NOT_FINITE = '\u0001not finite';
const WORDS = ['NaN', 'Infinity', '-Infinity'] as const;

/** The text with every bare NaN and Infinity outside of strings quoted as NOT_FINITE; undefined when it holds none. */
function quoteNotFinite(text: string): string | undefined {
  const parts: string[] = [];
  let copied = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') {
      i = endOfString(text, i);
      continue;
    }
    const word = WORDS.find((w) => text.startsWith(w, i));
    if (!word) continue;
    // A value stands between these; anything else is a mistake that JSON.parse shall name.
    if (!/[[:,\s]/.test(text[i - 1] ?? ' ') || !/[\],}\s]/.test(text[i + word.length] ?? ' ')) continue;
    parts.push(text.slice(copied, i), JSON.stringify(NOT_FINITE));
    copied = i + word.length;
    i = copied - 1;
  }
  return parts.length === 0 ? undefined : parts.join('') + text.slice(copied);
}

/** Index of the quote that ends the string which begins at `i`. By hand: a regular expression overflows the stack on strings of megabytes. */
function endOfString(text: string, i: number): number {
  let end = i + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end;
}

/** The first key that one object of the text has twice, quoted; JSON.parse silently keeps the last one. `text` is valid JSON. */
export function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  let quoted = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '{') open.push(new Set());
    else if (c === '}') open.pop();
    else if (c === '"') {
      const end = endOfString(text, i);
      quoted = text.slice(i, end + 1);
      i = end;
    } else if (c === ':') {
      const seen = open.at(-1);
      if (seen?.has(quoted)) return quoted;
      seen?.add(quoted);
    }
  }
  return undefined;
}
