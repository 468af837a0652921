import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BlobSource, MemorySource } from '../../../src/data/bytes/byteSource';
import { FileSource } from '../../../src/data/bytes/nodeFiles';
import { DataError } from '../../../src/data/bytes/types';
import { readHeader, readTensorF32, tensor } from '../../../src/data/formats/safetensors/header';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { blockToFloats } from '../../../src/data/rows/block';
import { ShardSource } from '../../../src/data/rows/shard';
import { Rng } from '../../../src/util/rng';
import { FORMATS, rawSafetensors, readNpy } from './helpers';

const expected = readNpy(`${FORMATS}/expected_rows.npy`);
const expectedTokens = readNpy(`${FORMATS}/expected_tokens.npy`);

describe('good files', () => {
  const index = JSON.parse(readFileSync(`${FORMATS}/index.json`, 'utf8')) as Record<
    string,
    { rows?: number; d?: number; tokens?: boolean; dtype?: string; choice?: string[] }
  >;
  const files = Object.entries(index).filter(([name]) => name.endsWith('.safetensors'));

  it.each(files)('%s yields the expected rows', async (name, want) => {
    const source = await FileSource.open(`${FORMATS}/good/${name}`);
    if (want.choice) {
      await expect(ShardSource.open(source)).rejects.toMatchObject({ candidates: want.choice });
      expect((await ShardSource.open(source, want.choice[1])).facts.rows).toBe(108);
      return;
    }
    const shard = await ShardSource.open(source);
    expect([shard.facts.rows, shard.facts.d, shard.facts.hasTokens]).toEqual([want.rows, want.d, want.tokens ?? false]);
    const block = await shard.read(0, shard.facts.rows);
    const values = blockToFloats(block);
    // The expected values fit f16; bf16 rounded them to the nearest of its own, half an ulp (2^-8) away at most.
    const tolerance = shard.facts.dtype === 'bf16' ? 2 ** -8 : 0;
    for (const [i, v] of expected.values.entries())
      expect(Math.abs((values[i] as number) - v)).toBeLessThanOrEqual(tolerance * Math.abs(v));
    if (want.tokens) expect([...(block.tokens ?? [])]).toEqual(expectedTokens.values);
  });

  it('reads row ranges and counts sequences', async () => {
    const shard = await ShardSource.open(await FileSource.open(`${FORMATS}/good/bf16_3d.safetensors`));
    expect([shard.facts.sequence, shard.facts.dtype, shard.storedDtype]).toEqual([9, 'bf16', 'BF16']);
    const block = await shard.read(50, 3);
    expect([...(block.tokens ?? [])]).toEqual(expectedTokens.values.slice(50, 53));
    expect(blockToFloats(block)).toEqual(blockToFloats(await shard.read(0, 108)).slice(1000, 1060));
    expect((await shard.read(0, 1, false)).tokens).toBeUndefined();
    expect((await ShardSource.open(await FileSource.open(`${FORMATS}/good/layer_axis.safetensors`))).facts.sequence).toBe(1);
  });

  it('reads shards, of which the k-th holds every third row', async () => {
    for (const k of [0, 1, 2]) {
      const shard = await ShardSource.open(await FileSource.open(`${FORMATS}/good/shard_${9 + k}.safetensors`));
      const values = blockToFloats(await shard.read(0, shard.facts.rows));
      values.forEach((v, i) => expect(v).toBe(Math.fround(expected.values[(Math.floor(i / 20) * 3 + k) * 20 + (i % 20)] as number)));
    }
  });
});

