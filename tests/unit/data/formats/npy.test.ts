import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import type { OpenOptions } from '../../../../src/data/formats/container';
import { decodeFloats } from '../../../../src/data/formats/floats';
import { UnreadableDtype, WordsQuestion } from '../../../../src/data/formats/npy/dtype';
import { openNpy } from '../../../../src/data/formats/npy/npy';
import {
  ascii,
  CountedSource,
  concat,
  entryOf,
  expectedRows,
  expectedTokens,
  expectRangesToAgree,
  fixture,
  floats,
  npyFile,
  npyHeader,
  numbered,
  refusalOf,
  toBigEndian,
  toFortran,
} from './npyHelpers';

const open = (bytes: Uint8Array, options?: OpenOptions) => openNpy(new MemorySource('a.npy', bytes), options);
const whole = async (bytes: Uint8Array, options?: OpenOptions) => {
  const entry = entryOf(await open(bytes, options));
  return entry.read(
    0,
    entry.shape.reduce((product, n) => product * n, 1),
  );
};

describe('.npy files written by numpy', () => {
  for (const [name, dtype, shape] of [
    ['f32', 'f32', [108, 20]],
    ['f16', 'f16', [108, 20]],
    ['f64', 'f64', [108, 20]],
    ['f32_3d', 'f32', [12, 9, 20]],
    ['big_endian', 'f32', [108, 20]],
    ['fortran', 'f32', [108, 20]],
  ] as const) {
    it(`good/${name}.npy holds the expected rows`, async () => {
      const container = await openNpy(fixture(`good/${name}.npy`));
      expect(container).toMatchObject({ path: `good/${name}.npy`, format: '.npy', assumptions: [] });
      const entry = entryOf(container);
      expect(entry).toMatchObject({ name: '', dtype, shape });
      // The rows were drawn as f16 or rounded to what every dtype holds exactly, so that all agree to the bit.
      expect(await floats(entry)).toEqual(expectedRows());
      await expectRangesToAgree(entry, { f16: 2, f32: 4, f64: 8 }[dtype], [1, 7, 20, 333, 2160]);
    });
  }

  it('hold tokens as integers', async () => {
    const entry = entryOf(await openNpy(fixture('expected_tokens.npy')));
    expect(entry).toMatchObject({ dtype: 'i32', shape: [12, 9] });
    const bytes = await entry.read(0, 108);
    expect(Array.from(new Int32Array(bytes.buffer, bytes.byteOffset, 108))).toEqual(expectedTokens());
    expect(entryOf(await openNpy(fixture('bad/int64.npy'))).dtype).toBe('i64');
  });
});

describe('.npy', () => {
  for (const version of [1, 2, 3]) {
    it(`version ${version}.0 is read`, async () => {
      const data = numbered(6, 4);
      expect(await whole(npyFile(npyHeader('<f4', [2, 3]), data, version))).toEqual(data);
    });
  }

  it('of every plain dtype, in both byte orders, comes out little-endian', async () => {
    const names = {
      f2: 'f16',
      f4: 'f32',
      f8: 'f64',
      i1: 'i8',
      i2: 'i16',
      i4: 'i32',
      i8: 'i64',
      u1: 'u8',
      u2: 'u16',
      u4: 'u32',
      u8: 'u64',
      b1: 'bool',
    };
    for (const [type, dtype] of Object.entries(names)) {
      const width = Number(type[1]);
      const data = numbered(35, width);
      for (const order of width === 1 ? ['|', '<', '>'] : ['<', '>', '=']) {
        const stored = order === '>' ? toBigEndian(data, width) : data;
        const container = await open(npyFile(npyHeader(`${order}${type}`, [5, 7]), stored));
        const entry = entryOf(container);
        expect(entry.dtype).toBe(dtype);
        expect(await entry.read(0, 35), `${order}${type}`).toEqual(data);
        expect(await entry.read(8, 9)).toEqual(data.slice(8 * width, 17 * width));
        expect(container.assumptions).toEqual(order === '=' ? [expect.stringMatching(/byte order.*little-endian/)] : []);
      }
    }
  });

  it('keeps the bits of NaNs when it swaps and transposes', async () => {
    const data = new Uint8Array(new Uint32Array([0x7fa00001, 0xffc12345, 0x7f800000, 1, 2, 3]).buffer);
    const stored = toBigEndian(toFortran(data, [2, 3], 4), 4);
    expect(await whole(npyFile(npyHeader('>f4', [2, 3], true), stored))).toEqual(data);
  });

  it('may have no dimensions, one, or a size of zero', async () => {
    expect(await whole(npyFile(npyHeader('<f4', []), numbered(1, 4)))).toEqual(numbered(1, 4));
    expect(await whole(npyFile(npyHeader('<f4', [5], true), numbered(5, 4)))).toEqual(numbered(5, 4));
    for (const fortran of [false, true])
      expect((await whole(npyFile(npyHeader('<f4', [3, 0, 4], fortran), new Uint8Array(0)))).length).toBe(0);
  });

  it('by Python 2, or written by hand with other spacing and quotes, is read', async () => {
    const data = numbered(6, 4);
    for (const header of [
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }",
      '{"shape":(2,3),"fortran_order":False,"descr":"<f4"}',
      "{ 'descr' : ('<f4') , 'fortran_order' : False , 'shape' : ( 2 , 3 , ) , }",
    ])
      expect(await whole(npyFile(header, data))).toEqual(data);
  });
});

