/** Every format through the one entry: what is dropped comes out as rows, or a sentence says why not. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { listFiles } from '../../../src/data/bytes/nodeFiles';
import { DataError } from '../../../src/data/bytes/types';
import { inspectFiles } from '../../../src/data/dropped/classify';
import { readTokens } from '../../../src/data/dropped/tokensFile';
import { openRecipe } from '../../../src/data/formats/open';
import { type TensorData, writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { blockToFloats } from '../../../src/data/rows/block';
import { ShardSource } from '../../../src/data/rows/shard';
import { FORMATS, readNpy } from './helpers';

interface Wanted {
  rows?: number;
  d?: number;
  tokens?: boolean;
  choice?: string[];
  sidecar?: string;
  hook?: string;
}
const index = Object.entries(JSON.parse(readFileSync(`${FORMATS}/index.json`, 'utf8')) as Record<string, Wanted>);
const expected = readNpy(`${FORMATS}/expected_rows.npy`);
const expectedTokens = readNpy(`${FORMATS}/expected_tokens.npy`);

/** The files that a person drops for this entry of the index. */
const filesOf = (name: string, { sidecar }: Wanted) =>
  listFiles([`${FORMATS}/good/${name.replace(/\/$/, '')}`, ...(sidecar ? [`${FORMATS}/good/${sidecar}`] : [])]);

const floats = (data: number[], shape: number[], name = 'activations'): TensorData => ({
  name,
  dtype: 'F32',
  shape,
  data: Float32Array.from(data),
});
const ints = (data: number[], shape: number[], name: string): TensorData => ({ name, dtype: 'I32', shape, data: Int32Array.from(data) });
const file = (path: string, tensors: TensorData[]) => new MemorySource(path, writeSafetensors(tensors));
const text = (path: string, value: unknown) => new MemorySource(path, new TextEncoder().encode(JSON.stringify(value)));
const one = async (tensors: TensorData[], tensor?: string) => ShardSource.open(file('x.safetensors', tensors), tensor);
const counting = (n: number) => Array.from({ length: n }, (_, i) => i);

