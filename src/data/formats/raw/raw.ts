/**
 * Raw values without a header, described by JSON beside them: `raw.bin` and `raw.json` with
 * `{"dtype": "float32", "shape": [rows, width]}`, C order, little-endian. What `array.tofile("raw.bin")` and one `json.dump` write.
 */
import { isFields } from '../../../util/json';
import { type ByteSource, DataError } from '../../bytes/types';
import { type Container, STORED_BYTES, type StoredDtype } from '../container';
import { arrayEntry, countOf } from '../npy/layout';
import { isCount, notes, shown } from './fields';

/** Names in numpy's, torch's and safetensors' words. */
const DTYPES: ReadonlyMap<string, StoredDtype> = new Map([
  ['float16', 'f16'],
  ['bfloat16', 'bf16'],
  ['float32', 'f32'],
  ['float64', 'f64'],
  ['float8_e4m3fn', 'f8_e4m3'],
  ['float8_e5m2', 'f8_e5m2'],
  ['int8', 'i8'],
  ['uint8', 'u8'],
  ['int16', 'i16'],
  ['uint16', 'u16'],
  ['int32', 'i32'],
  ['uint32', 'u32'],
  ['int64', 'i64'],
  ['uint64', 'u64'],
  ['bool', 'bool'],
  ...Object.keys(STORED_BYTES).map((name): [string, StoredDtype] => [name, name as StoredDtype]),
]);
/** Keys that would change what the bytes mean, with the one value that is read. */
const FIXED: readonly [string, unknown][] = [
  ['order', 'C'],
  ['fortran_order', false],
  ['byteorder', 'little'],
  ['byte_order', 'little'],
  ['offset', 0],
];
const KNOWN = new Set(['dtype', 'shape', 'metadata', ...FIXED.map(([key]) => key)]);
const EXAMPLE = '{"dtype": "float32", "shape": [rows, width]}';

/** True for JSON that describes a raw file: the two keys that it needs. */
export const looksLikeSidecar = (value: unknown): boolean => isFields(value) && 'dtype' in value && 'shape' in value;

/**
 * @param sidecar the parsed JSON
 * @throws DataError naming the sidecar where its words are wrong, the binary file where the sizes disagree.
 */
export async function openRaw(bin: ByteSource, sidecar: unknown, sidecarPath: string): Promise<Container> {
  const refuse = (message: string) => new DataError(sidecarPath, message);
  if (!isFields(sidecar)) throw refuse(`is not an object. It should be ${EXAMPLE}.`);
  const { dtype: dtypeName, shape } = sidecar;
  const dtype = typeof dtypeName === 'string' ? DTYPES.get(dtypeName.replace(/^torch\./, '').toLowerCase()) : undefined;
  if (!dtype) throw refuse(`"dtype" is ${shown(dtypeName)}; known are ${[...DTYPES.keys()].slice(0, 15).join(', ')}. Correct it.`);
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > 64 || !shape.every(isCount))
    throw refuse(`"shape" is ${shown(shape)}; a list of whole numbers >= 0 is needed, as in ${EXAMPLE}.`);
  for (const [key, only] of FIXED) {
    if (Object.hasOwn(sidecar, key) && sidecar[key] !== only)
      throw refuse(
        `${JSON.stringify(key)} is ${shown(sidecar[key])}; only ${JSON.stringify(only)} is read. Write the values again that way.`,
      );
  }
  const needed = countOf(shape) * STORED_BYTES[dtype];
  if (!Number.isSafeInteger(needed)) throw refuse(`"shape" ${shown(shape)} overflows. Correct it.`);
  if (bin.size !== needed)
    throw new DataError(
      bin.path,
      `${bin.size < needed ? 'truncated, or not what' : 'longer than'} ${sidecarPath} describes: shape [${shape.join(', ')}] of ${dtype} needs ${needed} bytes, ` +
        `the file has ${bin.size}. Copy it again, or correct ${sidecarPath}.`,
    );
  const entry = arrayEntry({ name: '', bytes: bin, base: 0, dtype, shape: [...shape], fortran: false, bigEndian: false });
  const metadata = new Map([...notes(sidecar, KNOWN), ...(isFields(sidecar.metadata) ? notes(sidecar.metadata, new Set()) : [])]);
  return { path: bin.path, format: 'raw values with JSON', bytes: bin.size, arrays: new Map([['', entry]]), metadata, assumptions: [] };
}
