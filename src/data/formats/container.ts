/**
 * The one interface behind which every file format lies: a header says which arrays a container holds, then values are read by
 * ranges. A reader of a format never decides what an array is for; names and shapes are looked at elsewhere (`shard.ts`).
 */
import type { ByteSource, Unpackable } from '../bytes/types';

/** dtypes as stored, always handed out little-endian. */
export type StoredDtype =
  | 'f16'
  | 'bf16'
  | 'f32'
  | 'f64'
  | 'f8_e4m3'
  | 'f8_e5m2'
  | 'i8'
  | 'u8'
  | 'i16'
  | 'u16'
  | 'i32'
  | 'u32'
  | 'i64'
  | 'u64'
  | 'bool';

/** Bytes of one stored value. */
export const STORED_BYTES: Record<StoredDtype, number> = {
  f16: 2,
  bf16: 2,
  f32: 4,
  f64: 8,
  f8_e4m3: 1,
  f8_e5m2: 1,
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  bool: 1,
};

/** One array of a container, described by its header alone. */
export interface ArrayEntry extends Unpackable {
  /** Key in the file; "" where the file holds one array without a name. */
  readonly name: string;
  readonly dtype: StoredDtype;
  /** C order. A list of prompts of different lengths appears as one array `[all rows, d]`. */
  readonly shape: readonly number[];
  /** The format itself says that the middle one of three axes counts positions of a sequence. */
  readonly isSequences?: boolean;
  /**
   * `count` values from value `from`, in C order of `shape`, little-endian. Reads no more of the file than these values need
   * (plus, where the layout demands it, the rest of a strided slice; what is compressed as a whole is unpacked once, `unpack`).
   * @throws DataError naming the file, what was found and what to do.
   */
  read(from: number, count: number): Promise<Uint8Array>;
}

/** What the header of a file, or of a few files that belong together, says. */
export interface Container {
  /** File or folder, for messages. */
  readonly path: string;
  /** Name of the format, for people: ".npy", "PyTorch .pt". */
  readonly format: string;
  /** Bytes on disk. */
  readonly bytes: number;
  /** In the order of the file. A Map, so that no name can reach a prototype. */
  readonly arrays: ReadonlyMap<string, ArrayEntry>;
  /** Whatever the writer noted: hook name, model, … */
  readonly metadata: ReadonlyMap<string, string>;
  /** What was assumed where the file leaves a choice ("2-byte integers read as bf16"), for the user to confirm. */
  readonly assumptions: readonly string[];
}

export interface OpenOptions {
  /** 2-byte values without a float type (npy `|V2`, `u2`) are bf16: numpy cannot say so itself. False unless the user said so. */
  readonly wordsAreBf16?: boolean;
}

/** Opens one file of a format. Reads headers only. @throws DataError */
export type OpenFile = (source: ByteSource, options?: OpenOptions) => Promise<Container>;
