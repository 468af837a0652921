/** One range of values out of places that lie apart in files: large pieces are read where they belong, small ones many at a time. */
import { readInto } from '../bytes/byteSource';
import { spareBuffers } from '../bytes/spareBuffers';
import type { ByteSource } from '../bytes/types';

/** `length` bytes from byte `at` of a file. */
export interface Piece {
  source: ByteSource;
  at: number;
  length: number;
}

/** Pieces shorter than this are read together with their neighbours: a read of its own would cost more than copying. */
const SMALL = 2 ** 18;
/** Bytes of one read of several pieces, and between two of them that are read along and dropped. */
const MAX_SPAN = 2 ** 22;
const MAX_GAP = 2 ** 16;
/** Reads under way for one call. */
const PARALLEL = 8;

/** Pieces that one read fetches. */
interface Span {
  source: ByteSource;
  begin: number;
  end: number;
  /** Where its bytes go, and those of each piece. */
  to: number;
  pieces: { at: number; length: number; to: number }[];
}

/** The pieces one after another. @throws DataError from the first source that cannot be read. */
export async function readPieces(pieces: readonly Piece[]): Promise<Uint8Array> {
  const [only] = pieces;
  if (only && pieces.length === 1) return only.source.read(only.at, only.length);
  const out = spareBuffers.take(pieces.reduce((sum, { length }) => sum + length, 0));
  const spans = join(pieces);
  let next = 0;
  const work = async () => {
    while (next < spans.length) await fetchSpan(spans[next++] as Span, out);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, spans.length) }, work));
  return out;
}

function join(pieces: readonly Piece[]): Span[] {
  const spans: Span[] = [];
  let to = 0;
  for (const { source, at, length } of pieces) {
    const piece = { at, length, to };
    const last = spans.at(-1);
    const isNear = last && last.source === source && at >= last.end && at - last.end <= MAX_GAP && at + length - last.begin <= MAX_SPAN;
    if (isNear && length < SMALL && (last.pieces[0]?.length ?? 0) < SMALL) {
      last.pieces.push(piece);
      last.end = at + length;
    } else spans.push({ source, begin: at, end: at + length, to, pieces: [piece] });
    to += length;
  }
  return spans;
}

async function fetchSpan({ source, begin, end, to, pieces }: Span, out: Uint8Array): Promise<void> {
  if (pieces.length === 1) return readInto(source, out.subarray(to, to + end - begin), begin);
  const bytes = await source.read(begin, end - begin);
  for (const { at, length, to: target } of pieces) out.set(bytes.subarray(at - begin, at - begin + length), target);
  spareBuffers.giveBack(bytes);
}
