/** What a pickle can say here: plain tagged data. No value carries code, and dicts are Maps, so that no key reaches a prototype. */
import type { StoredDtype } from '../container';

export interface List {
  readonly kind: 'list';
  readonly items: Value[];
}

export interface Tuple {
  readonly kind: 'tuple';
  readonly items: readonly Value[];
}

export interface Dict {
  readonly kind: 'dict';
  readonly entries: Map<Value, Value>;
}

export interface Bytes {
  readonly kind: 'bytes';
  readonly bytes: Uint8Array;
}

/** The name of something importable, `module.name`. Only ever a name. */
export interface Global {
  readonly kind: 'global';
  readonly name: string;
}

/** Where values lie: a member `data/KEY` of the archive. */
export interface Storage {
  readonly kind: 'storage';
  readonly dtype: StoredDtype | 'untyped';
  readonly key: string;
  /** Values, or bytes when untyped. */
  readonly numel: number;
}

/** A view of a storage; offset and strides count values. Not yet checked against the storage's size. */
export interface Tensor {
  readonly kind: 'tensor';
  readonly storage: Storage;
  readonly dtype: StoredDtype;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export interface NumpyDtype {
  readonly kind: 'numpy dtype';
  /** Such as `f8`. */
  readonly code: string;
  isBigEndian: boolean;
}

/** An object of a listed class that is nothing but its attributes. */
export interface Plain {
  readonly kind: 'object';
  readonly className: string;
  state: Dict | undefined;
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | List
  | Tuple
  | Dict
  | Bytes
  | Global
  | Storage
  | Tensor
  | NumpyDtype
  | Plain;

/** What a pickle does that is not done here, in words; the caller knows the file. */
export class PickleError extends Error {
  override name = 'PickleError';

  /** @param remedy what to do; "FILE" in it stands for the file. Without one: save nothing but tensors. */
  constructor(
    message: string,
    readonly remedy?: string,
  ) {
    super(message);
  }
}

export const DAMAGED = 'The file is damaged: copy or save it again.';

const MAX_SHOWN = 80;

/** A name from the file, fit to be shown: no control or invisible characters, not endless. */
export function shown(text: string): string {
  const clean = text.slice(0, MAX_SHOWN).replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '�');
  return text.length > MAX_SHOWN ? `${clean}…` : clean;
}

/** What a value is, for messages. */
export function describe(value: Value): string {
  if (value === null) return 'None';
  if (typeof value === 'string') return 'a string';
  if (typeof value === 'boolean') return 'a bool';
  if (typeof value !== 'object') return 'a number';
  if (value.kind === 'global') return shown(value.name);
  if (value.kind === 'object') return `a ${shown(value.className)}`;
  return `a ${value.kind}`;
}
