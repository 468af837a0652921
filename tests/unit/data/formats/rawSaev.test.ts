import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { looksLikeSaev, openSaev } from '../../../../src/data/formats/raw/saev';
import { ascii, CountedSource, entryOf, expectRangesToAgree, floats, refusalOf } from './npyHelpers';

const LAYERS = [3, 11];
const [CONTENT, D] = [4, 6];
const TOKENS = CONTENT + 1;
/** Shards of 3 examples: 3, 3 and 1. */
const METADATA = {
  family: 'dinov2',
  ckpt: 'a/b',
  layers: LAYERS,
  content_tokens_per_example: CONTENT,
  cls_token: true,
  d_model: D,
  n_examples: 7,
  max_tokens_per_shard: 3 * TOKENS * LAYERS.length + 5,
  data: 'cGlja2xl',
  dataset: '/data',
  pixel_agg: null,
  dtype: 'float32',
  protocol: '2.1',
};
const SHARDS = [
  { name: 'acts000000.bin', n_examples: 3 },
  { name: 'acts000001.bin', n_examples: 3 },
  { name: 'acts000002.bin', n_examples: 1 },
  { name: 'acts000003.bin', n_examples: 0 },
];

/** The value of a place says where it is. */
const value = (example: number, layer: number, token: number, i: number) => example * 1000 + layer * 100 + token * 10 + i;
const layerValues = (first: number, examples: number, layer: number): number[] =>
  Array.from({ length: examples * TOKENS * D }, (_, n) =>
    value(first + Math.floor(n / TOKENS / D), layer, Math.floor(n / D) % TOKENS, n % D),
  );

function shardBytes(first: number, examples: number, room = examples): Uint8Array {
  const values = new Float32Array(room * LAYERS.length * TOKENS * D);
  let at = 0;
  for (let e = 0; e < examples; e++)
    for (let l = 0; l < LAYERS.length; l++)
      for (let t = 0; t < TOKENS; t++) for (let i = 0; i < D; i++) values[at++] = value(first + e, l, t, i);
  return new Uint8Array(values.buffer);
}

function folder(
  metadata: object = METADATA,
  shards: unknown = SHARDS,
  change: Record<string, Uint8Array | undefined> = {},
): MemorySource[] {
  const files: Record<string, Uint8Array | undefined> = {
    'metadata.json': ascii(JSON.stringify(metadata)),
    'shards.json': ascii(JSON.stringify(shards)),
    'acts000000.bin': shardBytes(0, 3),
    'acts000001.bin': shardBytes(3, 3),
    // As saev leaves it: room for three examples, the last two zeros.
    'acts000002.bin': shardBytes(6, 1, 3),
    'acts000003.bin': shardBytes(7, 0, 3),
    'labels.bin': new Uint8Array(28),
    ...change,
  };
  return Object.entries(files).flatMap(([name, bytes]) => (bytes ? [new MemorySource(`run/abc/${name}`, bytes)] : []));
}

