/** The header of a .npy file: magic, version, length, and a dict of descr, fortran_order and shape (numpy's NEP 1). */
import { messageOf } from '../../../util/errors';
import { type Bytes, DAMAGED, refusal } from './bytes';
import { type Literal, parseLiteral } from './literal';

export interface NpyHeader {
  /** As the file has it: a string, or the list of a structured dtype. */
  descr: Literal;
  fortran: boolean;
  shape: number[];
  /** Product of the shape. */
  count: number;
  /** Offset of the first value. */
  dataStart: number;
}

/** numpy itself reads at most 10 000 unless told otherwise; version 1.0 has 16 bits for it. */
const MAX_HEADER = 65536;
/** numpy 2's own bound. */
const MAX_DIMENSIONS = 64;
const FIRST_READ = 1024;
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const SAVE_AGAIN = 'Save the array again with np.save.';

/** True when the first bytes are those of a .npy file. */
export const looksLikeNpy = (head: Uint8Array): boolean => head.length >= 8 && MAGIC.every((byte, i) => head[i] === byte);

/** @throws DataError */
export async function readNpyHeader(bytes: Bytes): Promise<NpyHeader> {
  let head = await bytes.read(0, Math.min(bytes.size, FIRST_READ));
  if (!looksLikeNpy(head))
    throw refusal(
      bytes,
      bytes.size === 0
        ? 'the file is empty (0 bytes). Copy or write it again.'
        : 'is not a .npy file: its first bytes are not "\\x93NUMPY".',
    );
  const [major, minor] = [head[6] as number, head[7] as number];
  if (major < 1 || major > 3 || minor !== 0)
    throw refusal(bytes, `is .npy of version ${major}.${minor}; 1.0, 2.0 and 3.0 are read. ${SAVE_AGAIN}`);
  const lengthBytes = major === 1 ? 2 : 4;
  const textStart = 8 + lengthBytes;
  if (bytes.size < textStart) throw refusal(bytes, `truncated within its header: the file has ${bytes.size} bytes. Copy it again.`);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER) throw refusal(bytes, `announces a header of ${length} bytes (at most ${MAX_HEADER} are read). ${DAMAGED}`);
  const dataStart = textStart + length;
  if (dataStart > bytes.size)
    throw refusal(bytes, `truncated: the header should end at byte ${dataStart}, but there are ${bytes.size} bytes. Copy it again.`);
  if (head.length < dataStart) head = await bytes.read(0, dataStart);
  return { ...parse(bytes, head.subarray(textStart, dataStart), major), dataStart };
}

function parse(bytes: Bytes, raw: Uint8Array, major: number): Omit<NpyHeader, 'dataStart'> {
  let root: Literal;
  try {
    root = parseLiteral(new TextDecoder(major === 3 ? 'utf-8' : 'latin1', { fatal: true }).decode(raw));
  } catch (cause) {
    throw refusal(bytes, `its header cannot be read (${messageOf(cause)}). ${DAMAGED}`);
  }
  if (!(root instanceof Map)) throw refusal(bytes, `its header is not a dict. ${DAMAGED}`);
  const keys = [...root.keys()];
  const unknown = keys.find((key) => !['descr', 'fortran_order', 'shape'].includes(key));
  if (unknown !== undefined || keys.length !== 3)
    throw refusal(
      bytes,
      `its header has the keys ${keys.map((key) => JSON.stringify(key)).join(', ') || 'none'}; descr, fortran_order and shape are needed. ${SAVE_AGAIN}`,
    );
  const fortran = root.get('fortran_order');
  if (typeof fortran !== 'boolean') throw refusal(bytes, `fortran_order in its header is neither True nor False. ${DAMAGED}`);
  const shape = readShape(bytes, root.get('shape') as Literal);
  // A zero anywhere makes the product zero, whatever the other factors are.
  const count = shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1);
  if (!Number.isSafeInteger(count)) throw refusal(bytes, `its shape (${shape.join(', ')}) overflows. ${DAMAGED}`);
  return { descr: root.get('descr') as Literal, fortran, shape, count };
}

function readShape(bytes: Bytes, value: Literal): number[] {
  const isTuple = typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tuple';
  const items = isTuple ? value.items : undefined;
  if (!items || items.length > MAX_DIMENSIONS)
    throw refusal(bytes, `the shape in its header is not a tuple of at most ${MAX_DIMENSIONS} integers. ${DAMAGED}`);
  return items.map((item) => {
    if (typeof item !== 'bigint' || item < 0n || item > BigInt(Number.MAX_SAFE_INTEGER))
      throw refusal(
        bytes,
        `the shape in its header holds ${typeof item === 'bigint' ? item : 'something else than an integer'}; each size must be a whole number from 0 to 2^53. ${DAMAGED}`,
      );
    return Number(item);
  });
}
