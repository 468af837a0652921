/** Files written piece by piece, with holes where the values are zero, so that gigabytes take megabytes on disk. */
import { closeSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import { crc32 } from '../../src/data/formats/zip/crc32';

/** Bytes, or so many zero bytes that are not written. */
export type Segment = Uint8Array | { hole: number };

export const lengthOf = (segment: Segment): number => (segment instanceof Uint8Array ? segment.byteLength : segment.hole);

export class SparseFile {
  /** Bytes so far. */
  at = 0;
  private readonly file: number;

  constructor(path: string) {
    this.file = openSync(path, 'w');
  }

  put(...segments: Segment[]): void {
    for (const segment of segments) {
      if (segment instanceof Uint8Array)
        for (let done = 0; done < segment.byteLength; )
          done += writeSync(this.file, segment, done, segment.byteLength - done, this.at + done);
      this.at += lengthOf(segment);
    }
  }

  putAll(segments: Iterable<Segment>): void {
    for (const segment of segments) this.put(segment);
  }

  close(): void {
    ftruncateSync(this.file, this.at);
    closeSync(this.file);
  }
}

/** A whole file. */
export function writeSparse(path: string, segments: Iterable<Segment>): void {
  const file = new SparseFile(path);
  file.putAll(segments);
  file.close();
}

/** Bytes that a file occupies on disk. */
export const bytesOnDisk = (path: string): number => statSync(path).blocks * 512;

/** A 32 × 32 matrix of bits, as the images of the 32 unit vectors. */
type Matrix = Uint32Array;

const times = (matrix: Matrix, vector: number): number => {
  let sum = 0;
  for (let i = 0, rest = vector; rest !== 0; i++, rest >>>= 1) if (rest & 1) sum ^= matrix[i] as number;
  return sum >>> 0;
};

let powers: Matrix[] | undefined;

/** What 2^k zero bytes do to the register of CRC-32, for k from 0 to 47: multiplication by a matrix, squared each time. */
function zeroPowers(): Matrix[] {
  if (powers) return powers;
  let matrix: Matrix = Uint32Array.from({ length: 32 }, (_, i) => (i === 0 ? 0xedb88320 : 2 ** (i - 1)));
  const square = () => {
    matrix = matrix.map((column) => times(matrix, column));
  };
  // From one bit to one byte.
  for (let i = 0; i < 3; i++) square();
  powers = [];
  for (let k = 0; k < 48; k++, square()) powers.push(matrix);
  return powers;
}

/** CRC-32 of what had checksum `crc` followed by `count` zero bytes, in as many steps as `count` has bits. */
export function crcOfZeros(count: number, crc = 0): number {
  let register = ~crc >>> 0;
  for (let k = 0, rest = count; rest > 0; k++, rest = Math.floor(rest / 2))
    if (rest % 2 === 1) register = times(zeroPowers()[k] as Matrix, register);
  return ~register >>> 0;
}

export const crcOf = (segments: Iterable<Segment>): number => {
  let crc = 0;
  for (const segment of segments) crc = segment instanceof Uint8Array ? crc32(segment, crc) : crcOfZeros(segment.hole, crc);
  return crc;
};
