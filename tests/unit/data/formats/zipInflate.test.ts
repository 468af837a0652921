import { constants, deflateRawSync, type ZlibOptions } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { openZip } from '../../../../src/data/formats/zip/archive';
import { InflateError } from '../../../../src/data/formats/zip/huffman';
import { type Checkpoint, InflateStream, START } from '../../../../src/data/formats/zip/inflate';
import { Rng } from '../../../../src/util/rng';
import { CountedSource, concat, zipFile } from './npyHelpers';

/** Values like those of activations, with repeats, runs and noise: `kind` says how much of each. */
function sample(bytes: number, kind: 'noise' | 'text' | 'runs' | 'mixed', seed = 1): Uint8Array {
  const rng = new Rng(seed);
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; ) {
    const dice = rng.uniform();
    if (kind === 'noise' || (kind === 'mixed' && dice < 0.5)) out[i++] = rng.uniform() * 256;
    else if (kind === 'text' && dice < 0.8) out[i++] = 97 + Math.floor(rng.uniform() ** 3 * 26);
    else {
      const length = Math.min(bytes - i, Math.ceil(1 / (rng.uniform() + 1e-4)));
      const back = 1 + Math.floor(rng.uniform() * Math.min(i, 40_000));
      for (let k = 0; k < length; k++, i++) out[i] = i >= back ? (out[i - back] as number) : 0;
    }
  }
  return out;
}

/** All that comes out. @param most bytes that one read gives, to make input end anywhere. */
async function inflate(
  packed: Uint8Array,
  from: Checkpoint = START,
  most = Number.POSITIVE_INFINITY,
  checkpoints: Checkpoint[] = [],
): Promise<Uint8Array> {
  const read = async (offset: number, length: number) => packed.slice(offset, offset + Math.min(length, most));
  const stream = new InflateStream(packed.length, read, from, (_, save) => checkpoints.push(save()));
  const parts: Uint8Array[] = [];
  for (let chunk = await stream.next(); chunk; chunk = await stream.next()) parts.push(chunk.slice());
  return concat(...parts);
}

const SETTINGS: [string, ZlibOptions][] = [
  ['stored blocks', { level: 0 }],
  ['the fixed code', { strategy: constants.Z_FIXED }],
  ['Huffman codes only', { strategy: constants.Z_HUFFMAN_ONLY }],
  ['runs only', { strategy: constants.Z_RLE }],
  ['many small blocks', { memLevel: 1 }],
  ['a small window', { windowBits: 9 }],
  ['level 1', { level: 1 }],
  ['level 6', { level: 6 }],
  ['level 9', { level: 9, memLevel: 9 }],
];

