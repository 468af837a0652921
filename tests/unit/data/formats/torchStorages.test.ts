import { describe, expect, test } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { DataError } from '../../../../src/data/bytes/types';
import { isTorchZip, looksLikePickle, openTorch } from '../../../../src/data/formats/torch/torch';
import { openZip } from '../../../../src/data/formats/zip/archive';
import { counting, entry, fixture, floats, readAll, refusal } from './torchHelpers';
import { archive, P, pt, ptOf, tensor } from './torchWrite';

describe('storages', () => {
  test.each([
    ['FloatStorage', 'f32', Float32Array.of(1, 2)],
    ['HalfStorage', 'f16', Uint16Array.of(1, 2)],
    ['BFloat16Storage', 'bf16', Uint16Array.of(1, 2)],
    ['DoubleStorage', 'f64', Float64Array.of(1, 2)],
    ['LongStorage', 'i64', BigInt64Array.of(1n, 2n)],
    ['IntStorage', 'i32', Int32Array.of(1, 2)],
    ['ShortStorage', 'i16', Int16Array.of(1, 2)],
    ['CharStorage', 'i8', Int8Array.of(1, -2)],
    ['ByteStorage', 'u8', Uint8Array.of(1, 2)],
    ['BoolStorage', 'bool', Uint8Array.of(1, 0)],
  ] as const)('torch.%s is %s; byteorder "big" is turned round', async (type, dtype, data) => {
    const bytes = new Uint8Array(data.buffer);
    const pickle = P.file(tensor({ shape: [2], type }));
    const little = entry(await openTorch(pt({ pickle, storages: { 0: data } })), '');
    expect([little.dtype, await readAll(little)]).toEqual([dtype, bytes]);
    const swapped = bytes.slice();
    for (let at = 0; at < bytes.length; at += bytes.length / 2) swapped.subarray(at, at + bytes.length / 2).reverse();
    const big = entry(await openTorch(pt({ pickle, storages: { 0: swapped }, byteorder: 'big' })), '');
    expect(await readAll(big)).toEqual(bytes);
    expect(await big.read(1, 1)).toEqual(bytes.subarray(bytes.length / 2));
    // torch before 2.1 wrote no byteorder.
    expect(await readAll(entry(await openTorch(pt({ pickle, storages: { 0: data }, byteorder: '' })), ''))).toEqual(bytes);
  });

  test('deflated members are read like stored ones', async () => {
    const pickle = P.file(tensor({ shape: [20, 50], strides: [1, 20] }));
    const container = await openTorch(pt({ pickle, storages: { 0: counting(1000) }, isDeflated: true }));
    const expected = Array.from({ length: 1000 }, (_, i) => Math.floor(i / 50) + (i % 50) * 20);
    expect(await floats(entry(container, ''))).toEqual(expected);
    expect(await floats(entry(container, ''), 60, 90)).toEqual(expected.slice(60, 150));
  });

  test.each<[string, Parameters<typeof tensor>[0], RegExp]>([
    [
      'ends outside its storage',
      { shape: [4, 3], numel: 6 },
      /tensor "": \[4, 3\] with strides \[3, 1\] from value 0 ends at value 12, its storage has 6/,
    ],
    ['begins outside its storage', { shape: [1], numel: 6, offset: 6 }, /ends at value 7, its storage has 6/],
    ['strides outside its storage', { shape: [2, 3], numel: 6, strides: [2 ** 30, 1] }, /ends at value 1073741827/],
    ['claims a larger storage', { shape: [6], numel: 7 }, /should have 7 values of 4 bytes, "a\/data\/0" has 24 bytes/],
    ['claims a smaller storage', { shape: [2], numel: 2 }, /should have 2 values/],
    ['has no storage', { shape: [6], key: '1' }, /its values should be in data\/1, which is not in the archive/],
    ['reaches for another member', { shape: [6], key: '../data.pkl' }, /its values should be in data\/\.\.\/data\.pkl/],
    [
      'repeats without end',
      { shape: [2 ** 20, 2 ** 12], numel: 6, strides: [0, 0] },
      /repeats the 6 values of its storage 4294967296 times/,
    ],
    ['is beyond any file', { shape: [2 ** 30, 2 ** 30], numel: 6, strides: [0, 0] }, /is beyond any file/],
    ['has negative sizes', { shape: [-1, 6], numel: 6, strides: [1, 1] }, /a size other than up to 16 whole numbers >= 0/],
    ['has negative strides', { shape: [6], numel: 6, strides: [-1] }, /strides other than up to 16 whole numbers >= 0/],
    ['has fewer strides than sizes', { shape: [2, 3], numel: 6, strides: [1] }, /2 sizes and 1 strides/],
  ])('a tensor that %s is refused', async (_, spec, finding) => {
    const message = await refusal(ptOf(tensor(spec), { 0: counting(6) }));
    expect(message).toMatch(finding);
    expect(message).toMatch(/^a\.pt: .*(copy or save it again|Save fewer)/s);
  });

  test('values outside an array are refused when asked for', async () => {
    const array = entry(await openTorch(ptOf(tensor({ shape: [2, 3] }), { 0: counting(6) })), '');
    for (const [from, count] of [
      [0, 7],
      [-1, 2],
      [0, -1],
      [0.5, 1],
      [6, 1],
      [Number.NaN, 1],
    ] as const) {
      await expect(array.read(from, count)).rejects.toBeInstanceOf(DataError);
    }
    expect(await array.read(6, 0)).toEqual(new Uint8Array(0));
  });

  test('a byte order that is neither is refused', async () => {
    const spec = { pickle: P.file(tensor({ shape: [2] })), storages: { 0: counting(2) } };
    expect(await refusal(pt({ ...spec, byteorder: 'middle' }))).toMatch(/member a\/byteorder says neither "little" nor "big"/);
  });
});

