import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { unpack, unsnappy } from '../../../../src/data/formats/parquet/codecs';
import { readPageHeader } from '../../../../src/data/formats/parquet/pageHeader';
import { openParquet } from '../../../../src/data/formats/parquet/parquet';
import { readRuns } from '../../../../src/data/formats/parquet/runs';
import { structEnd } from '../../../../src/data/formats/parquet/thrift';
import { FORMATS, readNpy } from '../helpers';
import { entry, inPieces, NotedSource, range, refusal, sizeOf, values } from './arrowHelpers';

const HERE = 'tests/unit/data/formats/parquet';
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
const here = (name: string): MemorySource => new MemorySource(name, bytesOf(`${HERE}/${name}`));
const list = (): Uint8Array => bytesOf(`${FORMATS}/good/list.parquet`);

describe('a Parquet file', () => {
  it('of flat lists gives the rows that were written', async () => {
    const container = await openParquet(new MemorySource('list.parquet', list()));
    const { shape, values: rows } = readNpy(`${FORMATS}/expected_rows.npy`);
    const acts = entry(container, 'activations');
    expect([acts.dtype, acts.shape]).toEqual(['f32', shape]);
    expect(await values(acts)).toEqual(rows);
    expect(await inPieces(acts)).toEqual(rows);
    expect(container.assumptions).toEqual([]);
  });

  it.each([
    ['zstd_v2.parquet', 'f32'],
    ['gzip_plain.parquet', 'f32'],
    ['snappy_half.parquet', 'f16'],
    ['split_delta.parquet', 'f64'],
  ])('%s: nested lists, tokens and scalars among other columns, across row groups and pages', async (name, dtype) => {
    const container = await openParquet(here(name));
    expect([...container.arrays.keys()]).toEqual(['acts', 'ids', 'small', 'score']);
    const shapes = [...container.arrays.values()].map((array) => [array.dtype, array.shape]);
    expect(shapes).toEqual([
      [dtype, [11, 3, 4]],
      ['i64', [11, 3]],
      ['i32', [11]],
      ['f64', [11]],
    ]);
    for (const array of container.arrays.values()) {
      expect(await values(array)).toEqual(range(sizeOf(array)));
      expect(await inPieces(array)).toEqual(range(sizeOf(array)));
      // Backwards, so that nothing depends on the page that was read last.
      for (let at = sizeOf(array) - 1; at >= 0; at--) expect(await values(array, at, 1)).toEqual([at]);
    }
    expect(container.metadata.get('hook')).toBe('blocks.0.hook_resid_pre');
    expect(container.metadata.get('columns without numbers')).toBe('text (string), pair.a (int64), pair.b (double), when (timestamp)');
    expect(container.assumptions).toEqual([expect.stringMatching(/"gaps" is left out.*row 9: a null/)]);
  });

  it.each([
    ['ragged', /column "acts", row 6: .*lists are not of 5 values/],
    ['ragged_even', /column "acts", row 5: .*lists are not of 5 values/],
    ['null_row', /column "acts", row 3: a null/],
    ['null_value', /column "acts", row 2: a null/],
    ['empty_row', /column "acts", row 4: a null or an empty list/],
    ['ragged_inner', /column "acts", row 1: .*lists are not of 2 × 2 values/],
  ])('%s.parquet is refused by column and row, when opened or when read', async (name, says) => {
    const read = async () => {
      const acts = entry(await openParquet(here(`${name}.parquet`)), 'acts');
      await acts.read(0, sizeOf(acts));
    };
    expect(await refusal(read())).toMatch(says);
  });

  it('of deltas of every width and sign gives the numbers that were written', async () => {
    const container = await openParquet(here('deltas.parquet'));
    const raw = async (name: string) => {
      const { buffer, byteOffset, byteLength } = await entry(container, name).read(0, 700);
      return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    };
    const powers = (most: number) => Array.from({ length: 700 }, (_, i) => (i % 2 === 0 ? 1n : -1n) * 2n ** BigInt(i % most));
    expect([...new BigInt64Array(await raw('wide'))]).toEqual(powers(63));
    expect([...new Int32Array(await raw('narrow'))].map(BigInt)).toEqual(powers(31));
  });

  it('in a codec that is not read is refused by the codec', async () => {
    expect(await refusal(openParquet(here('lz4.parquet')))).toMatch(/LZ4.*SNAPPY, GZIP, ZSTD/);
  });

  it('reads of a large file the footer and the pages of the range', async () => {
    const source = new NotedSource(new MemorySource('list.parquet', list()));
    const container = await openParquet(source);
    expect(source.ranges.every(([, to]) => to >= source.size - 8)).toBe(true);
    source.ranges.length = 0;
    await entry(container, 'activations').read(0, 20);
    expect(source.ranges.every(([, to]) => to < source.size - 500)).toBe(true);
  });

  const withFooter = (footer: number[], length = footer.length) => {
    const file = new Uint8Array(4 + footer.length + 8);
    file.set([0x50, 0x41, 0x52, 0x31, ...footer]);
    new DataView(file.buffer).setUint32(4 + footer.length, length, true);
    file.set([0x50, 0x41, 0x52, 0x31], 8 + footer.length);
    return file;
  };
  const wrong: [what: string, bytes: () => Uint8Array, says: RegExp][] = [
    ['nothing in it', () => new Uint8Array(0), /empty or truncated/],
    ['its end missing', () => list().subarray(0, -20), /truncated/],
    ['an encrypted footer', () => list().with(list().length - 1, 0x45), /encrypted/],
    ['a footer longer than the file', () => withFooter([0], 2 ** 31), /footer of 2147483648 bytes/],
    ['an empty footer', () => withFooter([0]), /footer is damaged/],
    ['a footer of lists without end', () => withFooter([0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0]), /footer is damaged/],
    ['a footer of structs without end', () => withFooter(new Array(5000).fill(0x1c)), /footer is damaged: structs too deep/],
    ['a footer that is one long number', () => withFooter([0x16, ...new Array(100_000).fill(0xff)]), /more than 64 bits/],
  ];
  it.each(wrong)('with %s is refused', async (_, bytes, says) => {
    expect(await refusal(openParquet(new MemorySource('a.parquet', bytes())))).toMatch(says);
  });
});

