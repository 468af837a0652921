import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import type { ByteSource } from '../../../../src/data/bytes/types';
import { openArrow } from '../../../../src/data/formats/arrow/arrow';
import { openHfDataset } from '../../../../src/data/formats/arrow/hfDataset';
import type { Container } from '../../../../src/data/formats/container';
import { FORMATS, readNpy } from '../helpers';
import { entry, inPieces, NotedSource, range, refusal, values } from './arrowHelpers';
import { batchMessage, bytesOf, END, join, none, offsets, schemaMessage, type TestBatch, type TestField } from './arrowWrite';

const HERE = 'tests/unit/data/formats/arrow';
const fileOf = (path: string, as = path): MemorySource => new MemorySource(as, new Uint8Array(readFileSync(path)));
const folderOf = (folder: string): MemorySource[] =>
  readdirSync(`${FORMATS}/good/${folder}`).map((name) => fileOf(`${FORMATS}/good/${folder}/${name}`, `${folder}/${name}`));

describe('a SAELens cache', () => {
  const rows = readNpy(`${FORMATS}/expected_rows.npy`);
  const tokens = readNpy(`${FORMATS}/expected_tokens.npy`);

  it.each([
    ['saelens_float32', 'f32'],
    ['saelens_float16', 'f16'],
  ])('%s: rows and tokens are those that were written', async (folder, dtype) => {
    const container = await openHfDataset(folderOf(folder));
    expect(container.assumptions).toEqual([]);
    expect([...container.arrays.keys()]).toEqual(['blocks.0.mlp.hook_post', 'token_ids']);
    const acts = entry(container, 'blocks.0.mlp.hook_post');
    expect(acts.dtype).toBe(dtype);
    expect(acts.shape).toEqual([12, 9, 20]);
    expect(entry(container, 'token_ids').shape).toEqual([12, 9]);
    const expected = dtype === 'f16' ? rows.values.map((v) => Math.fround(v)) : rows.values;
    expect(await values(acts)).toEqual(expected);
    expect(await values(entry(container, 'token_ids'))).toEqual(tokens.values);
    expect(await inPieces(acts)).toEqual(expected);
    expect(await inPieces(entry(container, 'token_ids'))).toEqual(tokens.values);
  });

  it('is read in the order of state.json, not of the names', async () => {
    const files = folderOf('saelens_float32').filter(({ path }) => !path.endsWith('state.json'));
    const names = ['data-00001-of-00002.arrow', 'data-00000-of-00002.arrow'];
    const state = new TextEncoder().encode(JSON.stringify({ _data_files: names.map((filename) => ({ filename })) }));
    const container = await openHfDataset([...files, new MemorySource('saelens_float32/state.json', state)]);
    const half = rows.values.length / 2;
    expect(await values(entry(container, 'blocks.0.mlp.hook_post'))).toEqual([...rows.values.slice(half), ...rows.values.slice(0, half)]);
  });

  it('without state.json is read in the order of the names, and says so', async () => {
    const files = folderOf('saelens_float32').filter(({ path }) => !path.endsWith('state.json'));
    const container = await openHfDataset(files.reverse());
    expect(await values(entry(container, 'blocks.0.mlp.hook_post'))).toEqual(rows.values);
    expect(container.assumptions).toEqual([expect.stringContaining('no state.json')]);
  });

  it('with a listed file missing is refused by its name', async () => {
    const files = folderOf('saelens_float32').filter(({ path }) => !path.includes('00001'));
    expect(await refusal(openHfDataset(files))).toMatch(/state.json lists 2 files.*data-00001-of-00002.arrow/);
  });

  it('whose dataset_info.json gives another shape is refused', async () => {
    const files = folderOf('saelens_float32').filter(({ path }) => !path.endsWith('dataset_info.json'));
    const info = { features: { 'blocks.0.mlp.hook_post': { shape: [9, 21], dtype: 'float32', _type: 'Array2D' } } };
    files.push(new MemorySource('saelens_float32/dataset_info.json', new TextEncoder().encode(JSON.stringify(info))));
    expect(await refusal(openHfDataset(files))).toMatch(/\[rows, 9, 21\].*\[rows, 9, 20\]/);
  });

  it('whose files disagree is refused by the name of the one that does', async () => {
    const [f32, f16] = ['saelens_float32', 'saelens_float16'].map((folder) => folderOf(folder).find(({ path }) => path.includes('00000')));
    const files = [
      new MemorySource('x/a0.arrow', await all(f32 as ByteSource)),
      new MemorySource('x/a1.arrow', await all(f16 as ByteSource)),
    ];
    expect(await refusal(openHfDataset(files))).toMatch(/^x\/a1\.arrow: .*f16.*x\/a0\.arrow/);
  });

  it('with an order kept in a file of indices is refused', async () => {
    const state = { _data_files: [{ filename: 'a.arrow' }], _indices_data_files: [{ filename: 'i.arrow' }] };
    const files = [new MemorySource('x/state.json', new TextEncoder().encode(JSON.stringify(state)))];
    expect(await refusal(openHfDataset(files))).toContain('flatten_indices');
  });
});

