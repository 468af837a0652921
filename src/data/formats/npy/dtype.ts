/** numpy's type strings ("<f2", ">i8", "|V2") in the words of the container. */
import { DataError } from '../../bytes/types';
import type { OpenOptions, StoredDtype } from '../container';
import { type Bytes, refusal } from './bytes';
import type { NpyHeader } from './header';
import type { Literal } from './literal';

const DTYPES: Readonly<Record<string, StoredDtype>> = {
  f2: 'f16',
  f4: 'f32',
  f8: 'f64',
  i1: 'i8',
  i2: 'i16',
  i4: 'i32',
  i8: 'i64',
  u1: 'u8',
  u2: 'u16',
  u4: 'u32',
  u8: 'u64',
  b1: 'bool',
};

/** The array is whole, but of a type that holds no activations: objects, structures, text, complex numbers. */
export class UnreadableDtype extends DataError {}

/** The array's type does not say what its 2-byte values are. Ask the user; then open it again with `wordsAreBf16`. */
export class WordsQuestion extends DataError {}

export interface NpyDtype {
  dtype: StoredDtype;
  bigEndian: boolean;
  assumptions: string[];
}

/** `"<f4"` as order, kind and size; undefined for anything else (structures). */
function typeString(descr: Literal): { order: string; kind: string; type: string } | undefined {
  const match = typeof descr === 'string' ? /^([<>=|]?)([a-zA-Z])(\d{0,6})$/.exec(descr) : null;
  return match ? { order: match[1] as string, kind: match[2] as string, type: `${match[2]}${match[3]}` } : undefined;
}

/**
 * @param isWords whether an array of 2-byte integers would be read as bf16 when the user says so. A list of tokens would not.
 * @throws UnreadableDtype or WordsQuestion
 */
export function npyDtype(bytes: Bytes, { descr, shape }: NpyHeader, options: OpenOptions, isWords: boolean): NpyDtype {
  const parts = typeString(descr);
  const plain = parts && Object.hasOwn(DTYPES, parts.type) ? DTYPES[parts.type] : undefined;
  const isVoidWord = parts?.type === 'V2';
  if (!parts || !(plain || isVoidWord)) throw unreadable(bytes, descr, parts?.kind, parts?.type);
  const bigEndian = parts.order === '>' && parts.type !== 'b1' && !parts.type.endsWith('1');
  const shown = JSON.stringify(descr);
  if (isVoidWord && !options.wordsAreBf16) {
    const message = `its values are ${shown}, two bytes that numpy has no type for: most likely bf16. Say so (2-byte values are bf16) to read them as such.`;
    throw refusal(bytes, message, WordsQuestion);
  }
  const isWord = isVoidWord || ((plain === 'u16' || plain === 'i16') && isWords && shape.length >= 2);
  if (options.wordsAreBf16 && isWord) return { dtype: 'bf16', bigEndian, assumptions: [`2-byte values of type ${shown} read as bf16`] };
  // "=" and no mark mean the byte order of the machine that wrote the file. numpy itself always writes which.
  const isVague = !'<>'.includes(parts.order || '=') && !parts.type.endsWith('1');
  return {
    dtype: plain as StoredDtype,
    bigEndian,
    assumptions: isVague ? [`byte order of ${shown} not stated: read as little-endian`] : [],
  };
}

function unreadable(bytes: Bytes, descr: Literal, kind: string | undefined, type: string | undefined): DataError {
  const float32 = 'np.save("a.npy", a.astype(np.float32))';
  const known: Record<string, string> = {
    O: 'Python objects (a pickle, which can run code). If they are rows of numbers: np.save("a.npy", np.stack(list(a)).astype(np.float32))',
    c: `complex numbers. Save the part that is meant: np.save("a.npy", a.real.astype(np.float32))`,
    U: 'text. Save numbers',
    S: 'text. Save numbers',
    a: 'text. Save numbers',
    M: 'dates. Save numbers',
    m: 'time spans. Save numbers',
    f: `floats of another size than 2, 4 or 8 bytes. Convert them: ${float32}`,
    V: `bytes without a type that numpy knows (ml_dtypes saves like this). Convert them: ${float32}`,
  };
  const what =
    kind === undefined
      ? 'a structure with fields. Save the one field: np.save("a.npy", a["field"])'
      : (known[kind] ?? `of an unknown type. Convert them: ${float32}`);
  const shown = typeof descr === 'string' ? ` (${JSON.stringify(type ?? descr.slice(0, 40))})` : '';
  return refusal(bytes, `its values are ${what}${shown}.`, UnreadableDtype);
}
