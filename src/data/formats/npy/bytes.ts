/** What an array's bytes are read from: a file, or a member of an archive. */
import { DataError, type OnFraction } from '../../bytes/types';

/** A ByteSource is one. */
export interface Bytes {
  readonly path: string;
  /** Name inside the archive, where there is one. */
  readonly member?: string;
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  /** What must be done once before all of it is read, where something must. */
  unpack?(onFraction: OnFraction): Promise<void>;
}

/** An error that names the file, and the member where there is one. */
export const refusal = ({ path, member }: Bytes, message: string, Kind: typeof DataError = DataError): DataError =>
  new Kind(path, member === undefined ? message : `member ${JSON.stringify(member)}: ${message}`);

export const DAMAGED = 'The file is damaged: copy it again or write it again.';