const all = (source: ByteSource): Promise<Uint8Array> => source.read(0, source.size);

describe('files of pyarrow', () => {
  it.each(['mixed_stream.arrow', 'mixed_file.arrow'])('%s: columns among others are found, across batches and past views', async (name) => {
    const container = await openArrow(fileOf(`${HERE}/${name}`));
    expect([...container.arrays.keys()]).toEqual(['acts', 'ids', 'score']);
    expect(entry(container, 'acts').shape).toEqual([9, 2, 3]);
    expect(entry(container, 'acts').dtype).toBe('f64');
    expect(await values(entry(container, 'acts'))).toEqual(range(54));
    expect(await inPieces(entry(container, 'acts'))).toEqual(range(54));
    expect(entry(container, 'ids').shape).toEqual([9, 2]);
    expect(await inPieces(entry(container, 'ids'))).toEqual(range(18));
    expect(entry(container, 'score').shape).toEqual([9]);
    expect(await values(entry(container, 'score'))).toEqual(range(9));
    expect(container.metadata.get('columns without numbers')).toContain('view (text view), text (text), pair (struct)');
    expect(container.assumptions).toEqual([expect.stringMatching(/"gaps" is left out.*nulls/)]);
  });
});

const LISTS: TestField = { name: 'acts', type: { kind: 'list', of: { kind: 'f32' } } };
const floats = (n: number, first = 0): Uint8Array => bytesOf(Float32Array.from({ length: n }, (_, i) => first + i));
const batch = (rows: number, d: number, first = 0, more: Partial<TestBatch> = {}): TestBatch => ({
  rows,
  nodes: [
    [rows, 0],
    [rows * d, 0],
  ],
  buffers: [none, offsets(rows, d), none, floats(rows * d, first)],
  ...more,
});
const stream = (...batches: TestBatch[]): Uint8Array => join(schemaMessage([LISTS]), ...batches.map((b) => batchMessage(b)), END);
const opened = (bytes: Uint8Array): Promise<Container> => openArrow(new MemorySource('a.arrow', bytes));
const read = async (bytes: Uint8Array): Promise<number[]> => values(entry(await opened(bytes), 'acts'));

