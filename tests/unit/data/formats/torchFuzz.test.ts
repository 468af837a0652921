import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { DataError } from '../../../../src/data/bytes/types';
import { STORED_BYTES } from '../../../../src/data/formats/container';
import { OP } from '../../../../src/data/formats/torch/opcodes';
import { openTorch } from '../../../../src/data/formats/torch/torch';
import { Rng } from '../../../../src/util/rng';
import { processorMs } from '../../../time';
import { FORMATS } from '../helpers';
import { PICKLES } from './torchPickles';
import { archive, bytesOf, P, pt, tensor } from './torchWrite';

const rng = new Rng(20240607);
const below = (n: number) => rng.int(n);
const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

const SOURCES = readdirSync(join(FORMATS, 'good'))
  .filter((file) => file.endsWith('.pt'))
  .map((file) => new Uint8Array(readFileSync(join(FORMATS, 'good', file))));

/** Opens a file and reads what it holds. True when it was read, false when it was refused; anything else fails. */
async function survives(source: MemorySource): Promise<boolean> {
  try {
    const { arrays } = await openTorch(source);
    for (const [name, array] of arrays) {
      expect(array.name).toBe(name);
      const count = array.shape.reduce((a, b) => a * b, 1);
      expect(Number.isSafeInteger(count) && count >= 0).toBe(true);
      const taken = Math.min(count, 5000);
      expect((await array.read(count - taken, taken)).byteLength).toBe(taken * STORED_BYTES[array.dtype]);
    }
    return true;
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    expect(cause.message.startsWith(`${source.path}: `)).toBe(true);
    return false;
  }
}

/** Runs cases, says which one failed, and how many were read. */
async function run(cases: number, make: (round: number) => MemorySource): Promise<number> {
  let read = 0;
  for (let round = 0; round < cases; round++) {
    const source = make(round);
    const began = processorMs();
    try {
      if (await survives(source)) read++;
    } catch (cause) {
      throw new Error(`case ${round}`, { cause });
    }
    expect(processorMs() - began, `case ${round}`).toBeLessThan(10_000);
  }
  return read;
}

function flipped(bytes: Uint8Array, flips: number, from = 0, to = bytes.length): Uint8Array {
  const out = bytes.slice();
  for (let i = 0; i < flips; i++) {
    const at = from + below(to - from);
    out[at] = (out[at] as number) ^ (1 << below(8));
  }
  return out;
}

test('files with flipped bits, cut off or with a piece missing are read or refused', async () => {
  const read = await run(200, (round) => {
    const bytes = pick(SOURCES);
    if (round % 3 === 0) return new MemorySource('f.pt', flipped(bytes, 1 + below(4)));
    const cut = below(bytes.length);
    if (round % 3 === 1) return new MemorySource('f.pt', bytes.slice(0, cut));
    const end = Math.min(bytes.length, cut + 1 + below(200));
    return new MemorySource('f.pt', Uint8Array.from([...bytes.subarray(0, cut), ...bytes.subarray(end)]));
  });
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThan(100);
});

const STORAGES = { 0: new Float32Array(6), 1: new BigInt64Array(2), 2: new Float32Array(6), 3: new Uint8Array(4), 4: new Uint8Array(2) };

test('pickles with flipped bits, in archives that are whole, are read or refused', async () => {
  const read = await run(250, (round) => {
    const pickle = new Uint8Array(Buffer.from(PICKLES[2 + (round % 4)] as string, 'base64'));
    const damaged = round % 5 === 0 ? pickle.slice(0, below(pickle.length)) : flipped(pickle, 1 + below(6));
    return pt({ pickle: damaged, storages: STORAGES }, 'f.pt');
  });
  expect(read).toBeGreaterThan(10);
  expect(read).toBeLessThan(240);
});

test('instructions in any order are read or refused', async () => {
  const pieces = [
    ...Object.values(OP).map((opcode) => () => bytesOf(opcode)),
    () => bytesOf(below(256)),
    () => P.int(below(300) - 20),
    () => P.text(pick(['storage', '0', 'cpu', '__proto__', 'x'])),
    () =>
      P.global(
        ...pick<[string, string]>([
          ['torch', 'FloatStorage'],
          ['torch._utils', '_rebuild_tensor_v2'],
          ['os', 'system'],
          ['collections', 'OrderedDict'],
        ]),
      ),
    () => tensor({ shape: [below(4), below(4)], strides: [below(9), below(3)], numel: 6 }),
    () => P.tuple(P.int(below(4)), P.int(below(4))),
    () => bytesOf('q', below(4)),
    () => bytesOf('h', below(4)),
    () => bytesOf(']', 'q', 0, 'h', 0, 'a'),
  ];
  await run(250, () => {
    const soup = Array.from({ length: 1 + below(40) }, () => pick(pieces)());
    const file = bytesOf(0x80, 2 + below(4), ...soup, pick(['.', 'e.', '']));
    return below(4) === 0 ? new MemorySource('f.pt', file) : pt({ pickle: file, storages: STORAGES }, 'f.pt');
  });
});

test('deflated archives with flipped bits are read or refused', async () => {
  const pickle = P.file(P.dict([P.text('a'), tensor({ shape: [100, 20], strides: [1, 100] })], [P.text('b'), tensor({ shape: [2000] })]));
  const bytes = archive({ pickle, storages: { 0: Float32Array.from({ length: 2000 }, (_, i) => Math.sin(i)) }, isDeflated: true });
  expect(await survives(new MemorySource('f.pt', bytes))).toBe(true);
  await run(60, () => new MemorySource('f.pt', flipped(bytes, 1 + below(3))));
});