/** `.npy` of little-endian values. */
function npy(path: string, descr: string, shape: number[], bytes: Uint8Array): MemorySource {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`.padEnd(117, ' ');
  const out = new Uint8Array(128 + bytes.length);
  out.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, 118, 0, ...new TextEncoder().encode(`${header}\n`)]);
  out.set(bytes, 128);
  return new MemorySource(path, out);
}

describe('every good file or folder', () => {
  it.each(index.filter(([, wanted]) => !wanted.choice))('%s yields the expected rows and tokens', async (name, wanted) => {
    const { shards, reports } = await inspectFiles(await filesOf(name, wanted));
    expect(reports.filter((r) => !r.ok)).toEqual([]);
    expect(shards).toHaveLength(1);
    const shard = shards[0] as ShardSource;
    expect([shard.facts.rows, shard.facts.d]).toEqual([wanted.rows, wanted.d]);
    if (wanted.tokens) expect(shard.facts.hasTokens).toBe(true);
    if (wanted.hook) expect(shard.hookName).toBe(wanted.hook);
    // bf16 rounded the values to the nearest of its own, half an ulp (2^-8) away at most; all of them fit f16.
    const tolerance = shard.facts.dtype === 'bf16' ? 2 ** -8 : 0;
    for (const rows of [108, 7]) {
      for (let at = 0; at < 108; at += rows) {
        const n = Math.min(rows, 108 - at);
        const block = await shard.read(at, n);
        const wantedValues = expected.values.slice(at * 20, (at + n) * 20);
        blockToFloats(block).forEach((v, i) =>
          expect(Math.abs(v - (wantedValues[i] as number))).toBeLessThanOrEqual(tolerance * Math.abs(wantedValues[i] as number)),
        );
        if (shard.facts.hasTokens) expect([...(block.tokens ?? [])]).toEqual(expectedTokens.values.slice(at, at + n));
      }
    }
  });

  it.each(index.filter(([, wanted]) => wanted.choice))(
    '%s lists what there is to choose from, and takes the choice',
    async (name, wanted) => {
      const files = await filesOf(name, wanted);
      const { reports, shards } = await inspectFiles(files);
      expect(reports).toMatchObject([{ ok: false, candidates: wanted.choice, error: expect.stringContaining('--tensor NAME') }]);
      expect(shards).toEqual([]);
      for (const tensor of wanted.choice ?? []) {
        const chosen = await inspectFiles(files, { tensor });
        expect(chosen.shards).toMatchObject([{ tensor, facts: { rows: 108, d: 20 } }]);
      }
    },
  );

  it.each(index.filter(([, wanted]) => !wanted.choice))('%s is opened again from its recipe alone', async (name, wanted) => {
    const files = await filesOf(name, wanted);
    const [shard] = (await inspectFiles(files)).shards as [ShardSource];
    const recipe = JSON.parse(JSON.stringify(shard.recipe)) as ShardSource['recipe'];
    const again = ShardSource.from(await openRecipe(recipe, (path) => files.find((f) => f.path === path)), { tensor: shard.tensor });
    expect(again).toMatchObject({
      facts: {
        label: shard.facts.label,
        rows: shard.facts.rows,
        d: shard.facts.d,
        dtype: shard.facts.dtype,
        sequence: shard.facts.sequence,
      },
    });
    expect(await again.read(3, 50)).toEqual(await shard.read(3, 50));
    await expect(openRecipe(recipe, () => undefined)).rejects.toThrow(/is not there any more/);
  });
});

describe('shapes and dtypes', () => {
  it('takes [N, D], [B, S, D] and [T, 1, D], and nothing else', async () => {
    expect(await one([floats(counting(12), [4, 3])])).toMatchObject({ facts: { rows: 4, d: 3, sequence: 1 } });
    expect(await one([floats(counting(12), [2, 2, 3])])).toMatchObject({ facts: { rows: 4, d: 3, sequence: 2 } });
    expect(await one([floats(counting(12), [4, 1, 3])])).toMatchObject({ facts: { rows: 4, d: 3, sequence: 1 } });
    await expect(one([floats(counting(12), [1, 2, 2, 3])])).rejects.toThrow(/Reshape/);
    await expect(one([floats(counting(12), [12])])).rejects.toThrow(/activations.*F32 \[12\]/);
    await expect(one([floats([], [0, 3])])).rejects.toThrow(/no rows/);
  });

  it('narrows f64, keeps the others, reads 8-bit floats without a scale', async () => {
    const f64 = await one([{ name: 'a', dtype: 'F64', shape: [1, 2], data: Float64Array.of(0.1, 1e300) }]);
    expect([...blockToFloats(await f64.read(0, 1))]).toEqual([Math.fround(0.1), Number.POSITIVE_INFINITY]);
    expect([f64.facts.dtype, f64.storedDtype]).toEqual(['f32', 'F64']);
    const header = '{"a":{"dtype":"F8_E4M3","shape":[1,4],"data_offsets":[0,4]}}';
    const bytes = new Uint8Array(8 + header.length + 4);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
    bytes.set(new TextEncoder().encode(header), 8);
    bytes.set([0x38, 0xb8, 0x7e, 0], 8 + header.length);
    const f8 = await ShardSource.open(new MemorySource('x', bytes));
    expect([...blockToFloats(await f8.read(0, 1))]).toEqual([1, -1, 448, 0]);
    expect(f8.assumptions).toEqual([expect.stringContaining('without a scale')]);
  });

  it('refuses integers with what to do about it', async () => {
    await expect(one([ints([1, 2], [1, 2], 'activations')])).rejects.toThrow(/I32 \[1, 2\].*save them as F16 or F32/);
    const { reports } = await inspectFiles([npy('x.npy', '|i1', [2, 2], Uint8Array.of(1, 2, 3, 4))]);
    expect(reports[0]).toMatchObject({ ok: false, error: expect.stringMatching(/I8 \[2, 2\].*save them as F16 or F32/) });
  });

  it('does not believe in rows of a million values', async () => {
    await expect(one([floats(counting(2 ** 20 + 1), [1, 2 ** 20 + 1])])).rejects.toThrow(/1048577 wide/);
  });
});

describe('the activations among several arrays', () => {
  it('are those with a usual name, at the top or inside', async () => {
    const other = floats(counting(6), [2, 3], 'other');
    expect((await one([other, floats(counting(6), [2, 3])])).tensor).toBe('activations');
    expect((await one([other, floats(counting(6), [2, 3], 'cache.states')])).tensor).toBe('cache.states');
    await expect(one([other, floats(counting(6), [2, 3], 'a.acts'), floats(counting(6), [2, 3], 'b.acts')])).rejects.toMatchObject({
      candidates: ['a.acts', 'b.acts', 'other'],
    });
  });

  it('or the only one that has the shape', async () => {
    const tensors = [floats(counting(2), [2], 'scale'), floats(counting(6), [2, 3], 'x'), floats(counting(16), [1, 2, 2, 4], 'pattern')];
    expect((await one(tensors)).tensor).toBe('x');
  });

  it('of a thousand names lists twenty', async () => {
    const many = Array.from({ length: 100 }, (_, i) => floats([1, 2], [1, 2], `layer_${i}`));
    const error = await one(many).catch((cause: unknown) => cause);
    expect((error as { candidates: string[] }).candidates).toHaveLength(100);
    expect((error as Error).message.length).toBeLessThan(700);
  });
});

describe('tokens and masks', () => {
  const rows = floats(counting(12), [6, 2]);

  it('are used where they fall one to a row, and [B, S] of them tells the sequences', async () => {
    expect(await one([rows, ints(counting(6), [6], 'tokens')])).toMatchObject({ facts: { hasTokens: true, hasMask: false, sequence: 1 } });
    expect(await one([rows, ints(counting(6), [2, 3], 'input_ids')])).toMatchObject({ facts: { hasTokens: true, sequence: 3 } });
    const both = await one([rows, ints(counting(6), [2, 3], 'token_ids'), ints([1, 1, 0, 1, 0, 0], [2, 3], 'attention_mask')]);
    expect(both).toMatchObject({ facts: { hasTokens: true, hasMask: true, sequence: 3 } });
    expect(await both.readMask(1, 4)).toEqual(Uint8Array.of(1, 0, 1, 0));
    const bool = await one([rows, { name: 'mask', dtype: 'I64', shape: [6], data: BigInt64Array.of(1n, 0n, 256n, 1n, 0n, 1n) }]);
    expect(await bool.readMask(0, 6)).toEqual(Uint8Array.of(1, 0, 1, 1, 0, 1));
  });

  it('are left out and said where they do not', async () => {
    const short = await one([rows, ints([1, 2], [2], 'tokens'), floats([0, 0, 0, 1, 1, 1], [6], 'mask')]);
    expect(short).toMatchObject({ facts: { hasTokens: false, hasMask: false } });
    expect(short.assumptions).toEqual([
      expect.stringMatching(/tokens "tokens" i32 \[2\].*6 rows/),
      expect.stringMatching(/mask "mask" f32.*whole/),
    ]);
    const turned = await one([floats(counting(12), [2, 3, 2]), ints(counting(6), [3, 2], 'tokens')]);
    expect(turned).toMatchObject({ facts: { hasTokens: false, sequence: 3 } });
  });
});

describe('2-byte values of numpy', () => {
  const bytes = new Uint8Array(Uint16Array.of(0x3f80, 0xbf80, 0x4000, 0).buffer);

  it.each(['|V2', '<u2', '<i2'])('of type %s are a question, and bf16 when the answer is yes', async (descr) => {
    const source = npy('a.npy', descr, [2, 2], bytes);
    const asked = await inspectFiles([source]);
    expect(asked.reports).toMatchObject([
      { ok: false, format: '.npy', question: 'words-are-bf16', error: expect.stringContaining('--words-are-bf16') },
    ]);
    const told = await inspectFiles([source], { wordsAreBf16: true });
    expect(told.reports).toMatchObject([{ ok: true, dtype: 'bf16', assumptions: [expect.stringContaining('read as bf16')] }]);
    expect([...blockToFloats(await (told.shards[0] as ShardSource).read(0, 2))]).toEqual([1, -1, 2, 0]);
    const again = await openRecipe((told.shards[0] as ShardSource).recipe, () => source);
    expect(again.arrays.get('')?.dtype).toBe('bf16');
  });
});

describe('files that belong together', () => {
  const acts = (path: string, name: string, first: number) => file(path, [floats([first, first + 1], [1, 2], name)]);

  it('of a tool are read in its order, with what is missing said once', async () => {
    const names = ['run/mlp/c--10_0.saved.pt', 'run/mlp/a--9_0.saved.pt', 'run/mlp/b--12_0.saved.pt'];
    const bytes = new Uint8Array(readFileSync(`${FORMATS}/good/activault.saved.pt`));
    const found = await inspectFiles([...names.map((path) => new MemorySource(path, bytes)), text('run/mlp/metadata.json', { d_in: 20 })]);
    expect(found.shards.map((s) => s.facts.label)).toEqual([names[1], names[0], names[2]]);
    expect(found.shards.map((s) => s.hookName)).toEqual(['mlp', 'mlp', 'mlp']);
    expect(found.reports.flatMap((r) => r.assumptions ?? [])).toEqual([expect.stringContaining('missing')]);
    expect(found.reports.find((r) => r.path.endsWith('.json'))).toMatchObject({ ok: true, format: 'unused' });
  });

  it('by an index follow each other, one tensor a file', async () => {
    const found = await inspectFiles([
      acts('x/a-2.safetensors', 'acts.1', 30),
      acts('x/a-1.safetensors', 'acts.0', 10),
      text('x/a.index.json', { weight_map: { 'acts.0': 'a-1.safetensors', 'acts.1': 'a-2.safetensors' } }),
    ]);
    expect(found.shards.map((s) => s.tensor)).toEqual(['acts.0', 'acts.1']);
    expect(found.reports.map((r) => [r.path, r.ok, r.format])).toEqual([
      ['x/a-1.safetensors', true, 'safetensors'],
      ['x/a-2.safetensors', true, 'safetensors'],
      ['x/a.index.json', true, 'unused'],
    ]);
  });

  it('by an index with several tensors a file are one choice, of which one file is used', async () => {
    const files = [
      file('x/a-1.safetensors', [floats([1, 2], [1, 2], 'layer_3'), floats([3, 4], [1, 2], 'layer_4')]),
      acts('x/a-2.safetensors', 'layer_10', 5),
      text('x/a.index.json', { weight_map: { layer_3: 'a-1.safetensors', layer_4: 'a-1.safetensors', layer_10: 'a-2.safetensors' } }),
    ];
    const asked = await inspectFiles(files);
    expect(asked.shards).toEqual([]);
    expect(asked.reports.slice(0, 2)).toMatchObject([
      { candidates: ['layer_3', 'layer_4', 'layer_10'] },
      { candidates: ['layer_3', 'layer_4', 'layer_10'] },
    ]);
    const chosen = await inspectFiles(files, { tensor: 'layer_10' });
    expect(chosen.shards).toMatchObject([{ tensor: 'layer_10', facts: { label: 'x/a-2.safetensors' } }]);
    expect(chosen.reports.every((r) => r.ok)).toBe(true);
  });

  it('are refused together, naming what is wrong', async () => {
    const files = (await listFiles([`${FORMATS}/good/saelens_float16`])).filter((f) => !f.path.includes('00001'));
    const found = await inspectFiles(files);
    expect(found.reports).toMatchObject([
      { path: 'saelens_float16', ok: false, format: 'hf-dataset', error: expect.stringMatching(/data-00001.*Drop the whole folder/) },
    ]);
  });

  it('of saev are a shard a file, whose layer is chosen', async () => {
    const values = (first: number) => new Uint8Array(Float32Array.from({ length: 16 }, (_, i) => first + i).buffer);
    const meta = { protocol: '2.1', layers: [3, 7], content_tokens_per_example: 2, cls_token: false, d_model: 2, n_examples: 4 };
    const files = [
      text('v/metadata.json', meta),
      text(
        'v/shards.json',
        [0, 1].map((i) => ({ name: `acts00000${i}.bin`, n_examples: 2 })),
      ),
      new MemorySource('v/acts000000.bin', values(0)),
      new MemorySource('v/acts000001.bin', values(16)),
    ];
    const asked = await inspectFiles(files);
    expect(asked.reports.map((r) => [r.path, r.candidates])).toEqual([
      ['v/acts000000.bin', ['layer_3', 'layer_7']],
      ['v/acts000001.bin', ['layer_3', 'layer_7']],
    ]);
    const { shards } = await inspectFiles(files, { tensor: 'layer_7' });
    expect(shards).toMatchObject([{ facts: { rows: 4, d: 2, sequence: 2 } }, { facts: { rows: 4 } }]);
    expect([...blockToFloats(await (shards[1] as ShardSource).read(0, 4))]).toEqual([20, 21, 22, 23, 28, 29, 30, 31]);
    const again = await openRecipe((shards[1] as ShardSource).recipe, (path) => files.find((f) => f.path === path));
    expect(again.path).toBe('v/acts000001.bin');
  });

  it('raw values want their JSON, which may be wrong', async () => {
    const raw = new MemorySource('r/x.bin', new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer));
    expect((await inspectFiles([raw])).reports).toMatchObject([{ ok: false, format: 'unknown' }]);
    for (const name of ['r/x.json', 'r/x.bin.json']) {
      const found = await inspectFiles([raw, text(name, { dtype: 'float32', shape: [2, 2], hook: 'h' })]);
      expect(found.shards).toMatchObject([{ hookName: 'h', facts: { label: 'r/x.bin', rows: 2 } }]);
      expect(found.reports.every((r) => r.ok)).toBe(true);
    }
    const wrong = await inspectFiles([raw, text('r/x.json', { dtype: 'float32', shape: [3, 2] })]);
    expect(wrong.reports[0]).toMatchObject({ path: 'r/x.bin', ok: false, error: expect.stringMatching(/needs 24 bytes, the file has 16/) });
  });
});

describe('tokens', () => {
  it('are read from any format', async () => {
    const ids = new Uint8Array(Int32Array.of(1, 2, 3, 4).buffer);
    expect(await readTokens(npy('t.npy', '<i4', [2, 2], ids))).toEqual({ tokens: Uint32Array.of(1, 2, 3, 4), n: 2, T: 2 });
    await expect(readTokens(text('t.json', {}))).rejects.toThrow(DataError);
  });

  it('beside nothing else are pre-tokenised text', async () => {
    const found = await inspectFiles([file('t.safetensors', [ints([1, 2], [1, 2], 'input_ids')])]);
    expect(found.reports).toMatchObject([{ ok: true, format: 'tokens', rows: 1 }]);
  });
});
