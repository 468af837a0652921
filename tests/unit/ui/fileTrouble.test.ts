/** A file that fails while runs train, seen from the data that they read: nothing is lost, nothing is read twice. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BlobSource } from '../../../src/data/bytes/byteSource';
import { FileSource } from '../../../src/data/bytes/nodeFiles';
import { type ByteSource, DataError } from '../../../src/data/bytes/types';
import { BatchSequencer } from '../../../src/data/pool/sequencer';
import { ShardSource } from '../../../src/data/rows/shard';
import { splitRows } from '../../../src/data/rows/split';
import { StandIn } from '../../../src/data/rows/standIn';
import type { RowBlock, RowSource } from '../../../src/data/rows/types';
import { FileWait } from '../../../src/lab/fileTrouble';
import { fixturePath } from '../../fixtures';
import { NumberedRows, wholeRange } from '../data/helpers';

/** Fails as long as it is told to. */
class Shaky extends NumberedRows {
  broken = false;
  override async read(start: number, rows: number): Promise<RowBlock> {
    if (this.broken) throw new DataError(this.label, 'cannot be read any more.');
    return super.read(start, rows);
  }
}

const OPTIONS = { batch: 8, seed: 1, shuffle: 'pool', capacity: 32 } as const;

/** First values of the rows of so many batches; `between` runs before each, `failed` when a read did. */
async function served(
  sources: RowSource[],
  batches: number,
  between: (batch: number) => void = () => undefined,
  failed: (error: DataError) => void | Promise<void> = () => undefined,
): Promise<number[]> {
  const pool = new Map<number, number>();
  const sink = {
    async ingest(block: RowBlock, slots: Uint32Array) {
      const values = new Float32Array(block.bytes.slice().buffer);
      slots.forEach((slot, i) => pool.set(slot, values[i * block.d] as number));
    },
  };
  const sequencer = new BatchSequencer(sources, wholeRange(sources), sink, OPTIONS);
  const out: number[] = [];
  for (let b = 0; b < batches; b++) {
    between(b);
    let slots: Uint32Array | undefined;
    for (let tries = 0; !slots; tries++) {
      if (tries > 50) throw new Error('never served');
      slots = await sequencer.next().catch(async (error: unknown) => {
        if (!(error instanceof DataError)) throw error;
        await failed(error);
        for (const source of sources) if (source instanceof Shaky) source.broken = false;
        return undefined;
      });
    }
    out.push(...[...slots].map((slot) => pool.get(slot) as number));
  }
  sequencer.close();
  return out;
}

describe('a read that fails', () => {
  it('is made again when the batch is asked for again: the same rows in the same order as without it', async () => {
    const sources = () => [new Shaky('a', 100, 0), new Shaky('b', 60, 100)];
    const plain = await served(sources(), 40);
    const shaky = sources();
    const withFailures = await served(shaky, 40, (batch) => {
      if (batch % 3 === 1) for (const source of shaky) source.broken = true;
    });
    expect(withFailures).toEqual(plain);
  });

  it('leaves a file out from then on, and serves every row of the others', async () => {
    const [a, b] = [new StandIn(new NumberedRows('a', 64, 0)), new StandIn(new NumberedRows('b', 64, 64))];
    const rows = await served([a, b], 100, (batch) => {
      if (batch === 30) b.leaveOut();
    });
    const late = new Set(rows.slice(70 * OPTIONS.batch));
    expect([...late].sort((x, y) => x - y)).toEqual(Array.from({ length: 64 }, (_, i) => i));
  });
});