describe('a Fortran-ordered .npy', () => {
  for (const [shape, width] of [
    [[37, 11], 4],
    [[1, 50], 2],
    [[50, 1], 8],
    [[7, 5, 11], 4],
    [[1, 9, 8], 2],
    [[2, 3, 4, 5], 1],
    [[3, 1, 5, 2], 8],
  ] as const) {
    it(`of shape ${shape} and ${width}-byte values comes out in C order, whole and by ragged ranges`, async () => {
      const total = shape.reduce<number>((product, n) => product * n, 1);
      const data = numbered(total, width);
      const descr = `<u${width}`;
      const entry = entryOf(await open(npyFile(npyHeader(descr, shape, true), toFortran(data, shape, width))));
      expect(await entry.read(0, total)).toEqual(data);
      await expectRangesToAgree(entry, width, [1, 3, 13, total - 1]);
    });
  }

  it('with long columns is read in column slices: a block of rows costs its own bytes, one read a column', async () => {
    const shape = [200_000, 6];
    const source = new CountedSource(
      new MemorySource('a.npy', npyFile(npyHeader('<u4', shape, true), toFortran(numbered(1_200_000, 4), shape, 4))),
    );
    const entry = entryOf(await openNpy(source));
    const [reads, bytes] = [source.reads, source.bytesRead];
    const block = await entry.read(5000 * 6, 1000 * 6);
    expect(Buffer.compare(block, numbered(1_200_000, 4).subarray(5000 * 24, 6000 * 24))).toBe(0);
    expect(source.reads - reads).toBe(6);
    expect(source.bytesRead - bytes).toBe(1000 * 24);
    expect(Buffer.compare(await entry.read(0, 1_200_000), numbered(1_200_000, 4))).toBe(0);
    expect(source.largest).toBeLessThanOrEqual(2 ** 20);
  });
});

describe('2-byte values that numpy has no float type for', () => {
  const rows = new Float32Array([1, -2.5, 0.15625, 3e38, 0, -1]);
  const words = new Uint8Array(new Uint16Array(new Uint32Array(rows.buffer).map((bits) => bits >>> 16)).buffer);
  const asBf16 = { wordsAreBf16: true };

  it('are refused with a question when they are |V2', async () => {
    const error = await refusalOf(open(npyFile(npyHeader('|V2', [2, 3]), words)));
    expect(error).toBeInstanceOf(WordsQuestion);
    expect(error.message).toMatch(/a\.npy: .*"\|V2".*most likely bf16\. Say so/);
  });

  it('are integers when they are stored as integers and nobody said otherwise', async () => {
    expect(entryOf(await open(npyFile(npyHeader('<u2', [2, 3]), words))).dtype).toBe('u16');
    expect(entryOf(await open(npyFile(npyHeader('<i2', [2, 3]), words))).dtype).toBe('i16');
  });

  it('are bf16 when the user says so, and the container says what was assumed', async () => {
    for (const descr of ['|V2', '<V2', '<u2', '<i2', '>u2', '>V2']) {
      const container = await open(npyFile(npyHeader(descr, [2, 3]), descr[0] === '>' ? toBigEndian(words, 2) : words), asBf16);
      expect(container.assumptions).toEqual([`2-byte values of type "${descr}" read as bf16`]);
      const entry = entryOf(container);
      const out = new Float32Array(6);
      decodeFloats(await entry.read(0, 6), entry.dtype as 'bf16', out);
      expect(entry.dtype).toBe('bf16');
      expect(Array.from(out.subarray(0, 3))).toEqual([1, -2.5, 0.15625]);
    }
  });

  it('stay integers in a list: one dimension holds tokens', async () => {
    expect(entryOf(await open(npyFile(npyHeader('<u2', [6]), words), asBf16)).dtype).toBe('u16');
  });
});

