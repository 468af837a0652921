/**
 * The whole entry against damaged files of every format: each is read or refused with a sentence; nothing else is thrown, nothing hangs,
 * nothing large is read, and no name reaches a prototype.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { DataError } from '../../../src/data/bytes/types';
import { type Inspection, inspectFiles } from '../../../src/data/dropped/classify';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { Rng } from '../../../src/util/rng';
import { processorMs } from '../../time';
import { npyFile, npyHeader, zipFile } from './formats/npyHelpers';
import { archive, P, tensor } from './formats/torchWrite';
import { FORMATS, rawSafetensors } from './helpers';

const CASES = 60;
/** Values read of a shard at its beginning and at its end. */
const VALUES = 2 ** 16;
/** A whole case must not take longer, on a busy machine. */
const MOST_MS = 5000;

/** A format's files, undamaged. */
interface Sample {
  name: string;
  files: { path: string; bytes: Uint8Array }[];
}

function samples(): Sample[] {
  const read = (path: string) => new Uint8Array(readFileSync(`${FORMATS}/good/${path}`));
  return readdirSync(`${FORMATS}/good`)
    .filter((name) => name !== 'raw.json' && !/^shard_1/.test(name))
    .map((name) => {
      const isFolder = statSync(`${FORMATS}/good/${name}`).isDirectory();
      const paths = isFolder ? readdirSync(`${FORMATS}/good/${name}`).map((file) => `${name}/${file}`) : [name];
      if (name === 'raw.bin') paths.push('raw.json');
      return { name, files: paths.map((path) => ({ path, bytes: read(path) })) };
    });
}

/** Numbers that a length should never be. */
const ABSURD = [0xffffffff, 0x7fffffff, 0x80000000, 0, 1, 0xfffffff0];

function damage(bytes: Uint8Array, rng: Rng): Uint8Array {
  let out = new Uint8Array(bytes);
  const place = () => {
    // Headers lie at the edges.
    const spread = rng.uniform() < 0.6 ? Math.min(400, out.length) : out.length;
    const at = rng.int(Math.max(1, spread));
    return rng.uniform() < 0.5 ? at : Math.max(0, out.length - 1 - at);
  };
  for (let edits = 1 + rng.int(3); edits > 0 && out.length > 8; edits--) {
    const at = place();
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    const kind = rng.int(8);
    if (kind === 0) out = out.slice(0, at);
    else if (kind === 1) out.fill(rng.int(2) * 255, at, at + 1 + rng.int(12));
    else if (kind === 2) out.copyWithin(at, place(), place());
    else if (kind === 3 && at + 4 <= out.length) view.setUint32(at, ABSURD[rng.int(ABSURD.length)] as number, rng.int(2) === 0);
    else if (kind === 4 && at + 8 <= out.length) view.setBigUint64(at, 2n ** BigInt(8 + rng.int(56)) - BigInt(rng.int(2)), true);
    else if (kind === 5) out = Uint8Array.from([...out.subarray(0, at), ...out.subarray(place()), ...out.subarray(at)].slice(0, 60000));
    else if (kind === 6) out[at] = '0123456789-[]{}(),:"\'e.'.charCodeAt(rng.int(22));
    else out[at] = (out[at] as number) ^ (1 << rng.int(8));
  }
  return out;
}