describe('bad files', () => {
  const fine = new Set(['nan_rows.safetensors', 'other_width.safetensors']);
  const words: Record<string, RegExp> = {
    empty: /0 bytes/,
    truncated: /truncated.*8720.*4360/,
    huge_header: /header of 1152921504606846976/,
    header_not_json: /not JSON/,
    header_only_length: /truncated/,
    negative_shape: /whole numbers/,
    overlap: /overlaps/,
    unknown_dtype: /F4_E2M1/,
    int8: /I8/,
    zero_rows: /no rows/,
    shape_size_mismatch: /640 bytes.*64/,
    offset_past_end: /truncated/,
    proto_key: /reserved/,
    random: /announce/,
  };
  it.each(readdirSync(`${FORMATS}/bad`).filter((f) => f.endsWith('.safetensors') && !fine.has(f)))(
    '%s is refused by name',
    async (name) => {
      const path = `${FORMATS}/bad/${name}`;
      const error = await FileSource.open(path)
        .then((s) => ShardSource.open(s))
        .then(
          () => undefined,
          (cause: unknown) => cause,
        );
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).toContain(path);
      expect((error as Error).message).toMatch(words[name.replace('.safetensors', '')] ?? /./);
    },
  );

  const entry = (e: object) => JSON.stringify({ activations: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16], ...e } });
  it.each([
    ['fraction in shape', entry({ shape: [1.5, 2] }), 16, /whole numbers/],
    ['text in shape', entry({ shape: ['2', 2] }), 16, /whole numbers/],
    ['shape no list', entry({ shape: 4 }), 16, /whole numbers/],
    ['overflowing shape', entry({ shape: [2 ** 40, 2 ** 40] }), 16, /overflows/],
    ['offsets reversed', entry({ data_offsets: [16, 0] }), 16, /data_offsets/],
    ['offsets missing', '{"a":{"dtype":"F32","shape":[1]}}', 4, /data_offsets/],
    ['entry no object', '{"a":3}', 0, /not an object/],
    ['array header', '[]', 0, /not an object/],
    ['null header', 'null', 0, /not an object/],
    ['dtype of a prototype', entry({ dtype: 'constructor' }), 16, /unknown dtype/],
    ['metadata not strings', '{"__metadata__":{"a":1}}', 0, /__metadata__/],
    ['bytes after the end', entry({}), 20, /4 bytes after/],
    [
      'a hole',
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}',
      3,
      /belong to no tensor/,
    ],
    ['constructor as a name', '{"constructor":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}', 16, /reserved/],
    ['a name twice', `${entry({}).slice(0, -1)},${entry({}).slice(1)}`, 16, /"activations" twice/],
    ['only 1-D', '{"activations":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}', 16, /\[4\]/],
    ['rank 4', '{"x":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,16]}}', 16, /Reshape/],
    ['no tensor', '{}', 0, /no tensor at all/],
  ])('%s', async (_, header, bytes, words) => {
    const source = new MemorySource('x.safetensors', rawSafetensors(header, bytes));
    await expect(ShardSource.open(source)).rejects.toThrow(words);
    await expect(ShardSource.open(source)).rejects.toThrow(/^x\.safetensors: /);
  });

  it('damaged anywhere, a file is read or refused with a DataError, nothing else', async () => {
    const good = readFileSync(`${FORMATS}/good/bf16_3d.safetensors`);
    const rng = new Rng(1);
    let refused = 0;
    for (let i = 0; i < 1500; i++) {
      const bytes = new Uint8Array(good.subarray(0, rng.int(4) ? good.length : rng.int(good.length)));
      for (let k = 0; k < 3 && bytes.length > 0; k++)
        bytes[rng.int(Math.min(bytes.length, 270))] = rng.int(2) ? 32 + rng.int(96) : rng.int(256);
      const shard = await ShardSource.open(new MemorySource('x', bytes)).catch((cause: unknown) => {
        expect(cause).toBeInstanceOf(DataError);
        refused++;
      });
      if (shard) await shard.read(0, shard.facts.rows);
    }
    expect(refused).toBeGreaterThan(1000);
  });

  it('leaves no trace on prototypes', async () => {
    const source = new MemorySource(
      'x',
      rawSafetensors('{"__metadata__":{"__proto__":"x","toString":"y"},"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}', 4),
    );
    const file = await readHeader(source);
    expect(file.metadata.get('__proto__')).toBe('x');
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});

describe('writer', () => {
  it('writes what it reads, in the reference library’s layout', async () => {
    const bytes = writeSafetensors(
      [
        { name: 'b', dtype: 'F16', shape: [1], data: Uint16Array.of(0x3c00) },
        { name: 'a', dtype: 'F32', shape: [2, 1], data: Float32Array.of(1, 2) },
        { name: 'c', dtype: 'I64', shape: [1], data: BigInt64Array.of(-5n) },
      ],
      { hook: 'é' },
    );
    const file = await readHeader(new BlobSource('x', new Blob([bytes as Uint8Array<ArrayBuffer>])));
    expect([...file.tensors.keys()]).toEqual(['c', 'a', 'b']);
    expect(file.metadata.get('hook')).toBe('é');
    expect(tensor(file, 'c').begin % 8).toBe(0);
    expect([...(await readTensorF32(file, tensor(file, 'a')))]).toEqual([1, 2]);
    expect([...(await readTensorF32(file, tensor(file, 'b')))]).toEqual([1]);
    await expect(readTensorF32(file, tensor(file, 'c'))).rejects.toThrow(/I64/);
  });

  it('refuses data that does not fit its shape', () => {
    expect(() => writeSafetensors([{ name: 'a', dtype: 'F32', shape: [3], data: new Float32Array(2) }])).toThrow(/a: 8 bytes/);
  });
});