describe('an Arrow stream', () => {
  it('of flat lists takes its width from the lists and joins its batches', async () => {
    const container = await opened(stream(batch(2, 5), batch(3, 5, 10)));
    expect(entry(container, 'acts').shape).toEqual([5, 5]);
    expect(await values(entry(container, 'acts'), 8, 4)).toEqual([8, 9, 10, 11]);
  });

  it('reads of a large batch only the header, the offsets and the range', async () => {
    const source = new NotedSource(new MemorySource('a.arrow', stream(batch(5000, 64))));
    const acts = entry(await openArrow(source), 'acts');
    const headers = source.bytesRead;
    expect(headers).toBeLessThan(10_000);
    await acts.read(64 * 1000, 640);
    expect(source.bytesRead).toBe(headers + 4 * 5001 + 4 * 640);
    await acts.read(0, 64);
    expect(source.bytesRead).toBe(headers + 4 * 5001 + 4 * 640 + 4 * 64);
  });

  it('without its end mark is read, and says that it may be cut', async () => {
    const container = await opened(stream(batch(2, 5)).subarray(0, -8));
    expect(container.assumptions).toEqual([expect.stringContaining('no end-of-stream mark')]);
  });

  it('with a ragged row is refused by column and row, whatever the lengths add up to', async () => {
    const uneven = (...at: number[]) => bytesOf(Int32Array.from(at));
    const nodes: TestBatch['nodes'] = [
      [3, 0],
      [13, 0],
    ];
    const odd = batch(3, 5, 10, { nodes, buffers: [none, uneven(0, 5, 8, 13), none, floats(13)] });
    expect(await refusal(opened(stream(batch(2, 5), odd)))).toMatch(/a\.arrow: column "acts", row 3: a list of 3 values where 5/);
    expect(await refusal(opened(stream(odd)))).toMatch(/row 1: a list of 3 values where 5/);
    // 15 values in 3 lists: only the offsets themselves tell.
    const even = batch(3, 5, 10, { buffers: [none, uneven(0, 5, 9, 15), none, floats(15)] });
    const container = await opened(stream(batch(2, 5), even));
    expect(await values(entry(container, 'acts'), 0, 10)).toEqual(range(10));
    expect(await refusal(entry(container, 'acts').read(9, 2))).toMatch(/row 3: a list of 4 values where 5/);
    const shifted = batch(3, 5, 0, { buffers: [none, uneven(1, 6, 11, 16), none, floats(16)] });
    expect(await refusal(read(stream(shifted)))).toMatch(/begin at value 1/);
  });

  it('with a readable and an unreadable column gives the one and says why not the other', async () => {
    const fields: TestField[] = [LISTS, { name: 'ragged', type: LISTS.type }];
    const nodes: TestBatch['nodes'] = [
      [2, 0],
      [10, 0],
      [2, 1],
      [3, 0],
    ] as const as TestBatch['nodes'];
    const buffers = [none, offsets(2, 5), none, floats(10), none, bytesOf(Int32Array.of(0, 1, 3)), none, floats(3)];
    const container = await opened(join(schemaMessage(fields), batchMessage({ rows: 2, nodes, buffers }), END));
    expect([...container.arrays.keys()]).toEqual(['acts']);
    expect(container.assumptions).toEqual([expect.stringMatching(/"ragged" is left out.*1 nulls/)]);
  });

  const wrong: [what: string, bytes: () => Uint8Array, says: RegExp][] = [
    ['nothing in it', () => none, /empty or truncated/],
    ['another mark', () => new Uint8Array(64), /not an Arrow stream/],
    ['no schema', () => join(batchMessage(batch(1, 2)), END), /does not begin with a schema/],
    ['a big-endian schema', () => join(schemaMessage([LISTS], { isBigEndian: true }), END), /big-endian/],
    ['no rows', () => stream(), /has no rows/],
    ['empty lists', () => stream(batch(3, 0)), /empty lists/],
    [
      'nulls',
      () =>
        stream(
          batch(2, 5),
          batch(3, 5, 0, {
            nodes: [
              [3, 2],
              [15, 0],
            ],
          }),
        ),
      /column "acts" has 2 nulls in rows 2 to 4/,
    ],
    [
      'nulls among the values',
      () =>
        stream(
          batch(3, 5, 0, {
            nodes: [
              [3, 0],
              [15, 1],
            ],
          }),
        ),
      /has 1 nulls/,
    ],
    ['compressed bodies', () => stream(batch(3, 5, 0, { codec: 1 })), /compressed \(ZSTD\)/],
    ['LZ4 bodies', () => stream(batch(3, 5, 0, { codec: 0 })), /compressed \(LZ4\)/],
    ['a dictionary batch', () => stream(batch(3, 5, 0, { kind: 2 })), /dictionary message/],
    ['a dictionary column', () => join(schemaMessage([{ ...LISTS, dictionary: true }]), END), /"acts" is dictionary-encoded/],
    ['two columns of one name', () => join(schemaMessage([LISTS, LISTS]), END), /two columns named "acts"/],
    [
      'a column of more rows than its batch',
      () =>
        stream(
          batch(3, 5, 0, {
            nodes: [
              [4, 0],
              [20, 0],
            ],
          }),
        ),
      /4 values where 3 are expected/,
    ],
    ['too few nodes', () => stream(batch(3, 5, 0, { nodes: [[3, 0]] })), /fewer columns/],
    ['too few buffers', () => stream(batch(3, 5, 0, { buffers: [none, offsets(3, 5)] })), /fewer buffers/],
    [
      'too few offsets',
      () => stream(batch(3, 5, 0, { buffers: [none, offsets(2, 5), none, floats(15)] })),
      /12 bytes of offsets for 3 lists/,
    ],
    ['too few values', () => stream(batch(3, 5, 0, { buffers: [none, offsets(3, 5), none, floats(14)] })), /56 bytes for 15 values/],
    [
      'a buffer outside the body',
      () =>
        stream(
          batch(3, 5, 0, {
            places: [
              [0, 0],
              [0, 16],
              [16, 0],
              [16, 2 ** 40],
            ],
          }),
        ),
      /of a body of/,
    ],
    [
      'a negative length',
      () =>
        stream(
          batch(3, 5, 0, {
            places: [
              [0, 0],
              [0, 16],
              [16, 0],
              [16, -8],
            ],
          }),
        ),
      /a length of -8/,
    ],
    [
      'absurdly many rows',
      () =>
        stream(
          batch(3, 5, 0, {
            rows: 2 ** 52,
            nodes: [
              [2 ** 52, 0],
              [2 ** 52 * 5, 0],
            ],
          }),
        ),
      /DataError|damaged|overflow|offsets|length/,
    ],
    ['a body beyond the file', () => join(schemaMessage([LISTS]), batchMessage(batch(3, 5), { bodyBytes: 2 ** 50 }), END), /truncated/],
    ['a negative header', () => join(schemaMessage([LISTS]), batchMessage(batch(3, 5), { headerBytes: -5 }), END), /header of -5 bytes/],
    [
      'a huge header',
      () => join(schemaMessage([LISTS]), batchMessage(batch(3, 5), { headerBytes: 2 ** 31 - 1 }), END),
      /header of 2147483647/,
    ],
    ['a header beyond the file', () => join(schemaMessage([LISTS]), batchMessage(batch(3, 5), { headerBytes: 2 ** 20 }), END), /truncated/],
    ['bytes after its end', () => join(stream(batch(3, 5)), END), /8 bytes follow/],
    ['half a message', () => stream(batch(3, 5)).subarray(0, -30), /truncated/],
    [
      'ARROW1 at one end only',
      () => join(new TextEncoder().encode('ARROW1\0\0'), stream(batch(3, 5))),
      /truncated: an Arrow file ends with/,
    ],
  ];
  it.each(wrong)('with %s is refused', async (_, bytes, says) => {
    expect(await refusal(read(bytes()))).toMatch(says);
  });

  it('whose schema is nested without end is refused', async () => {
    let type: TestField['type'] = { kind: 'f32' };
    for (let i = 0; i < 40; i++) type = { kind: 'list', of: type };
    expect(await refusal(opened(join(schemaMessage([{ name: 'deep', type }]), END)))).toContain('has no end');
  });
});