describe('a .npy that is refused', () => {
  const data = numbered(6, 4);
  const cases: [string, Uint8Array, RegExp][] = [
    ['is empty', new Uint8Array(0), /empty/],
    ['is text', ascii('no array here, but some text'), /not a \.npy file/],
    ['has an unknown version', npyFile(npyHeader('<f4', [2, 3]), data, 4), /version 4\.0.*np\.save/],
    ['is cut in its magic', npyFile(npyHeader('<f4', [2, 3]), data).subarray(0, 9), /truncated within its header/],
    ['is cut in its header', npyFile(npyHeader('<f4', [2, 3]), data).subarray(0, 60), /header should end at byte 128.*60 bytes/],
    [
      'announces a header of gigabytes',
      concat(npyFile('', data, 2).subarray(0, 8), new Uint8Array([255, 255, 255, 255]), data),
      /header of 4294967295 bytes/,
    ],
    [
      'is cut in its values',
      npyFile(npyHeader('<f4', [2, 3]), data).subarray(0, 150),
      /truncated: shape \(2, 3\) of f32 needs 152 bytes, and there are 150/,
    ],
    ['has bytes left over', concat(npyFile(npyHeader('<f4', [2, 3]), data), ascii('xyz')), /3 bytes follow its one array.*np\.savez/],
    ['has a negative size', npyFile(npyHeader('<f4', [-2, 3]), data), /holds -2/],
    [
      'has a size beyond 2^53',
      npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (9007199254740993, 3)}", data),
      /holds 9007199254740993/,
    ],
    ['has sizes whose product overflows', npyFile(npyHeader('<f4', [2 ** 40, 2 ** 40]), data), /overflows/],
    ['has bytes that overflow', npyFile(npyHeader('<f8', [2 ** 52]), data), /overflows/],
    ['has a fractional size', npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (2.5, 3)}", data), /no plain integer/],
    ['has a shape that is no tuple', npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (6)}", data), /not a tuple/],
    ['has a text as size', npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': ('6',)}", data), /something else than an integer/],
    ['has 65 dimensions', npyFile(npyHeader('<f4', new Array(65).fill(1)), data), /at most 64/],
    ['has unknown keys', npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'x': 1}", data), /"x".*are needed/],
    ['lacks a key', npyFile("{'descr': '<f4', 'shape': (6,)}", data), /are needed/],
    ['has a key twice', npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'shape': (5,)}", data), /"shape" twice/],
    ['has an order of 1', npyFile("{'descr': '<f4', 'fortran_order': 1, 'shape': (6,)}", data), /neither True nor False/],
    [
      'has code for a shape',
      npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os')}", data),
      /no value at "__import__/,
    ],
    ['has brackets a thousand deep', npyFile(`{'descr': ${'['.repeat(1000)}`, data), /nested too deep/],
    ['goes on after its header', npyFile(`${npyHeader('<f4', [6])} + 1`, data), /behind the end/],
    ['has a header without end', npyFile("{'descr': '<f4", data), /without end/],
    ['has no dict for a header', npyFile("('<f4',)", data), /not a dict/],
    ['holds complex numbers', npyFile(npyHeader('<c8', [3]), data), /complex numbers.*a\.real.*"c8"/],
    ['holds text', npyFile(npyHeader('<U6', [1]), data), /text.*"U6"/],
    ['holds dates', npyFile(npyHeader('<M8[ns]', [3]), data), /structure|unknown|dates/],
    ['holds long doubles', npyFile(npyHeader('<f16', [1]), data), /another size.*np\.float32.*"f16"/],
    ['holds ml_dtypes of one byte', npyFile(npyHeader('|V1', [24]), data), /ml_dtypes.*"V1"/],
    [
      'holds a structure',
      npyFile("{'descr': [('a', '<f4'), ('b', '<i2', (2,))], 'fortran_order': False, 'shape': (3,), }", data),
      /structure with fields.*a\["field"\]/,
    ],
  ];
  for (const [how, bytes, message] of cases) {
    it(how, async () => {
      const error = await refusalOf(open(bytes));
      expect(error.message).toMatch(message);
      expect(error.message).toMatch(/^a\.npy: .*(\.|\))$/s);
    });
  }

  it('object arrays, by name of the type, with the line that converts them', async () => {
    const error = await refusalOf(openNpy(fixture('bad/object.npy')));
    expect(error).toBeInstanceOf(UnreadableDtype);
    expect(error.message).toMatch(/^bad\/object\.npy: its values are Python objects \(a pickle, which can run code\).*np\.stack.*"O"/);
  });

  it('a truncated fixture, with the bytes expected and found', async () => {
    expect((await refusalOf(openNpy(fixture('bad/truncated.npy')))).message).toMatch(
      /^bad\/truncated\.npy: truncated.* 8768 .* 8668\. Copy/,
    );
  });
});
