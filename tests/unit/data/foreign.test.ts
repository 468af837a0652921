/** What is not read is named for what it is, with what to do; and shapes that could be read in two ways say which was taken. */
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { inspectFiles } from '../../../src/data/dropped/classify';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { ShardSource } from '../../../src/data/rows/shard';
import { npyFile, npyHeader } from './formats/npyHelpers';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const source = (path: string, bytes: Uint8Array) => new MemorySource(path, bytes);
const reportOf = async (path: string, bytes: Uint8Array) => (await inspectFiles([source(path, bytes)])).reports[0];

/** As a Git repository without its large files has it. */
const POINTER = utf8(
  'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 548105171\n',
);
const PAGE = utf8('<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>');
const DENIED = utf8('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>');
const TEXT = 'Hello world, this is text.\n'.repeat(20);
const utf16 = (text: string, littleEndian: boolean, mark: boolean): Uint8Array => {
  const units = [...(mark ? '\ufeff' : ''), ...text];
  const view = new DataView(new ArrayBuffer(units.length * 2));
  units.forEach((c, i) => {
    view.setUint16(i * 2, c.charCodeAt(0), littleEndian);
  });
  return new Uint8Array(view.buffer);
};
/** What `np.memmap(path, mode="w+", dtype="f4", shape=(10, 4))` leaves behind: the values alone. */
const MEMMAP = new Uint8Array(Float32Array.from({ length: 40 }, (_, i) => i + 0.3).buffer);

describe('in place of the file', () => {
  it.each(['a.safetensors', 'a.npy', 'a.npz', 'a.pt', 'a.parquet', 'a.arrow', 'a.bin', 'config.json', 'a.txt'])(
    'a Git LFS pointer called %s is named, with its size and git lfs pull',
    async (path) => {
      expect(await reportOf(path, POINTER)).toMatchObject({
        ok: false,
        format: 'git-lfs pointer',
        error: expect.stringMatching(/Git LFS pointer.*548105171 bytes.*git lfs pull/),
      });
    },
  );

  it.each(['a.safetensors', 'a.npy', 'a.pt', 'a.parquet'])('a web page called %s is named, with where to download', async (path) => {
    for (const page of [PAGE, utf8('\n <html lang="en">'), utf8('\ufeff<!doctype HTML><p>')])
      expect(await reportOf(path, page)).toMatchObject({ ok: false, format: 'HTML', error: expect.stringMatching(/web page.*resolve/) });
    expect(await reportOf(path, DENIED)).toMatchObject({ ok: false, format: 'XML', error: expect.stringContaining('message of a server') });
  });

  it('a page that is called text is text', async () => {
    expect(await reportOf('a.txt', PAGE)).toMatchObject({ ok: true, format: 'text' });
  });
});

describe('text in another encoding', () => {
  it.each([
    ['with its mark, little-endian', utf16(TEXT, true, true), /UTF-16.*iconv -f utf-16 -t utf-8 a\.txt > a_utf8\.txt/],
    ['with its mark, big-endian', utf16(TEXT, false, true), /UTF-16.*iconv -f utf-16 -t utf-8/],
    ['without, little-endian', utf16(TEXT, true, false), /UTF-16.*iconv -f utf-16le -t utf-8/],
    ['without, big-endian', utf16(TEXT, false, false), /UTF-16.*iconv -f utf-16be -t utf-8/],
    ['of one byte a letter', Uint8Array.from([...'caf\xe9 cr\xe8me\n'].map((c) => c.charCodeAt(0))), /not UTF-8 text.*iconv/],
  ])('%s, is named', async (_, bytes, error) => {
    expect(await reportOf('a.txt', bytes)).toMatchObject({ ok: false, error: expect.stringMatching(error) });
  });

  it('is not seen in values', async () => {
    const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i < 2 ? [0xff, 0xfe][i] : (i * 197) % 256) as number);
    expect(await reportOf('a.dat', bytes)).toMatchObject({ format: 'unknown', error: expect.stringContaining('raw values') });
  });
});

describe('values without a header', () => {
  it.each(['x.npy', 'x.mmap', 'x.memmap', 'x.dat', 'x.bin'])('%s: its JSON is explained, and with it the file is read', async (path) => {
    const report = await reportOf(path, MEMMAP);
    expect(report).toMatchObject({ ok: false, format: 'unknown' });
    expect(report?.error).toMatch(
      /drop with it x\.json, which says \{"dtype": "float32", "shape": \[rows, width\]\} .*= 40 for float32, 80 for/,
    );
    if (path.endsWith('.npy')) expect(report?.error).toContain('no numpy header');
    const json = source('x.json', utf8('{"dtype": "float32", "shape": [10, 4]}'));
    const { shards, reports } = await inspectFiles([source(path, MEMMAP), json]);
    expect(shards).toMatchObject([{ facts: { label: path, rows: 10, d: 4 } }]);
    expect(reports.map(({ ok, format }) => [ok, format])).toEqual([
      [true, path < 'x.json' ? 'raw values with JSON' : 'unused'],
      [true, path < 'x.json' ? 'unused' : 'raw values with JSON'],
    ]);
  });
});

