/**
 * Activation shards of OSU's saev, protocol 2 (docs/src/developers/protocol.md there): `metadata.json`, `shards.json` and
 * `acts000000.bin`, …: f32 in C order `[examples, layers, tokens, width]`, so that one layer lies in pieces, one for each example.
 */
import { type Fields, isFields } from '../../../util/json';
import { baseName } from '../../../util/paths';
import { readJson } from '../../bytes/byteSource';
import { type ByteSource, DataError } from '../../bytes/types';
import type { ArrayEntry, Container } from '../container';
import { gather, type Run } from '../npy/gather';
import { checkValues } from '../npy/layout';
import { count, isCount, notes, shown } from './fields';

const WIDTH = 4;
/** The names of protocol 2.1, then those of its earlier drafts. */
const TOKENS = ['content_tokens_per_example', 'patches_per_ex'];
const EXAMPLES = ['n_examples', 'n_ex'];
const SHARD_TOKENS = ['max_tokens_per_shard', 'patches_per_shard'];
const MAX_LAYERS = 4096;
const MAX_SHARDS = 1_000_000;
/** `data` is a pickle in base64: never looked at. */
const UNSEEN = new Set(['data', 'layers', 'cls_token', ...TOKENS, ...EXAMPLES, ...SHARD_TOKENS, 'd_model', 'd_vit']);

interface Layout {
  layers: number[];
  /** Tokens of one example, the class token included. */
  tokens: number;
  d: number;
  /** Examples that a full shard has room for; undefined when the metadata do not say. */
  room?: number;
}

/** True for the metadata of such a folder. */
export const looksLikeSaev = (value: unknown): boolean =>
  isFields(value) && 'protocol' in value && 'layers' in value && TOKENS.some((name) => name in value);

/**
 * One container for each shard that is there, in the order of `shards.json`; each has an array `layer_<k>` of shape
 * `[examples, tokens, width]` for every layer. Shards that are listed and not there are said.
 * @param folderFiles the files of one folder; others than those of the protocol are ignored.
 * @throws DataError
 */
export async function openSaev(folderFiles: readonly ByteSource[]): Promise<Container[]> {
  const files = new Map(folderFiles.map((file) => [baseName(file.path), file]));
  const folder = folderFiles[0]?.path.replace(/[^/]*$/, '').replace(/\/$/, '') || 'folder';
  const [metadataFile, shardsFile] = ['metadata.json', 'shards.json'].map((name) => {
    const file = files.get(name);
    if (!file) throw new DataError(folder, `has no ${name}, which a folder of saev shards needs. Drop the whole folder.`);
    return file;
  }) as [ByteSource, ByteSource];
  const fields = await readJson(metadataFile);
  if (!isFields(fields)) throw new DataError(metadataFile.path, 'is not an object. Write the folder again with saev.');
  const layout = readLayout(metadataFile.path, fields);
  const shards = await readShards(shardsFile, count(metadataFile.path, fields, EXAMPLES));
  const present = shards.filter((shard) => files.has(shard.name));
  if (present.length === 0)
    throw new DataError(
      folder,
      `none of the ${shards.length} shards that ${shardsFile.path} lists is there (${shards[0]?.name ?? 'it lists none'}, …). Drop the whole folder.`,
    );
  const assumptions: string[] = [];
  if (present.length < shards.length) assumptions.push(`${present.length} of ${shards.length} shards are there; the others are left out`);
  if (fields.cls_token) assumptions.push('the first token of every example is the class token; it is kept');
  const metadata = notes(fields, UNSEEN);
  return present.map(({ name, examples }) => {
    const source = files.get(name) as ByteSource;
    checkSize(source, layout, examples);
    const entries = layout.layers.map((layer, i): [string, ArrayEntry] => [`layer_${layer}`, layerEntry(source, layout, i, examples)]);
    return { path: source.path, format: 'saev shard', bytes: source.size, arrays: new Map(entries), metadata, assumptions };
  });
}

