/**
 * A format that the lab does not know, added by its rows of the registry alone (docs/extending.md, "A file format of activations"): single files
 * and a folder of them are recognised, reported, inspected, opened again from their recipes in another thread, and read as rows.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { type ByteSource, DataError } from '../../../../src/data/bytes/types';
import { inspectFiles } from '../../../../src/data/dropped/classify';
import type { Container } from '../../../../src/data/formats/container';
import { openFile, openRecipe } from '../../../../src/data/formats/open';
import { FORMATS, type Format } from '../../../../src/data/formats/registry';
import { blockToFloats } from '../../../../src/data/rows/block';
import { ShardSource } from '../../../../src/data/rows/shard';

/** `TOY1`, rows and width as u32, then f32 values. */
const HEADER = 12;

async function openToy(source: ByteSource): Promise<Container> {
  const { path, size } = source;
  if (size < HEADER) throw new DataError(path, `truncated: a toy file has at least ${HEADER} bytes, this one ${size}. Copy it again.`);
  const head = await source.read(0, HEADER);
  const view = new DataView(head.buffer, head.byteOffset, HEADER);
  const [rows, d] = [view.getUint32(4, true), view.getUint32(8, true)];
  if (HEADER + rows * d * 4 !== size) throw new DataError(path, `${rows} × ${d} f32 do not fit its ${size} bytes. Write it again.`);
  const read = (from: number, count: number) => source.read(HEADER + from * 4, count * 4);
  return {
    path,
    format: 'toy',
    bytes: size,
    arrays: new Map([['', { name: '', dtype: 'f32', shape: [rows, d], read }]]),
    metadata: new Map([['hook_name', 'blocks.0.hook_toy']]),
    assumptions: [],
  };
}

const ROWS: Format[] = [
  { id: 'toy', title: 'toy', looks: (head) => head[0] === 0x54 && head[1] === 0x4f && head[2] === 0x59, open: openToy },
  {
    id: 'toy-set',
    title: 'toy set',
    // The files that order.json lists.
    folder: ({ path, names, json }) => {
      const order = json('order.json');
      if (!names.includes('order.json') || !Array.isArray(order)) return [];
      const at = (name: string) => (path === '' ? name : `${path}/${name}`);
      return [
        {
          layout: 'toy-set',
          folder: path,
          files: order.map((name) => at(String(name))),
          companions: [at('order.json')],
          reader: 'toy-set',
          companionsApart: false,
          missing: [],
          metadata: new Map(),
          assumptions: [],
        },
      ];
    },
    openTogether: async (files) =>
      Promise.all(
        files.filter(({ path }) => path.endsWith('.toy')).map(async (file) => ({ container: await openToy(file), files: [file] })),
      ),
  },
];

const toy = (path: string, rows: number, d: number, first = 0): MemorySource => {
  const bytes = new Uint8Array(HEADER + rows * d * 4);
  bytes.set([0x54, 0x4f, 0x59, 0x31]);
  new Uint32Array(bytes.buffer, 4, 2).set([rows, d]);
  new Float32Array(bytes.buffer, HEADER).forEach((_, i, all) => {
    all[i] = first + i;
  });
  return new MemorySource(path, bytes);
};
const valuesOf = async (shard: ShardSource) => [...blockToFloats(await shard.read(0, shard.facts.rows))];

describe('a format of single files and one of several', () => {
  beforeAll(() => {
    FORMATS.push(...ROWS);
  });
  afterAll(() => {
    for (const row of ROWS) FORMATS.splice(FORMATS.indexOf(row), 1);
  });

  it('are recognised by their content, whatever they are called, with what the file says of itself', async () => {
    const { reports, shards } = await inspectFiles([toy('a.dat', 3, 2)]);
    expect(reports).toMatchObject([{ path: 'a.dat', ok: true, format: 'toy', rows: 3, d: 2, dtype: 'f32', hookName: 'blocks.0.hook_toy' }]);
    expect(await valuesOf(shards[0] as ShardSource)).toEqual([0, 1, 2, 3, 4, 5]);
    expect((await openFile(toy('a.dat', 3, 2))).arrays.size).toBe(1);
  });

  it('are refused by their own words, beside good files', async () => {
    const cut = new MemorySource('cut.toy', new Uint8Array([0x54, 0x4f, 0x59, 0x31, 9, 0, 0, 0, 9, 0, 0, 0]));
    const { reports, shards } = await inspectFiles([cut, toy('good.toy', 1, 2)]);
    expect(reports[0]).toMatchObject({
      path: 'cut.toy',
      ok: false,
      format: 'toy',
      error: '9 × 9 f32 do not fit its 12 bytes. Write it again.',
    });
    expect(shards).toHaveLength(1);
  });

  it('are taken together in the order that their folder tells, and opened again from their recipes alone', async () => {
    const order = new MemorySource('set/order.json', new TextEncoder().encode('["b.toy", "a.toy"]'));
    const files = [toy('set/a.toy', 2, 2), toy('set/b.toy', 1, 2, 100), order];
    const { reports, shards } = await inspectFiles(files);
    expect(reports.map(({ path, ok, format }) => [path, ok, format])).toEqual([
      ['set/a.toy', true, 'toy'],
      ['set/b.toy', true, 'toy'],
    ]);
    expect(shards.map(({ facts }) => facts.label)).toEqual(['set/b.toy', 'set/a.toy']);
    for (const shard of shards) {
      const recipe = JSON.parse(JSON.stringify(shard.recipe)) as ShardSource['recipe'];
      expect(recipe.how).toBe('toy-set');
      const again = ShardSource.from(await openRecipe(recipe, (path) => files.find((file) => file.path === path)), { tensor: '' });
      expect(again.facts).toEqual(shard.facts);
      expect(await valuesOf(again)).toEqual(await valuesOf(shard));
    }
  });
});

it('without its row a file is of unknown kind again', async () => {
  const { reports } = await inspectFiles([toy('a.xyz', 3, 2)]);
  expect(reports).toMatchObject([{ ok: false, format: 'unknown' }]);
});