describe('zarr', () => {
  /** By the specifications: version 2 marks its folders, version 3 has zarr.json and chunks in folders of their own. */
  const v2 = (root: string) => [
    source(`${root}/.zarray`, utf8('{"zarr_format":2}')),
    source(`${root}/0.0`, MEMMAP),
    source(`${root}/1.0`, MEMMAP),
  ];
  const v3 = (root: string) => [
    source(`${root}/zarr.json`, utf8('{"zarr_format":3}')),
    ...[0, 1].map((i) => source(`${root}/c/${i}/0`, MEMMAP)),
  ];
  it.each([
    ['acts.zarr', v2('acts.zarr')],
    ['acts.zarr', v3('acts.zarr')],
    ['acts.zarr', v2('acts.zarr').slice(1)],
    ['plain', [source('plain/.zgroup', utf8('{}')), ...v2('plain/activations')]],
    ['plain', v3('plain')],
  ])('a folder %s has one report, which converts it', async (path, files) => {
    const other = source('other.safetensors', writeSafetensors([{ name: 'a', dtype: 'F32', shape: [2, 2], data: new Float32Array(4) }]));
    const { reports, shards } = await inspectFiles([...files, other]);
    expect(shards).toHaveLength(1);
    expect(reports.filter(({ ok }) => !ok)).toMatchObject([
      {
        path,
        format: 'zarr',
        files: files.length,
        error: expect.stringMatching(/zarr\.open\('(acts\.zarr|plain)', mode='r'\).*save_file/),
      },
    ]);
  });
});

describe('axes', () => {
  const open = (name: string, shape: number[], more: { name: string; shape: number[] }[] = [], metadata: Record<string, string> = {}) => {
    const count = (own: number[]) => own.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: count(shape) }, (_, i) => i);
    const beside = more.map((one) => ({ ...one, dtype: 'I32' as const, data: new Int32Array(count(one.shape)) }));
    return ShardSource.open(source('x', writeSafetensors([{ name, dtype: 'F32', shape, data }, ...beside], metadata)));
  };

  it('of which the middle one may be layers are read as sequences, said with the alternative', async () => {
    const shard = await open('activations', [30, 6, 4]);
    expect(shard.facts).toMatchObject({ rows: 180, d: 4, sequence: 6 });
    expect(shard.assumptions).toEqual([
      '[30, 6, 4] read as 30 sequences of 6 rows; if the middle axis is layers, save one of them: acts[:, layer]',
    ]);
  });

  it('of which the first is the shorter are read as rows, said with the alternative', async () => {
    expect((await open('activations', [3, 7])).assumptions).toEqual([
      '[3, 7] read as 3 rows of width 7; if the first axis is the width, transpose it: acts.T',
    ]);
    expect((await open('activations', [7, 3])).assumptions).toEqual([]);
  });

  it.each([
    ['tokens say so', 'activations', [{ name: 'tokens', shape: [30, 6] }], {}],
    ['a mask says so', 'activations', [{ name: 'mask', shape: [30, 6] }], {}],
    ['the hook is named', 'blocks.3.hook_resid_post', [], {}],
    ['the metadata name a hook', 'activations', [], { hook_name: 'blocks.3.hook_mlp_out' }],
  ] as const)('are sure where %s', async (_, name, more, metadata) => {
    const shard = await open(
      name,
      [30, 6, 4],
      more.map((one) => ({ ...one, shape: [...one.shape] })),
      metadata,
    );
    expect(shard.facts.sequence).toBe(6);
    expect(shard.assumptions).toEqual([]);
  });

  it.each([
    ['blocks.0.attn.hook_z', {}],
    ['cache.blocks.0.attn.hook_q', {}],
    ['activations', { hook_name: 'blocks.2.attn.hook_z' }],
  ])('of heads (%s) are joined, in the order of the file', async (name, metadata) => {
    const shard = await open(name, [2, 5, 3, 4], [], metadata);
    expect(shard.facts).toMatchObject({ rows: 10, d: 12, sequence: 5 });
    expect(shard.assumptions).toEqual([expect.stringMatching(/read as rows of 3 heads side by side, 3 × 4 = 12 wide/)]);
    const { bytes } = await shard.read(7, 1);
    // Row 7 of [B·S, H·Dh]: values 84 to 95.
    expect([...new Float32Array(bytes.buffer, bytes.byteOffset, 12)]).toEqual(Array.from({ length: 12 }, (_, i) => 84 + i));
  });

  it('of heads of one sequence are joined where tokens tell, and asked about where not', async () => {
    const told = await open('blocks.0.attn.hook_z', [5, 3, 4], [{ name: 'tokens', shape: [5] }]);
    expect(told.facts).toMatchObject({ rows: 5, d: 12, hasTokens: true });
    const open3 = await open('blocks.0.attn.hook_z', [5, 3, 4]);
    expect(open3.facts).toMatchObject({ rows: 15, d: 4, sequence: 3 });
    expect(open3.assumptions).toEqual([expect.stringContaining('if the middle axis is heads, join them before saving')]);
  });

  it('of four that are no heads are refused, with how to join them', async () => {
    const bytes = npyFile(npyHeader('<f4', [5, 2, 2, 2]), new Uint8Array(160));
    expect(await reportOf('x.npy', bytes)).toMatchObject({ ok: false, error: expect.stringContaining('acts.flatten(2)') });
    await expect(open('blocks.0.attn.hook_pattern', [2, 2, 5, 5])).rejects.toThrow(/activations must be \[rows, d\]/);
  });
});