describe('inflate', () => {
  for (const [name, options] of SETTINGS) {
    it(`gives back what zlib deflated with ${name}, from the start and from each block`, async () => {
      for (const kind of ['noise', 'text', 'runs', 'mixed'] as const) {
        for (const bytes of [0, 1, 257, 70_001, 400_000]) {
          const data = sample(bytes, kind);
          const packed = new Uint8Array(deflateRawSync(data, options));
          const checkpoints: Checkpoint[] = [];
          expect(Buffer.compare(await inflate(packed, START, undefined, checkpoints), data), `${kind} ${bytes}`).toBe(0);
          const step = Math.ceil(checkpoints.length / 12);
          for (const checkpoint of checkpoints.filter((_, i) => i % step === 0)) {
            expect(
              Buffer.compare(await inflate(packed, checkpoint), data.subarray(checkpoint.outAt)),
              `${kind} ${bytes} from ${checkpoint.outAt}`,
            ).toBe(0);
          }
        }
      }
    });
  }

  it('gives the same however the input is cut', async () => {
    for (const [name, options] of SETTINGS) {
      const data = sample(30_000, 'mixed', 7);
      const packed = new Uint8Array(deflateRawSync(data, options));
      for (const most of [1, 3, 7, 8, 599, 601])
        expect(Buffer.compare(await inflate(packed, START, most), data), `${name}, ${most}`).toBe(0);
    }
  });

  it('refuses a stream that ends early, anywhere, and one with bytes behind it', async () => {
    for (const [, options] of SETTINGS) {
      const packed = new Uint8Array(deflateRawSync(sample(3000, 'mixed', 3), options));
      for (let cut = 0; cut < packed.length; cut += 1 + Math.floor(packed.length / 300))
        await expect(inflate(packed.slice(0, cut))).rejects.toThrow(InflateError);
      await expect(inflate(packed.slice(0, -1))).rejects.toThrow(InflateError);
      await expect(inflate(concat(packed, new Uint8Array(1)))).rejects.toThrow('1 bytes follow');
    }
  });

  it('refuses what is no deflate stream, in words', async () => {
    const cases: [number[], RegExp][] = [
      [[0x07], /unknown type/],
      [[0x01, 1, 0, 1, 0, 5], /two different lengths/],
      [[0x03, 0x02], /begins before the data|too early/],
      [[0xfd, 0xff, 0xff, 0xff, 0xff], /too many symbols/],
      [[0x05, 0xc0, 0x49, 0x92, 0x24, 0x49, 0x92, 0x24, 0x49], /Huffman code|no code/],
    ];
    for (const [bytes, message] of cases) await expect(inflate(Uint8Array.from(bytes))).rejects.toThrow(message);
  });

  it('either gives something or refuses, for 3000 damaged streams, without hanging', async () => {
    const rng = new Rng(11);
    const began = performance.now();
    let refused = 0;
    for (let round = 0; round < 3000; round++) {
      const [, options] = SETTINGS[round % SETTINGS.length] as [string, ZlibOptions];
      const packed = new Uint8Array(deflateRawSync(sample(2000, 'mixed', round), options));
      for (let k = 0; k <= rng.uniform() * 4; k++) {
        const at = Math.floor(rng.uniform() * packed.length);
        packed[at] = (packed[at] as number) ^ (1 << Math.floor(rng.uniform() * 8));
      }
      await inflate(packed).catch((cause: unknown) => {
        expect(cause).toBeInstanceOf(InflateError);
        refused++;
      });
    }
    expect(refused).toBeGreaterThan(1000);
    expect(performance.now() - began).toBeLessThan(30_000);
  });
});

describe('a deflated member larger than the spacing of its checkpoints', () => {
  it('is read in any order at the cost of 8 MiB beside each range, and damage anywhere is found', async () => {
    const data = new Uint8Array(27 * 2 ** 20 + 77);
    const block = sample(2 ** 20, 'text', 5);
    for (let at = 0; at < data.length; at += block.length) {
      data.set(block.subarray(0, Math.min(block.length, data.length - at)), at);
      data[at] = at >> 20;
    }
    const bytes = zipFile([{ name: 'a', data, method: 8 }]);
    const source = new CountedSource(new MemorySource('a.zip', bytes));
    const member = (await openZip(source)).members.get('a');
    // Once to the end, then anywhere.
    expect(await member?.read(data.length - 10, 10)).toEqual(data.slice(-10));
    const perByte = bytes.length / data.length;
    const rng = new Rng(2);
    for (let i = 0; i < 12; i++) {
      const from = Math.floor(rng.uniform() * (data.length - 200_000));
      const before = source.bytesRead;
      const part = await member?.read(from, 200_000);
      expect(Buffer.compare(part as Uint8Array, data.subarray(from, from + 200_000))).toBe(0);
      expect(source.bytesRead - before).toBeLessThan(perByte * (8.5 * 2 ** 20 + 200_000) + 2 ** 19);
    }
    const wrong = new Uint8Array(bytes);
    wrong[5_000_000] = (wrong[5_000_000] as number) ^ 4;
    const damaged = (await openZip(new MemorySource('a.zip', wrong))).members.get('a');
    await damaged?.read(0, 100);
    await expect(damaged?.read(data.length - 10, 10)).rejects.toThrow(/checksum differs|cannot be inflated|inflates to/);
  });
});
