/** Files damaged at random: each is read as something plausible or refused with a DataError; never a hang, another error, or a huge read. */
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { type ByteSource, DataError } from '../../../../src/data/bytes/types';
import { type Container, STORED_BYTES } from '../../../../src/data/formats/container';
import { openNpy } from '../../../../src/data/formats/npy/npy';
import { openNpz } from '../../../../src/data/formats/npy/npz';
import { openRaw } from '../../../../src/data/formats/raw/raw';
import { Rng } from '../../../../src/util/rng';
import { processorMs } from '../../../time';
import { ascii, CountedSource, fixture, npyFile, npyHeader, numbered, toFortran, valueCount, zipFile } from './npyHelpers';

const CASES = 800;

type Open = (source: ByteSource) => Promise<Container>;

const shape = [12, 9, 20];
const members = [
  {
    name: 'acts.npy',
    data: npyFile(npyHeader('<f4', shape, true), toFortran(numbered(2160, 4), shape, 4)),
    method: 8 as const,
    descriptor: true,
  },
  { name: 'tokens.npy', data: npyFile(npyHeader('>i2', [12, 9]), numbered(108, 2)) },
  { name: 'hook.npy', data: npyFile(npyHeader('|S8', []), ascii('blocks.3')), wide: true },
];

async function bytesOf(source: ByteSource): Promise<Uint8Array> {
  return source.read(0, source.size);
}

/** Bit flips, bytes of extremes, cuts, repeats, and numbers blown up where lengths and offsets lie: mostly at both ends of the file. */
function damage(bytes: Uint8Array, rng: Rng): Uint8Array {
  const out = new Uint8Array(bytes);
  const place = () => {
    const spread = rng.uniform() < 0.7 ? Math.min(300, out.length) : out.length;
    const at = rng.int(spread);
    return rng.uniform() < 0.5 ? at : out.length - 1 - at;
  };
  const edits = 1 + rng.int(3);
  for (let i = 0; i < edits; i++) {
    const at = place();
    switch (rng.int(7)) {
      case 0:
        return out.slice(0, at);
      case 1:
        out.fill(255, at, at + 1 + rng.int(8));
        break;
      case 2:
        out.fill(0, at, at + 1 + rng.int(8));
        break;
      case 3:
        out.copyWithin(at, place(), place());
        break;
      case 4:
        // A digit of the header's text becomes another, or a sign, bracket or quote.
        out[at] = "0123456789-(){}[]',:LTF.e"[rng.int(25)]?.charCodeAt(0) ?? 0;
        break;
      default:
        out[at] = (out[at] as number) ^ (1 << rng.int(8));
    }
  }
  return out;
}

/** Opens, and reads all arrays in two parts. @returns whether it was refused. */
async function isRefused(open: Open, bytes: Uint8Array, most: number): Promise<boolean> {
  const source = new CountedSource(new MemorySource('damaged', bytes));
  try {
    const { arrays } = await open(source);
    for (const entry of arrays.values()) {
      const total = valueCount(entry);
      // Nothing promises more than the file can hold, even deflated; so reading it is safe.
      expect(total * STORED_BYTES[entry.dtype]).toBeLessThanOrEqual(bytes.length * most);
      const half = Math.floor(total / 2);
      for (const [from, count] of [
        [half, total - half],
        [0, half],
      ] as const)
        expect((await entry.read(from, count)).byteLength).toBe(count * STORED_BYTES[entry.dtype]);
    }
    return false;
  } catch (cause) {
    expect(cause, String((cause as Error).stack)).toBeInstanceOf(DataError);
    expect((cause as Error).message).toMatch(/^damaged: .{20}/s);
    return true;
  } finally {
    expect(source.largest).toBeLessThanOrEqual(bytes.length);
  }
}

describe('damaged at random', () => {
  const kinds: [string, Open, () => Promise<Uint8Array>, number][] = [
    ['.npy', openNpy, () => bytesOf(fixture('good/f32.npy')), 1],
    ['.npy in Fortran order', openNpy, () => bytesOf(fixture('good/fortran.npy')), 1],
    [
      '.npy of bf16',
      (source) => openNpy(source, { wordsAreBf16: true }),
      async () => npyFile(npyHeader('|V2', [50, 8]), numbered(400, 2)),
      1,
    ],
    ['.npz, stored', openNpz, () => bytesOf(fixture('good/stored.npz')), 1032],
    ['.npz, deflated', openNpz, () => bytesOf(fixture('good/deflated.npz')), 1032],
    ['.npz with descriptors, zip64 and all kinds of arrays', openNpz, async () => zipFile(members, { wide: true }), 1032],
  ];
  for (const [name, open, make, most] of kinds) {
    it(`${name}: ${CASES} files are each read or refused by name`, async () => {
      const rng = new Rng(name.length);
      const bytes = await make();
      expect(await isRefused(open, bytes, most)).toBe(false);
      const began = processorMs();
      let refused = 0;
      for (let i = 0; i < CASES; i++) if (await isRefused(open, damage(bytes, rng), most)) refused++;
      expect(refused).toBeGreaterThan(CASES / 4);
      expect(refused).toBeLessThan(CASES);
      expect(processorMs() - began).toBeLessThan(20_000);
    });
  }

  it('JSON beside raw values: whatever it says, it fits the file or is refused', async () => {
    const rng = new Rng(5);
    const pick = <T>(list: readonly T[]): T => list[rng.int(list.length)] as T;
    const sizes = [0, 1, 2, 3, 6, 24, -1, 1.5, 2 ** 53, 1e300, '6', null, Number.NaN, [6]];
    const dtypes = ['float32', 'torch.float16', 'f8_e4m3', '__proto__', 'toString', 7, null];
    for (let i = 0; i < CASES; i++) {
      const sidecar: unknown = pick<unknown>([
        { dtype: pick(dtypes), shape: Array.from({ length: rng.int(4) }, () => pick(sizes)) },
        { dtype: pick(dtypes), shape: pick([null, 'x', {}, new Array(100).fill(1)]), order: pick(['C', 'F', 3]) },
        pick([null, 1, 'x', [], {}]),
      ]);
      await isRefused((source) => openRaw(source, sidecar, 'damaged'), numbered(24, 1), 1);
    }
  });
});