describe('a read that the browser refuses', () => {
  it.each([
    ['NotAllowedError', 'The request is not allowed by the user agent.'],
    ['NotReadableError', 'The file could not be read.'],
    ['NotFoundError', 'The file was not found.'],
  ])(
    '%s in the middle of training: the wait is for that file, and after it the rows are those of a run without it',
    async (name, message) => {
      const bytes = readFileSync(fixturePath('formats/good/f32.npy'));
      const isRefused = { now: false };
      const blob = new Blob([bytes]);
      const slice = blob.slice.bind(blob);
      blob.slice = (from, to) => {
        const part = slice(from, to);
        if (isRefused.now) part.arrayBuffer = () => Promise.reject(new DOMException(message, name));
        return part;
      };
      const rowsOf = async (source: ByteSource) => {
        const shards = [await ShardSource.open(source)];
        return { shards, standIns: shards.map((shard) => new StandIn(shard)), split: splitRows(shards, 1, 0.2) };
      };
      const plain = await rowsOf(new BlobSource('acts/f32.npy', new Blob([bytes])));
      const expected = await served([...plain.standIns], 40);

      const reading = await rowsOf(new BlobSource('acts/f32.npy', blob));
      const wait = new FileWait();
      const met: string[] = [];
      const rows = await served(
        [...reading.standIns],
        40,
        (batch) => {
          if (batch % 7 === 3) isRefused.now = true;
        },
        async (error) => {
          expect(wait.begin(error, reading)).toBe(true);
          met.push(`${wait.trouble?.path}: ${wait.trouble?.message}`);
          isRefused.now = false;
          await wait.retry([], {
            workspace: { sources: [], substitute: () => undefined },
            experiment: { rowsTrained: 0, data: { origin: {} } },
          });
        },
      );
      expect(rows).toEqual(expected);
      expect(met.length).toBeGreaterThan(1);
      for (const told of met) expect(told).toMatch(/^acts\/f32\.npy: cannot be read any more \(The /);
      expect(met[0]).toContain(message);
    },
  );
});

describe('the wait for a file', () => {
  const open = async (...names: string[]) => {
    const shards = await Promise.all(
      names.map(async (name) => ShardSource.open(await FileSource.open(fixturePath(`formats/good/${name}`)))),
    );
    return { shards, standIns: shards.map((shard) => new StandIn(shard)), split: splitRows(shards, 1, 0.2) };
  };
  const changes: string[] = [];
  const deciding = () => ({
    workspace: { sources: [], substitute: (change: string) => void changes.push(change) },
    experiment: { rowsTrained: 640, data: { origin: { filter: 'without masked rows' } } },
  });

  it('begins for a file in use only', async () => {
    const reading = await open('f32.npy', 'f16.npy');
    const wait = new FileWait();
    expect(wait.begin(new Error('the device was lost'), reading)).toBe(false);
    expect(wait.begin(new DataError('other.npy', 'is gone.'), reading)).toBe(false);
    expect(wait.begin(new DataError(reading.shards[0]?.facts.label ?? '', 'is gone.'), reading)).toBe(true);
    expect(wait.trouble).toMatchObject({ path: reading.shards[0]?.facts.label, message: 'is gone.' });
    await expect(new FileWait().retry([], deciding())).rejects.toThrow(/No file is waited for/);
  });

  it('is over when the file is left out, which the origin of the runs says; the only file cannot be', async () => {
    const reading = await open('f32.npy', 'f16.npy');
    const wait = new FileWait();
    const error = new DataError(reading.shards[1]?.facts.label ?? '', 'is gone.');
    wait.begin(error, reading);
    const decided = deciding();
    wait.skip(decided);
    expect(wait.trouble).toBeUndefined();
    expect((await reading.standIns[1]?.read(0, 10))?.rows).toBe(0);
    expect(decided.experiment.data.origin.filter).toMatch(/^without masked rows; without .*f16\.npy after 640 rows$/);
    wait.begin(new DataError(reading.shards[0]?.facts.label ?? '', 'is gone.'), reading);
    expect(wait.trouble?.whyNoSkip).toBe('no other file is left to train on');
    expect(() => wait.skip(deciding())).toThrow(/cannot be skipped: no other file/);
  });

  it('goes on when the file that took its place holds other rows', async () => {
    const reading = await open('f32.npy', 'f16.npy');
    const wait = new FileWait();
    const label = reading.shards[0]?.facts.label ?? '';
    wait.begin(new DataError(label, 'changed.'), reading);
    const replaced = async (name: string) => {
      const file = await FileSource.open(fixturePath(`formats/good/${name}`));
      return { path: label, size: file.size, read: (offset: number, length: number) => file.read(offset, length) };
    };
    await expect(wait.retry([await replaced('f16.npy')], deciding())).rejects.toThrow(/other rows than before \(dtype: f16, was f32\)/);
    expect(wait.trouble).toBeDefined();
    await wait.retry([await replaced('f32.npy')], deciding());
    expect(wait.trouble).toBeUndefined();
    expect((await reading.standIns[0]?.read(0, 10))?.rows).toBe(10);
  });
});