function readLayout(path: string, fields: Fields): Layout {
  const refuse = (message: string) => new DataError(path, message);
  const { protocol, dtype, layers, cls_token: hasClass } = fields;
  if (typeof protocol !== 'string' || !/^2(\.\d+)*$/.test(protocol))
    throw refuse(`is of saev protocol ${shown(protocol)}; protocol 2 is read. Write the shards again with the present saev.`);
  if (dtype !== undefined && dtype !== 'float32')
    throw refuse(`"dtype" is ${shown(dtype)}; the protocol knows float32 only. Write the shards again.`);
  if (!Array.isArray(layers) || layers.length === 0 || layers.length > MAX_LAYERS || !layers.every((k) => Number.isSafeInteger(k)))
    throw refuse(`"layers" is ${shown(layers)}; a list of whole numbers is needed. Correct it.`);
  if (new Set(layers).size < layers.length) throw refuse(`"layers" names a layer twice: ${shown(layers)}. Correct it.`);
  if (typeof hasClass !== 'boolean') throw refuse(`"cls_token" is ${shown(hasClass)}; true or false is needed. Correct it.`);
  const tokens = count(path, fields, TOKENS) + (hasClass ? 1 : 0);
  const d = count(path, fields, ['d_model', 'd_vit']);
  const perExample = tokens * layers.length;
  if (perExample === 0 || d === 0) throw refuse(`describes examples of ${tokens} tokens of width ${d}. Correct it.`);
  if (!Number.isSafeInteger(perExample * d * WIDTH))
    throw refuse(`describes examples of ${layers.length} × ${tokens} × ${d} values, which overflows. Correct it.`);
  const isRoomKnown = SHARD_TOKENS.some((name) => Object.hasOwn(fields, name));
  return { layers, tokens, d, room: isRoomKnown ? Math.floor(count(path, fields, SHARD_TOKENS) / perExample) : undefined };
}

/** The shards that hold examples: saev lists an empty one when the last is just full. */
async function readShards(file: ByteSource, total: number): Promise<{ name: string; examples: number }[]> {
  const list = await readJson(file);
  if (!Array.isArray(list) || list.length > MAX_SHARDS)
    throw new DataError(file.path, 'is not a list of shards. Write the folder again with saev.');
  const names = new Set<string>();
  const shards = list.map((entry: unknown, i) => {
    const name = isFields(entry) ? entry.name : undefined;
    if (!isFields(entry) || typeof name !== 'string' || !/^acts\d{6,}\.bin$/.test(name) || names.has(name))
      throw new DataError(
        file.path,
        `shard ${i} is ${shown(entry)}; {"name": "acts000000.bin", "n_examples": …} is needed, each name once. Correct it.`,
      );
    names.add(name);
    return { name, examples: count(file.path, entry, EXAMPLES) };
  });
  const sum = shards.reduce((n, shard) => n + shard.examples, 0);
  if (!isCount(sum) || sum !== total)
    throw new DataError(
      file.path,
      `its shards hold ${sum} examples, metadata.json says ${total}. The run that wrote them may have stopped early: write them again.`,
    );
  return shards.filter((shard) => shard.examples > 0);
}

/** A shard has room for all the examples it could hold: saev leaves the end of the last one as zeros. */
function checkSize({ path, size }: ByteSource, { layers, tokens, d, room }: Layout, examples: number): void {
  const perExample = layers.length * tokens * d * WIDTH;
  const needed = examples * perExample;
  if (size === needed || (room !== undefined && examples <= room && size === room * perExample)) return;
  throw new DataError(
    path,
    `${examples} examples of ${layers.length} layers × ${tokens} tokens × ${d} f32 need ${needed} bytes, the file has ${size}. ` +
      `${size < needed ? 'It is truncated: copy' : 'It is not of this folder, or damaged: copy'} or write it again.`,
  );
}

function layerEntry(source: ByteSource, { layers, tokens, d }: Layout, layer: number, examples: number): ArrayEntry {
  const perExample = tokens * d;
  const total = examples * perExample;
  const read = async (from: number, values: number): Promise<Uint8Array> => {
    checkValues(source, from, values, total);
    return gather(source, 0, WIDTH, values, runs(from, values));
  };
  /** The layer's piece of each example, cut to the range. */
  function* runs(from: number, values: number): Generator<Run> {
    for (let done = 0; done < values; ) {
      const example = Math.floor((from + done) / perExample);
      const within = from + done - example * perExample;
      const length = Math.min(perExample - within, values - done);
      yield { at: (example * layers.length + layer) * perExample + within, count: length, to: done, step: 1 };
      done += length;
    }
  }
  return { name: `layer_${layers[layer]}`, dtype: 'f32', shape: [examples, tokens, d], isSequences: true, read };
}