describe('the parts of a page', () => {
  it('have headers whose numbers are read by field, in structs too', () => {
    // {1: 0, 2: 400, 3: 20, 5: {1: 100, 2: 0, 3: 3, 4: 3}}: a data page of 100 plain values.
    const bytes = Uint8Array.of(0x15, 0, 0x15, 0xa0, 6, 0x15, 40, 0x2c, 0x15, 0xc8, 1, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0);
    expect(readPageHeader(bytes)).toMatchObject({
      end: bytes.length,
      header: {
        type: 'DATA_PAGE',
        uncompressed_page_size: 400,
        compressed_page_size: 20,
        data_page_header: { num_values: 100, encoding: 'PLAIN', definition_level_encoding: 'RLE', repetition_level_encoding: 'RLE' },
      },
    });
    expect(() => readPageHeader(bytes.with(4, 5).with(3, 0xa1))).toThrow('gives -337 for a size');
    expect(() => readPageHeader(bytes.subarray(0, 9))).toThrow('ends in the middle');
  });

  it('are runs and packed bits of any width, the last group cut off or not', () => {
    const out = new Uint32Array(11);
    // A run of 3 sevens; one packed group of 8, 3 bits each: 0 to 7.
    readRuns(Uint8Array.of(6, 7, 3, 0b10001000, 0b11000110, 0b11111010), 0, 6, 3, out);
    expect([...out]).toEqual([7, 7, 7, 0, 1, 2, 3, 4, 5, 6, 7]);
    const few = new Uint8Array(2);
    readRuns(Uint8Array.of(3, 0b10001000), 0, 2, 3, few);
    expect([...few]).toEqual([0, 1]);
    expect(() => readRuns(Uint8Array.of(6, 7), 0, 2, 3, new Uint8Array(4))).toThrow('4 values are announced and 3 found');
    expect(() => readRuns(Uint8Array.of(0, 0, 0), 0, 3, 3, new Uint8Array(4))).toThrow('0 found');
    expect(() => readRuns(Uint8Array.of(6, 9), 0, 2, 3, new Uint8Array(3))).toThrow('a value of 9 in 3 bits');
  });

  it('in Snappy are literals and copies; lengths that lead outside are refused', () => {
    const text = Uint8Array.of(9, 8, 1, 2, 3, 0b00010101, 3);
    expect([...unsnappy(text, 12)]).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
    expect(() => unsnappy(text, 11)).toThrow('outside the page');
    // A literal of length -5, on which hyparquet's own decoder never ends.
    expect(() => unsnappy(Uint8Array.of(10, 0xfc, 0xfa, 0xff, 0xff, 0xff, 0, 0, 0, 0), 10)).toThrow('too long');
  });

  it('in gzip that unpack to more than they announce are refused before they do', async () => {
    const stream = new Blob([new Uint8Array(1_000_000)]).stream().pipeThrough(new CompressionStream('gzip'));
    const packed = new Uint8Array(await new Response(stream).arrayBuffer());
    expect((await unpack(packed, 'GZIP', 1_000_000)).byteLength).toBe(1_000_000);
    await expect(unpack(packed, 'GZIP', 1000)).rejects.toThrow('more than 1000 bytes');
    await expect(unpack(packed, 'GZIP', 1_000_001)).rejects.toThrow('unpacks to 1000000 bytes');
  });

  it('have headers that are stepped over to the byte', () => {
    // {1: i32 1, 2: list of 2 booleans, 3: binary "ab", 20: struct {}} and a byte more.
    expect(structEnd(Uint8Array.of(0x15, 2, 0x19, 0x21, 1, 2, 0x18, 2, 97, 98, 0x0c, 40, 0, 0, 99), 0)).toBe(14);
  });
});
