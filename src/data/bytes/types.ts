/** Bytes from a file, and the refusal of one. Nothing here knows of browsers or Node. */

/** A file read by ranges: a dropped File, or a path in Node. */
export interface ByteSource {
  /** Path relative to what was dropped or named, for messages. */
  readonly path: string;
  readonly size: number;
  /** Exactly `length` bytes from `offset`. @throws when the range cannot be read whole. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** The bytes from `offset` that fill `target`, where the source can do so without a copy (`readInto` of byteSource.ts). @throws as `read`. */
  readInto?(target: Uint8Array, offset: number): Promise<void>;
}

/** A refusal: names the file, what was found, and what to do. */
export class DataError extends Error {
  override name = 'DataError';
  constructor(
    readonly path: string,
    message: string,
  ) {
    super(`${path}: ${message}`);
  }
}

/** Fraction done, 0 to 1. */
export type OnFraction = (fraction: number) => void;

/** Something that may have to be unpacked as a whole before it is read (`unpacking.ts`). */
export interface Unpackable {
  /** Does it now, when it must be done at all; reads would do it otherwise. @throws DataError */
  unpack?(onFraction: OnFraction): Promise<void>;
}
