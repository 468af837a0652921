import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ByteSource } from '../../../../src/data/bytes/types';
import type { Container, StoredDtype } from '../../../../src/data/formats/container';
import { decodeFloats, encodeF16 } from '../../../../src/data/formats/floats';
import { openTorch } from '../../../../src/data/formats/torch/torch';
import { FORMATS, readNpy } from '../helpers';
import { counting, entry, fixture, floats, integers, readAll, refusal } from './torchHelpers';
import { PICKLES } from './torchPickles';
import { P, pt, ptOf, tensor } from './torchWrite';

/** f32 values as another dtype stores them, rounded to nearest even. */
function rounded(values: readonly number[], dtype: StoredDtype): number[] {
  const wide = Float32Array.from(values);
  const out = new Float32Array(wide.length);
  if (dtype === 'f16') decodeFloats(new Uint8Array(encodeF16(wide).buffer), 'f16', out);
  else if (dtype === 'bf16') {
    const bits = new Uint32Array(wide.buffer);
    new Uint32Array(out.buffer).set(bits.map((b) => (b + 0x7fff + ((b >>> 16) & 1)) & 0xffff0000));
  } else out.set(wide);
  return Array.from(out);
}

/** Notes the ranges asked for. */
function watched(source: ByteSource): { source: ByteSource; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const read = (offset: number, length: number) => {
    reads.push([offset, length]);
    return source.read(offset, length);
  };
  return { reads, source: { path: source.path, size: source.size, read } };
}

describe('files that torch.save wrote', () => {
  let rows: number[];
  let tokens: number[];
  beforeAll(() => {
    rows = readNpy(join(FORMATS, 'expected_rows.npy')).values;
    tokens = readNpy(join(FORMATS, 'expected_tokens.npy')).values;
  });

  const FILES: [file: string, array: string, dtype: StoredDtype, shape: number[], tokens?: string][] = [
    ['tensor_f16.pt', '', 'f16', [108, 20]],
    ['tensor_bf16_3d.pt', '', 'bf16', [12, 9, 20]],
    ['dict.pt', 'activations', 'f32', [12, 9, 20], 'tokens'],
    ['activault.saved.pt', 'states', 'f16', [12, 9, 20], 'input_ids'],
    ['strided.pt', '', 'f32', [108, 20]],
    ['offset_view.pt', '', 'f32', [108, 20]],
    ['list_of_prompts.pt', '', 'f32', [108, 20]],
    ['tl_cache.pt', 'blocks.0.hook_resid_post', 'f32', [12, 9, 20]],
  ];

  test('the list of fixtures is complete', () => {
    const files = readdirSync(join(FORMATS, 'good')).filter((file) => file.endsWith('.pt'));
    expect(files.sort()).toEqual(FILES.map(([file]) => file).sort());
  });

  test.each(FILES)('%s yields exactly the expected rows', async (file, name, dtype, shape, tokensName) => {
    const source = fixture(`good/${file}`);
    const container = await openTorch(source);
    expect(container).toMatchObject({ path: source.path, format: 'PyTorch .pt', bytes: source.size });
    const array = entry(container, name);
    expect([array.name, array.dtype, array.shape]).toEqual([name, dtype, shape]);
    expect(await floats(array)).toEqual(rounded(rows, dtype));
    // Any range, not only whole rows.
    for (const [from, count] of [
      [0, 1],
      [37, 200],
      [2159, 1],
      [180, 180],
      [2160, 0],
    ] as const) {
      expect(await floats(array, from, count)).toEqual(rounded(rows.slice(from, from + count), dtype));
    }
    if (tokensName) {
      expect(entry(container, tokensName)).toMatchObject({ dtype: 'i64', shape: [12, 9] });
      expect(await integers(entry(container, tokensName))).toEqual(tokens);
    }
  });

  test('a TransformerLens cache keeps its hook names', async () => {
    const container = await openTorch(fixture('good/tl_cache.pt'));
    expect([...container.arrays.keys()]).toEqual(['blocks.0.hook_resid_post', 'blocks.1.hook_resid_post']);
  });

  test('a list of prompts says that it was joined', async () => {
    const { assumptions } = await openTorch(fixture('good/list_of_prompts.pt'));
    expect(assumptions).toEqual(['the list of 12 tensors is read as one array [108, 20], one tensor after another']);
  });

  test('opening reads headers only, and rows that lie together take one read', async () => {
    const { source, reads } = watched(fixture('good/offset_view.pt'));
    const array = entry(await openTorch(source), '');
    const dataAt = 598;
    expect(reads.every(([offset, length]) => length < 2000 || offset + length === source.size)).toBe(true);
    await array.read(0, 20);
    reads.length = 0;
    await array.read(200, 400);
    expect(reads).toHaveLength(1);
    expect(reads[0]?.[1]).toBe(1600);
    expect(reads[0]?.[0]).toBeGreaterThan(dataAt + 1200);
  });

  test.each([2, 3, 4, 5])("Python's pickle of protocol %i is read", async (protocol) => {
    const container = await openTorch(
      pt({
        pickle: new Uint8Array(Buffer.from(PICKLES[protocol] as string, 'base64')),
        storages: {
          0: counting(6),
          1: BigInt64Array.of(5n, -6n),
          2: counting(6),
          3: Uint8Array.of(1, 2, 3, 4),
          4: Uint8Array.of(1, 0),
        },
      }),
    );
    expect([...container.arrays.values()].map(({ name, dtype, shape }) => [name, dtype, ...shape])).toEqual([
      ['acts', 'f32', 2, 3],
      ['tagged', 'f32', 5],
      ['tokens', 'i64', 2],
      ['f8', 'f8_e4m3', 4],
      ['ids16', 'u16', 2],
      ['state.weight', 'f32', 2, 3],
      ['5.resid', 'bool', 2],
    ]);
    expect(await floats(entry(container, 'tagged'))).toEqual([1, 2, 3, 4, 5]);
    expect(await readAll(entry(container, 'ids16'))).toEqual(Uint8Array.of(1, 2, 3, 4));
    expect(Object.fromEntries(container.metadata)).toEqual({
      model: 'gpt2',
      layer: '3',
      big: String(2n ** 70n),
      neg: '-5',
      lr: '0.125',
      ok: 'true',
      dtype: 'torch.float16',
      device: 'cuda:0',
      np: '2.5',
      npi: '-7',
      npb: 'true',
      npf: '0.5',
      'cfg.hook': 'résid',
      'cfg.depth.x': '1.5',
      7: 'seven',
      ['__proto__']: 'p',
    });
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });
});