/** Reads the edges of all that was accepted. @returns what was refused on the way. */
async function endure(found: Inspection): Promise<number> {
  let refused = 0;
  for (const report of found.reports) {
    if (!report.ok) refused++;
    if (!report.ok) expect(report.error, report.path).toMatch(/\S.{10}/s);
    // Of a damaged Parquet footer, hyparquet's own words are quoted.
    if (report.format !== 'Parquet') expect(report.error ?? '').not.toMatch(/undefined|\[object|NaN bytes/);
  }
  for (const shard of found.shards) {
    expect(Number.isSafeInteger(shard.facts.rows * shard.facts.d) && shard.facts.rows > 0 && shard.facts.d > 0).toBe(true);
    const n = Math.min(shard.facts.rows, Math.ceil(VALUES / shard.facts.d));
    for (const start of [0, shard.facts.rows - n]) {
      try {
        const block = await shard.read(start, n);
        expect(block.rows).toBe(n);
        await shard.readMask(start, n);
      } catch (cause) {
        expect(cause, String(cause)).toBeInstanceOf(DataError);
        refused++;
      }
    }
  }
  return refused;
}

const run = async (files: readonly { path: string; bytes: Uint8Array }[]): Promise<number> => {
  const begin = processorMs();
  const refused = await endure(
    await inspectFiles(
      files.map(({ path, bytes }) => new MemorySource(path, bytes)),
      { wordsAreBf16: true },
    ),
  );
  expect(processorMs() - begin).toBeLessThan(MOST_MS);
  return refused;
};

describe('damaged files', () => {
  it.each(samples().map((sample, i) => [sample.name, sample, i] as const))('%s', async (_, { files }, i) => {
    const rng = new Rng(100 + i);
    let refused = 0;
    for (let k = 0; k < CASES; k++) {
      const victim = rng.int(files.length);
      const damaged = files.map((file, f) => (f === victim ? { ...file, bytes: damage(file.bytes, rng) } : file));
      try {
        refused += await run(damaged);
      } catch (cause) {
        throw new Error(`case ${k}: ${cause instanceof Error ? cause.stack : String(cause)}`);
      }
    }
    expect(refused).toBeGreaterThan(0);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('cut at every sixteenth of their length', async () => {
    for (const { files } of samples()) {
      for (let k = 0; k < 16; k++) {
        const last = files.length - 1;
        await run(
          files.map((file, f) => (f === last ? { ...file, bytes: file.bytes.slice(0, Math.floor((file.bytes.length * k) / 16)) } : file)),
        );
      }
    }
  });

  it('given the name of another format', async () => {
    for (const { files } of samples()) {
      for (const name of ['x.safetensors', 'x.npy', 'x.pt', 'x.json', 'x.txt', 'x.arrow', 'x.bin', '__proto__', 'x'])
        for (const { bytes } of files) await run([{ path: name, bytes }]);
    }
  });
});

describe('files made to harm', () => {
  const values = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const array = npyFile(npyHeader('<f4', [2, 2]), values);

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('an array called %s stays a name', async (name) => {
    const npz = zipFile([{ name: `${name}.npy`, data: array }]);
    const pt = archive({ pickle: P.file(P.dict([P.text(name), tensor({ numel: 4, shape: [2, 2] })])), storages: { 0: values } });
    for (const bytes of [npz, pt]) {
      const found = await inspectFiles([new MemorySource('x', bytes)]);
      expect(found.shards).toMatchObject([{ tensor: name, facts: { rows: 2, d: 2 } }]);
    }
    await run([{ path: 'x.safetensors', bytes: rawSafetensors(`{"${name}":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}`, 16) }]);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('JSON with prototypes in it, as a sidecar, an index and a data set', async () => {
    const evil =
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"dtype":"float32","shape":[2,2],"weight_map":{"__proto__":"a.safetensors"},"_data_files":[{"filename":"__proto__"}],"features":{"__proto__":{"shape":[1]}}}';
    const bytes = new TextEncoder().encode(evil);
    const acts = writeSafetensors([{ name: 'a', dtype: 'F32', shape: [1, 1], data: Float32Array.of(1) }]);
    await run([
      ...['x.json', 'state.json', 'dataset_info.json', 'a.index.json', 'metadata.json', 'shards.json'].map((path) => ({ path, bytes })),
      { path: 'x.bin', bytes: values },
      { path: 'a.safetensors', bytes: acts },
    ]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('nested a hundred thousand deep', async () => {
    const deep = 100_000;
    const text = new TextEncoder();
    await run([
      { path: 'a.json', bytes: text.encode('['.repeat(deep)) },
      { path: 'b.json', bytes: text.encode(`${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`) },
      {
        path: 'c.npy',
        bytes: npyFile(`{'descr': ${'('.repeat(5000)}${')'.repeat(5000)}, 'fortran_order': False, 'shape': (1,), }`, values),
      },
      { path: 'd.safetensors', bytes: rawSafetensors(`${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`, 0) },
      { path: 'e.pt', bytes: archive({ pickle: new Uint8Array([0x80, 2, ...new Array(deep).fill(0x5d), 0x2e]) }) },
    ]);
  });

  it('a quarter of a megabyte that inflates to 268 MB is read by pieces', async () => {
    const [rows, d] = [2 ** 22, 16];
    const header = npyFile(npyHeader('<f4', [rows, d]), new Uint8Array(0));
    const zeros = new Uint8Array(header.length + rows * d * 4);
    zeros.set(header);
    const bomb = zipFile([{ name: 'a.npy', data: zeros, method: 8 }]);
    expect(bomb.length).toBeLessThan(2e6);
    const before = process.memoryUsage.rss();
    const found = await inspectFiles([new MemorySource('bomb.npz', bomb)]);
    expect(found.shards).toMatchObject([{ facts: { rows, d } }]);
    await found.shards[0]?.read(0, 1000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
  });

  it('a row of a hundred million values is refused before it is read', async () => {
    const wide = npyFile(npyHeader('<f4', [1, 100_000_000]), new Uint8Array(0));
    const source = {
      path: 'wide.npy',
      size: wide.length + 400_000_000,
      read: async (from: number, n: number) => wide.slice(from, from + n),
    };
    const { reports } = await inspectFiles([source]);
    expect(reports).toMatchObject([{ ok: false, error: expect.stringMatching(/100000000 wide/) }]);
  });
});