describe('files that are refused', () => {
  test.each([
    ['bad/legacy.pt', /is in PyTorch's old format \(before torch 1\.6\).*torch\.save\(torch\.load\('legacy\.pt', .*\), 'legacy_zip\.pt'\)/],
    ['bad/evil.pkl.pt', /its pickle asks to run posix\.system, .* Nothing was run\. Where it was made, save a tensor or a dict of tensors/],
    [
      'bad/evil_zip.pt',
      /its pickle asks to run posix\.system, .* Nothing was run\. .*torch\.save\(\{'activations': acts\}, 'evil_zip\.pt'\).*python -c "/,
    ],
    ['bad/truncated.pt', /truncated.*Copy or download it again/],
    ['bad/readme.txt', /is no PyTorch file/],
    ['bad/empty.safetensors', /is empty/],
    ['good/stored.npz', /is a zip archive without data\.pkl/],
    ['good/f32.npy', /is no PyTorch file/],
  ])('%s is refused with what was found and what to do', async (file, finding) => {
    const message = await refusal(fixture(file));
    expect(message).toMatch(finding);
    expect(message.startsWith(`${file}: `)).toBe(true);
  });

  test('TorchScript, several pickles in one, and no tensors', async () => {
    const pickle = P.file(tensor({ shape: [2] }));
    const storages = { 0: counting(2) };
    const script = { name: 'a/constants.pkl', data: P.file(P.none) };
    expect(await refusal(pt({ pickle, storages, more: [script] }))).toMatch(/is a TorchScript archive/);
    const code = { name: 'a/code/__torch__.py', data: new Uint8Array(1) };
    expect(await refusal(pt({ pickle, storages, more: [code] }))).toMatch(/is a TorchScript archive/);
    const second = { name: 'b/data.pkl', data: pickle };
    expect(await refusal(pt({ pickle, storages, more: [second] }))).toMatch(/is an archive of several: a\/data\.pkl, b\/data\.pkl/);
    expect(await refusal(ptOf(P.dict([P.text('a'), P.int(1)])))).toMatch(/holds no tensors: what was saved is a dict\. Where it was made/);
    expect(await refusal(new MemorySource('b.pt', P.file(P.text('hello'))))).toMatch(/is a bare pickle, not from torch\.save/);
  });

  test('a pickle or a byte order that does not have the checksum of the archive is refused; a checksum that was not computed is no fault', async () => {
    const bytes = archive({ pickle: P.file(P.dict([P.text('activations'), tensor({ shape: [2] })])), storages: { 0: counting(2) } });
    const found = (pattern: string, from = 0) => Buffer.from(bytes).indexOf(pattern, from);
    const changed = (changes: [at: number, value: number][]) => {
      const copy = bytes.slice();
      for (const [at, value] of changes) copy[at] = value;
      return new MemorySource('a.pt', copy);
    };
    expect((await openTorch(changed([]))).arrays.has('activations')).toBe(true);
    const inPickle = found('activations');
    expect(await refusal(changed([[inPickle, 'b'.charCodeAt(0)]]))).toMatch(
      /^a\.pt: member "a\/data\.pkl": its checksum differs from the one in the archive\. .*copy or download it again/,
    );
    // "little" with another letter would be refused anyhow; the pickle's checksum is at byte 14 of the header, 16 of the directory's entry.
    const byteOrder = found('little');
    expect(await refusal(changed([[byteOrder, 'L'.charCodeAt(0)]]))).toMatch(/member "a\/byteorder": its checksum differs/);
    const zeros = (at: number) => [0, 1, 2, 3].map((i): [number, number] => [at + i, 0]);
    const inDirectory = found('PK\x01\x02');
    const without = changed([...zeros(14), ...zeros(inDirectory + 16), [inPickle, 'b'.charCodeAt(0)]]);
    expect([...(await openTorch(without)).arrays.keys()]).toEqual(['bctivations']);
  });

  test('what a stranger named a file does not get into a command', async () => {
    const source = (path: string) => pt({ pickle: P.file(P.text('hello')) }, path);
    expect(await refusal(source('x/my acts-3.pt'))).toMatch(/torch\.load\('my acts-3\.pt'.*'my acts-3\.safetensors'/);
    for (const path of ["'; import os.pt", '$(reboot).pt', '`reboot`.pt', 'a".pt', '-rf.pt', 'a\\.pt', 'a\n.pt'])
      expect(await refusal(source(path))).toMatch(/torch\.load\('FILE\.pt'/);
  });

  test('archives and pickles are told from others by their beginning', async () => {
    expect(isTorchZip(await openZip(fixture('good/dict.pt')))).toBe(true);
    expect(isTorchZip(await openZip(fixture('good/stored.npz')))).toBe(false);
    expect(looksLikePickle(Uint8Array.of(0x80, 2))).toBe(true);
    expect(looksLikePickle(Uint8Array.of(0x80, 9))).toBe(false);
    expect(looksLikePickle(new Uint8Array(0))).toBe(false);
  });
});
