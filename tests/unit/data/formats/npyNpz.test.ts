import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import type { OpenOptions } from '../../../../src/data/formats/container';
import { UnreadableDtype, WordsQuestion } from '../../../../src/data/formats/npy/dtype';
import { openNpz } from '../../../../src/data/formats/npy/npz';
import {
  ascii,
  CountedSource,
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
  toFortran,
  type ZipInput,
  zipFile,
} from './npyHelpers';

const open = (inputs: ZipInput[], options?: OpenOptions) => openNpz(new MemorySource('a.npz', zipFile(inputs)), options);
const acts = { name: 'activations.npy', data: npyFile(npyHeader('<f4', [2, 3]), numbered(6, 4)) };
/** One text, as np.savez(hook="…") saves it. */
const text = (value: string) =>
  npyFile(npyHeader(`<U${value.length}`, []), new Uint8Array(Uint32Array.from(value, (c) => c.codePointAt(0) ?? 0).buffer));

describe('.npz', () => {
  it('by numpy.savez holds the expected rows and tokens', async () => {
    const container = await openNpz(fixture('good/stored.npz'));
    expect(container).toMatchObject({ format: '.npz', path: 'good/stored.npz', assumptions: [] });
    expect([...container.arrays.keys()]).toEqual(['activations', 'token_ids']);
    expect(await floats(entryOf(container, 'activations'))).toEqual(expectedRows());
    const tokens = await entryOf(container, 'token_ids').read(0, 108);
    expect(Array.from(new Int32Array(tokens.buffer, tokens.byteOffset, 108))).toEqual(expectedTokens());
    await expectRangesToAgree(entryOf(container, 'activations'), 4, [7, 333]);
  });

  it('by numpy.savez_compressed holds the expected rows', async () => {
    const entry = entryOf(await openNpz(fixture('good/deflated.npz')), 'activations');
    expect(await floats(entry)).toEqual(expectedRows());
    await expectRangesToAgree(entry, 4, [7, 333]);
  });

  it('with a large deflated array is unpacked once and then read by ranges', async () => {
    const data = numbered(1_500_000, 4);
    const bytes = zipFile([{ name: 'a.npy', data: npyFile(npyHeader('<u4', [15_000, 100]), data), method: 8, descriptor: true }]);
    const source = new CountedSource(new MemorySource('windows.npz', bytes));
    const entry = entryOf(await openNpz(source), 'a');
    expect(source.bytesRead).toBeLessThan(200_000);
    for (let row = 0; row < 15_000; row += 777) {
      const count = Math.min(777, 15_000 - row) * 100;
      expect(Buffer.compare(await entry.read(row * 100, count), data.subarray(row * 400, row * 400 + count * 4))).toBe(0);
    }
    expect(source.bytesRead).toBeLessThan(bytes.length + 300_000);
  });

  it('with a deflated Fortran array is transposed, in one pass over it for each range', async () => {
    const shape = [500, 6, 7];
    const data = numbered(21_000, 4);
    const entry = entryOf(
      await open([{ name: 'a.npy', data: npyFile(npyHeader('<u4', shape, true), toFortran(data, shape, 4)), method: 8 }]),
      'a',
    );
    expect(await entry.read(0, 21_000)).toEqual(data);
    await expectRangesToAgree(entry, 4, [4200, 9999]);
  });

  it('keeps a single text as a note, and leaves out what holds no numbers, saying so', async () => {
    const container = await open([
      { name: 'hook.npy', data: text('blocks.3.hook_resid_post') },
      { name: 'model.npy', data: npyFile(npyHeader('|S4', [1]), ascii('gpt2')) },
      { name: 'names.npy', data: npyFile(npyHeader('<U1', [3]), numbered(3, 4)) },
      { name: 'readme.txt', data: ascii('hello') },
      acts,
    ]);
    expect([...container.arrays.keys()]).toEqual(['activations']);
    expect([...container.metadata]).toEqual([
      ['hook', 'blocks.3.hook_resid_post'],
      ['model', 'gpt2'],
    ]);
    expect(container.assumptions).toEqual([expect.stringMatching(/^array "names" left out: its values are text.*"U1"/)]);
  });

  it('asks about |V2 even beside other arrays, and never takes tokens for bf16', async () => {
    const words = { name: 'activations.npy', data: npyFile(npyHeader('|V2', [3, 4]), numbered(12, 2)) };
    const tokens = { name: 'tokens.npy', data: npyFile(npyHeader('<u2', [3, 4]), numbered(12, 2)) };
    const error = await refusalOf(open([tokens, words]));
    expect(error).toBeInstanceOf(WordsQuestion);
    expect(error.message).toMatch(/^a\.npz: member "activations\.npy": .*"\|V2".*Say so/);
    const container = await open([tokens, words], { wordsAreBf16: true });
    expect(entryOf(container, 'activations').dtype).toBe('bf16');
    expect(entryOf(container, 'tokens').dtype).toBe('u16');
    expect(container.assumptions).toEqual(['"activations": 2-byte values of type "|V2" read as bf16']);
  });
});

describe('a .npz that is refused', () => {
  it('names the file, the member, what was found and what to do', async () => {
    const cut = { name: 'b.npy', data: npyFile(npyHeader('<f4', [2, 3]), numbered(5, 4)) };
    expect((await refusalOf(open([acts, cut]))).message).toMatch(/^a\.npz: member "b\.npy": truncated.*152 bytes.*148\. Copy/);
    const notNpy = { name: 'b.npy', data: ascii('something else') };
    expect((await refusalOf(open([notNpy]))).message).toMatch(/^a\.npz: member "b\.npy": is not a \.npy file/);
    expect((await refusalOf(open([{ name: 'a.txt', data: ascii('x') }]))).message).toMatch(/no numpy array.*np\.savez/);
    const objects = { name: 'b.npy', data: npyFile(npyHeader('|O', [1]), ascii('pickle')) };
    expect(await refusalOf(open([objects]))).toBeInstanceOf(UnreadableDtype);
  });

  it('a member that declares more than its header needs, or less', async () => {
    const small = npyFile(npyHeader('<f4', [2, 3]), numbered(6, 4));
    expect((await refusalOf(open([{ name: 'a.npy', data: small, method: 8, lies: { size: 160 } }]))).message).toMatch(
      /8 bytes follow|inflates to 152 bytes, but declares 160/,
    );
    expect((await refusalOf(open([{ name: 'a.npy', data: small, method: 8, lies: { size: 140 } }]))).message).toMatch(
      /inflates to more than the 140|truncated/,
    );
  });

  it('a small file whose header promises gigabytes: the sizes are compared when it is opened', async () => {
    const error = await refusalOf(openNpz(fixture('bad/zip_bomb_like.npz')));
    expect(error.message).toMatch(/^bad\/zip_bomb_like\.npz: member "activations\.npy": truncated.*268435584 bytes.*67108992\. Copy/);
  });

  it('nothing for its density alone: 64 MiB of zeros are read a block at a time, in bounded memory', async () => {
    const data = npyFile(npyHeader('<f4', [2 ** 20, 16]), new Uint8Array(2 ** 26));
    const bytes = zipFile([{ name: 'a.npy', data, method: 8 }]);
    const entry = entryOf(await openNpz(new MemorySource('a.npz', bytes)), 'a');
    expect(bytes.length).toBeLessThan(70_000);
    const before = process.memoryUsage().rss;
    for (let at = 0; at < 2 ** 24; at += 2 ** 20) expect((await entry.read(at, 2 ** 20)).every((byte) => byte === 0)).toBe(true);
    expect(process.memoryUsage().rss - before).toBeLessThan(150e6);
  });
});
