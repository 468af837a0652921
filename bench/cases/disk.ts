/** (f) From bytes on disk to rows trained: a safetensors file in the page cache, through BatchFeeder, into a gated step. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchFeeder } from '../../src/data/feeder';
import { encodeF16 } from '../../src/data/floats';
import { FileSource } from '../../src/data/nodeFiles';
import { writeSafetensors } from '../../src/data/safetensorsWrite';
import { ShardSource } from '../../src/data/shard';
import { InFlight } from '../../src/gpu/plan';
import { layoutOf } from '../../src/sae/layout';
import { SweepTrainer } from '../../src/sae/trainer';
import type { Case, Context } from '../context';
import { STILL } from '../ours';
import { BETA2, EPS, LAMBDA, normalRows, sparseWeights } from '../problem';

const D = 256;
const F = 1024;
const BATCH = 512;
const L0 = 32;
const ROW_BYTES = D * 2;

export const disk: Case = async (context) => {
  const rows = context.quick ? 65_536 : 262_144;
  const folder = await mkdtemp(join(tmpdir(), 'lab-bench-'));
  try {
    context.say('bytes from disk to rows trained');
    const path = join(folder, 'rows.safetensors');
    await writeFile(path, fileOf(rows));
    const seconds = context.quick ? 1 : 2;
    // Twice, once without training: what reading, checking, uploading and converting could deliver by themselves.
    const alone = await feed(context, path, rows, seconds, false);
    const training = await feed(context, path, rows, seconds, true);
    const rate = ({ rows: n, ms }: Fed) => `${((n * ROW_BYTES) / ms / 1e3).toFixed(0)} MB/s, ${((1000 * n) / ms).toFixed(0)} rows/s`;
    return {
      title: 'f  disk to rows trained',
      figures: {},
      timings: [],
      notes: [
        `f16 file of ${((rows * ROW_BYTES) / 1e6).toFixed(0)} MB, D ${D}, B ${BATCH}, shuffled through a pool of 32 768 rows`,
        `feeding alone: ${rate(alone)}`,
        `feeding a gated step (F ${F}, L0 about ${L0}): ${rate(training)}; waiting for data ${(100 * training.waiting).toFixed(1)} % of the time`,
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** A file of normal rows; 4096 different ones, repeated. */
function fileOf(rows: number): Uint8Array {
  const block = encodeF16(normalRows(4096, D, 7));
  const data = new Uint16Array(rows * D);
  for (let at = 0; at < data.length; at += block.length) data.set(block.subarray(0, Math.min(block.length, data.length - at)), at);
  return writeSafetensors([{ name: 'activations', dtype: 'F16', shape: [rows, D], data }]);
}

interface Fed {
  rows: number;
  ms: number;
  /** Share of the time in which the next batch was not there. */
  waiting: number;
}

async function feed({ gpu, flopsPerMs }: Context, path: string, rows: number, seconds: number, train: boolean): Promise<Fed> {
  const source = await ShardSource.open(await FileSource.open(path));
  const feeder = await BatchFeeder.create(gpu, [source], [{ source: 0, start: 0, rows }], {
    batch: BATCH,
    seed: 0,
    shuffle: 'pool',
    poolRows: 32_768,
    d: D,
  });
  const weights = sparseWeights('gated', D, F, L0, normalRows(64, D, 7), 1);
  const limits = { maxStorageBufferBindingSize: gpu.limits.maxStorageBufferBindingSize, flopsPerMs };
  const trainer = await SweepTrainer.create(gpu, {
    layout: layoutOf(D, BATCH, [{ arch: 'gated', width: F }], limits),
    runs: [
      {
        weights,
        schedule: { steps: 1e6, lr: STILL, lrWarmup: 0, lrDecay: 0, lambda: LAMBDA, lambdaWarmup: 0 },
        optimiser: { beta1: 0, beta2: BETA2, eps: EPS },
      },
    ],
    pool: feeder.pool.rows,
    scale: 1,
    mean: new Float32Array(D),
    flopsPerMs,
  });
  try {
    const inFlight = new InFlight(gpu);
    const turn = async () => {
      const slots = await feeder.next();
      if (!train) return;
      await trainer.step(slots);
      await inFlight.push();
    };
    // The first turns fill the pool and compile.
    for (let i = 0; i < 4; i++) await turn();
    await gpu.queue.onSubmittedWorkDone();
    const before = { ...feeder.stats };
    const start = performance.now();
    while (performance.now() - start < 1000 * seconds) await turn();
    await gpu.queue.onSubmittedWorkDone();
    gpu.check();
    const ms = performance.now() - start;
    return { rows: feeder.stats.rowsServed - before.rowsServed, ms, waiting: (feeder.stats.waitedMs - before.waitedMs) / ms };
  } finally {
    trainer.destroy();
    feeder.destroy();
  }
}
