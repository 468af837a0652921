/** Files dropped together: what is pooled is said; the same rows twice are refused unless that is meant. */
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { type InspectOptions, inspectFiles } from '../../../src/data/dropped/classify';
import { describePool, findDuplicates } from '../../../src/data/dropped/pooled';
import { settleShards } from '../../../src/data/dropped/settle';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { Rng } from '../../../src/util/rng';
import { CountedSource, npyFile, npyHeader, zipFile } from './formats/npyHelpers';

const [ROWS, D] = [3000, 8];
const values = (seed: number, change: (row: number) => number = () => 1): Float32Array => {
  const rng = new Rng(seed);
  return Float32Array.from({ length: ROWS * D }, (_, i) => rng.normal() * change(Math.floor(i / D)));
};
const file = (path: string, data: Float32Array, metadata: Record<string, string> = {}) =>
  new MemorySource(path, writeSafetensors([{ name: 'activations', dtype: 'F32', shape: [ROWS, D], data }], metadata));

async function settled(files: (MemorySource | CountedSource)[], options: InspectOptions = {}) {
  const found = await inspectFiles(files, options);
  await settleShards(found, options, () => undefined);
  return found;
}
const labels = ({ shards }: Awaited<ReturnType<typeof settled>>) => shards.map(({ facts }) => facts.label);

describe('the same rows under two names', () => {
  it('are used once, and the copy asks whether it is meant', async () => {
    const found = await settled([
      file('a.safetensors', values(1)),
      file('b.safetensors', values(2)),
      file('copy of a.safetensors', values(1)),
    ]);
    expect(labels(found)).toEqual(['a.safetensors', 'b.safetensors']);
    expect(found.reports[2]).toMatchObject({
      path: 'copy of a.safetensors',
      ok: false,
      question: 'duplicate-rows',
      error: expect.stringMatching(/the same rows as a\.safetensors.*count twice.*--allow-duplicates/),
    });
  });

  it('are used twice where that is confirmed, and it is said', async () => {
    const found = await settled([file('a.safetensors', values(1)), file('b.safetensors', values(1))], { allowDuplicates: true });
    expect(labels(found)).toEqual(['a.safetensors', 'b.safetensors']);
    expect(found.reports[1]).toMatchObject({
      ok: true,
      assumptions: [expect.stringContaining('the same rows as a.safetensors, used all the same')],
    });
  });

  it('are found in a container of another format, by content alone', async () => {
    const npy = npyFile(npyHeader('<f4', [ROWS, D]), new Uint8Array(values(1).buffer));
    const packed = zipFile([{ name: 'activations.npy', data: npy, method: 8 }]);
    const found = await settled([file('a.safetensors', values(1)), new MemorySource('b.npy', npy), new MemorySource('c.npz', packed)]);
    expect(labels(found)).toEqual(['a.safetensors']);
  });

  it('are found with little reading', async () => {
    const files = Array.from({ length: 6 }, (_, i) => new CountedSource(file(`s${i}.safetensors`, values(i % 5))));
    const { shards } = await inspectFiles(files);
    const before = files.map(({ bytesRead }) => bytesRead);
    const found = await findDuplicates(shards);
    expect([...found].map(([copy, first]) => [copy.facts.label, first.facts.label])).toEqual([['s5.safetensors', 's0.safetensors']]);
    // A row of each; of the two alike eight pieces of 64 rows.
    for (const [i, source] of files.entries())
      expect(source.bytesRead - (before[i] as number)).toBeLessThanOrEqual(D * 4 * (i % 5 === 0 ? 1 + 8 * 64 : 1));
  });
});

describe('other rows', () => {
  it.each([
    ['that begin alike, as with BOS', (row: number) => (row % 10 === 0 ? 0 : 1)],
    ['that are zeros but for a few', (row: number) => (row === 5 ? 1 : 0)],
  ])('%s are no duplicates', async (_, change) => {
    const files = [3, 4].map((seed) => file(`s${seed}.safetensors`, values(seed, change)));
    expect(labels(await settled(files))).toHaveLength(2);
  });

  it('of another shape or dtype are not compared', async () => {
    const half = new MemorySource(
      'b.safetensors',
      writeSafetensors([{ name: 'activations', dtype: 'F32', shape: [ROWS / 2, D], data: values(1).subarray(0, (ROWS / 2) * D) }]),
    );
    expect(labels(await settled([file('a.safetensors', values(1)), half]))).toHaveLength(2);
  });
});

describe('what is pooled', () => {
  const pool = async (files: MemorySource[]) => describePool((await inspectFiles(files)).shards);
  const hook = (name: string, model = 'gpt2') => ({ hook_name: name, model_name: model });

  it('is not worth a word where files differ in their numbers alone', async () => {
    expect(await pool([1, 2, 30].map((n) => file(`x/shard_${n}.safetensors`, values(n), hook('blocks.0.hook_z'))))).toBeUndefined();
    expect(await pool(['0a1b2c3d-11', 'ffe01234-9'].map((id, n) => file(`x/${id}--${n}.safetensors`, values(n))))).toBeUndefined();
  });

  it('is said file by file of a kind, with their rows, hooks and models', async () => {
    const z = [1, 2].map((n) => file(`x/shard_${n}.safetensors`, values(n), hook('blocks.0.hook_z')));
    const other = file('y/acts.safetensors', values(5), hook('blocks.3.hook_mlp_out', 'pythia'));
    expect(await pool([...z, other])).toBe(
      'Pooled into one set: x/shard_1.safetensors and 1 more like it (6000 rows of blocks.0.hook_z of gpt2); y/acts.safetensors (3000 rows of blocks.3.hook_mlp_out of pythia). ' +
        'They are of different hooks, and one SAE would be trained on all of them: drop them one at a time unless that is meant.',
    );
    expect(await pool([file('a.safetensors', values(1)), file('b.safetensors', values(2))])).toBe(
      'Pooled into one set: a.safetensors (3000 rows); b.safetensors (3000 rows). If they are not of one model and hook, drop them one at a time.',
    );
  });
});