describe('a folder of saev shards', () => {
  it('gives a container for each shard with examples, and an array for each layer', async () => {
    const containers = await openSaev(folder());
    expect(containers.map(({ path }) => path)).toEqual(['run/abc/acts000000.bin', 'run/abc/acts000001.bin', 'run/abc/acts000002.bin']);
    for (const [i, container] of containers.entries()) {
      expect([...container.arrays.keys()]).toEqual(['layer_3', 'layer_11']);
      for (const [l, layer] of LAYERS.entries()) {
        const examples = [3, 3, 1][i] as number;
        const entry = entryOf(container, `layer_${layer}`);
        expect(entry).toMatchObject({ dtype: 'f32', shape: [examples, TOKENS, D] });
        expect(await floats(entry)).toEqual(layerValues(i * 3, examples, l));
        await expectRangesToAgree(entry, 4, [1, 7, 29, 31]);
      }
    }
    expect(Object.fromEntries(containers[0]?.metadata ?? [])).toEqual({
      family: 'dinov2',
      ckpt: 'a/b',
      dataset: '/data',
      dtype: 'float32',
      protocol: '2.1',
    });
    expect(containers[0]?.assumptions).toEqual(['the first token of every example is the class token; it is kept']);
  });

  it('reads one layer without the others where they are long', async () => {
    const metadata = { ...METADATA, layers: [0, 1, 2, 3], d_model: 8192, n_examples: 2, cls_token: false };
    const bytes = new Uint8Array(2 * 4 * CONTENT * 8192 * 4).map((_, i) => i >> 12);
    const files = [
      new MemorySource('metadata.json', ascii(JSON.stringify(metadata))),
      new MemorySource('shards.json', ascii('[{"name": "acts000000.bin", "n_examples": 2}]')),
    ];
    const source = new CountedSource(new MemorySource('acts000000.bin', bytes));
    const entry = entryOf((await openSaev([...files, source]))[0] as never, 'layer_2');
    await entry.read(0, 2 * CONTENT * 8192);
    expect(source.bytesRead).toBe(bytes.length / 4);
  });

  it('takes the names of the drafts before 2.1, and says which shards are not there', async () => {
    const { content_tokens_per_example: patches_per_ex, n_examples: n_ex, max_tokens_per_shard: patches_per_shard, ...rest } = METADATA;
    const draft = { ...rest, patches_per_ex, n_ex, patches_per_shard, protocol: '2.0' };
    const shards = SHARDS.map(({ name, n_examples }) => ({ name, n_ex: n_examples }));
    const containers = await openSaev(folder(draft, shards, { 'acts000001.bin': undefined }));
    expect(containers).toHaveLength(2);
    expect(containers[1]?.assumptions[0]).toBe('2 of 3 shards are there; the others are left out');
    expect(looksLikeSaev(METADATA) && looksLikeSaev(draft)).toBe(true);
    expect(looksLikeSaev({ dtype: 'float32', shape: [1] })).toBe(false);
  });

  const cases: [string, MemorySource[], RegExp][] = [
    [
      'metadata.json is missing',
      folder(METADATA, SHARDS, { 'metadata.json': undefined }),
      /^run\/abc: has no metadata\.json.*Drop the whole folder/,
    ],
    ['metadata.json is no JSON', folder(METADATA, SHARDS, { 'metadata.json': ascii('{') }), /metadata\.json: is not valid JSON/],
    ['no shard is there', folder(METADATA, [{ name: 'acts000009.bin', n_examples: 7 }]), /none of the 1 shards.*acts000009\.bin/],
    ['the protocol is another', folder({ ...METADATA, protocol: '1.0.0' }), /saev protocol "1\.0\.0".*present saev/],
    ['the dtype is another', folder({ ...METADATA, dtype: 'float16' }), /"dtype" is "float16"/],
    ['there are no layers', folder({ ...METADATA, layers: [] }), /"layers" is \[\]/],
    ['a layer occurs twice', folder({ ...METADATA, layers: [3, 3] }), /names a layer twice/],
    ['a size is negative', folder({ ...METADATA, d_model: -1 }), /"d_model" is -1.*Correct/],
    ['a size is missing', folder({ ...METADATA, d_model: undefined }), /has no "d_model" or "d_vit"/],
    ['sizes overflow', folder({ ...METADATA, d_model: 2 ** 50 }), /overflows/],
    ['a shard is called otherwise', folder(METADATA, [{ name: '../x.bin', n_examples: 7 }]), /shard 0 is.*acts000000\.bin/],
    ['a shard is listed twice', folder(METADATA, [SHARDS[0], SHARDS[0]]), /shard 1 is.*each name once/],
    ['the examples do not add up', folder(METADATA, SHARDS.slice(0, 2)), /hold 6 examples, metadata\.json says 7/],
    [
      'a shard is cut',
      folder(METADATA, SHARDS, { 'acts000001.bin': shardBytes(3, 3).slice(0, -4) }),
      /acts000001\.bin: 3 examples.*720 bytes, the file has 716.*truncated/,
    ],
    ['a shard is too long', folder(METADATA, SHARDS, { 'acts000001.bin': shardBytes(3, 3, 4) }), /acts000001\.bin: .*not of this folder/],
  ];
  for (const [how, files, message] of cases) {
    it(`is refused when ${how}`, async () => {
      expect((await refusalOf(openSaev(files))).message).toMatch(message);
    });
  }
});