describe('names and lists', () => {
  const f = (shape: number[], key = '0', type?: string) => tensor({ shape, key, type });
  const open = (value: Uint8Array, storages: Record<string, ArrayBufferView>) => openTorch(ptOf(value, storages));
  const shapes = ({ arrays }: Container) => [...arrays.values()].map(({ name, shape }) => [name, ...shape]);

  test('prompts of different lengths and their ids are one array each', async () => {
    const container = await open(
      P.dict(
        [P.text('acts'), P.list(f([2, 3], '0'), f([1, 3], '1'), f([0, 3], '2'), f([3, 3], '3'))],
        [P.text('ids'), P.list(...[2, 1, 0, 3].map((n, i) => f([n], `t${i}`, 'LongStorage')))],
        [P.text('mask'), P.tuple(...[2, 1, 0, 3].map((n, i) => f([n], `m${i}`, 'BoolStorage')))],
        [P.text('other'), P.list(f([2], 't0', 'LongStorage'), f([1], 't1', 'LongStorage'))],
      ),
      {
        0: counting(6),
        1: counting(3).map((v) => v + 6),
        2: counting(0),
        3: counting(9).map((v) => v + 9),
        t0: BigInt64Array.of(1n, 2n),
        t1: BigInt64Array.of(3n),
        t2: new BigInt64Array(0),
        t3: BigInt64Array.of(4n, 5n, 6n),
        m0: Uint8Array.of(1, 0),
        m1: Uint8Array.of(1),
        m2: Uint8Array.of(),
        m3: Uint8Array.of(0, 0, 1),
      },
    );
    expect(shapes(container)).toEqual([
      ['acts', 6, 3],
      ['ids', 6],
      ['mask', 6],
      ['other.0', 2],
      ['other.1', 1],
    ]);
    expect(await floats(entry(container, 'acts'))).toEqual(Array.from(counting(18)));
    expect(await floats(entry(container, 'acts'), 5, 8)).toEqual([5, 6, 7, 8, 9, 10, 11, 12]);
    expect(await integers(entry(container, 'ids'))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await readAll(entry(container, 'mask'))).toEqual(Uint8Array.of(1, 0, 1, 0, 0, 1));
    expect(container.assumptions).toHaveLength(3);
  });

  test('lists of another kind are an array each', async () => {
    const storages = { 0: counting(6), 1: new Uint16Array(6), 2: counting(8) };
    // Two dtypes; two widths; vectors.
    expect(shapes(await open(P.list(f([2, 3]), f([2, 3], '1', 'HalfStorage')), storages))).toEqual([
      ['0', 2, 3],
      ['1', 2, 3],
    ]);
    expect(shapes(await open(P.dict([P.text('a'), P.list(f([2, 3]), f([2, 4], '2'))]), storages))).toEqual([
      ['a.0', 2, 3],
      ['a.1', 2, 4],
    ]);
    expect(shapes(await open(P.tuple(f([6]), f([6])), storages))).toEqual([
      ['0', 6],
      ['1', 6],
    ]);
  });

  test('equal [batch, position, width] tensors stay apart, for they may be layers; ids beside them or unequal lengths join them', async () => {
    const storages = { 0: counting(12), 1: counting(6), t: new BigInt64Array(4) };
    const acts = P.list(f([2, 2, 3]), f([2, 2, 3]));
    expect(shapes(await open(acts, storages))).toEqual([
      ['0', 2, 2, 3],
      ['1', 2, 2, 3],
    ]);
    const ids = P.list(f([2, 2], 't', 'LongStorage'), f([2, 2], 't', 'LongStorage'));
    expect(shapes(await open(P.tuple(acts, ids), storages))).toEqual([
      ['0', 4, 2, 3],
      ['1', 8],
    ]);
    expect(shapes(await open(P.list(f([1, 4, 3]), f([1, 2, 3], '1')), storages))).toEqual([['', 6, 3]]);
    expect(shapes(await open(P.list(f([2, 2, 3]), f([1, 2, 3], '1')), storages))).toEqual([['', 3, 2, 3]]);
  });

  test('nested dicts are joined with dots, numbers are names, mixed lists keep their places', async () => {
    const container = await open(
      P.dict(
        [P.int(3), P.dict([P.text('resid'), f([2, 3])])],
        [P.text('mixed'), P.list(P.text('no'), f([2, 3]), P.dict([P.text('k'), f([6])]))],
      ),
      { 0: counting(6) },
    );
    expect(shapes(container)).toEqual([
      ['3.resid', 2, 3],
      ['mixed.1', 2, 3],
      ['mixed.2.k', 6],
    ]);
  });

  test('two tensors of one name are refused', async () => {
    const source = ptOf(P.dict([P.text('a.b'), f([2, 3])], [P.text('a'), P.dict([P.text('b'), f([2, 3])])]), { 0: counting(6) });
    expect(await refusal(source)).toMatch(/a\.pt: holds two tensors that would both be called "a\.b"\. Rename one/);
    const lists = ptOf(P.dict([P.text('a.0'), f([6])], [P.text('a'), P.tuple(f([6]), f([6]))]), { 0: counting(6) });
    expect(await refusal(lists)).toMatch(/would both be called "a\.0"/);
  });

  test('a TransformerLens cache object without its model is its dict', async () => {
    const cache = (state: Uint8Array) => P.newObject(P.global('transformer_lens.ActivationCache', 'ActivationCache'), state);
    const good = cache(P.dict([P.text('cache_dict'), P.dict([P.text('blocks.0.hook_z'), f([2, 3])])], [P.text('has_batch_dim'), P.yes]));
    const container = await open(good, { 0: counting(6) });
    expect(shapes(container)).toEqual([['blocks.0.hook_z', 2, 3]]);
    expect(container.metadata.get('has_batch_dim')).toBe('true');
    const withModel = cache(
      P.dict([P.text('model'), P.newObject(P.global('transformer_lens.HookedTransformer', 'HookedTransformer'), P.dict())]),
    );
    expect(await refusal(ptOf(withModel))).toMatch(
      /asks to build transformer_lens\.HookedTransformer\.HookedTransformer\. Nothing was run\. Save the cache without its model: torch\.save\(cache\.cache_dict, 'a\.pt'\)/,
    );
  });
});
