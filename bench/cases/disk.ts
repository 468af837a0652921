/** (f) From bytes on disk to rows trained: a safetensors file in the page cache, through BatchFeeder, into a gated step. */

import type { ByteSource } from '../../src/data/bytes/types';
import { encodeF16 } from '../../src/data/formats/floats';
import { writeSafetensors } from '../../src/data/formats/safetensors/write';
import { BatchFeeder } from '../../src/data/pool/feeder';
import { ShardSource } from '../../src/data/rows/shard';
import { InFlight } from '../../src/gpu/plan';
import { SUBJECT } from '../../src/sae/architectures';
import { layoutLimits, layoutOf } from '../../src/sae/layout';
import { SweepTrainer } from '../../src/sae/trainer';
import type { Case, Context } from '../context';
import { STILL } from '../ours';
import { BETA2, EPS, LAMBDA, normalRows, sparseWeights } from '../problem';

interface Size {
  d: number;
  f: number;
  batch: number;
  l0: number;
  rows: number;
}

const SIZE: Size = { d: 256, f: 1024, batch: 512, l0: 32, rows: 262_144 };
const QUICK: Size = { ...SIZE, rows: 65_536 };
const SMALL: Size = { d: 128, f: 256, batch: 128, l0: 8, rows: 65_536 };
const POOL_ROWS = 32_768;

export const disk: Case = async (context) => {
  const size = context.small ? SMALL : context.quick ? QUICK : SIZE;
  const { d, f, batch, l0, rows } = size;
  const rowBytes = d * 2;
  context.say('writing the file');
  const file = await context.platform.store(fileOf(size));
  try {
    const seconds = context.quick ? 1 : 2;
    // Twice, once without training: what reading, checking, uploading and converting could deliver by themselves.
    context.say('feeding alone');
    const alone = await feed(context, file.source, size, seconds, false);
    context.say('feeding a gated step');
    const training = await feed(context, file.source, size, seconds, true);
    const rate = ({ rows: n, ms }: Fed) => `${((n * rowBytes) / ms / 1e3).toFixed(1)} MB/s, ${((1000 * n) / ms).toFixed(0)} rows/s`;
    return {
      title: 'disk to rows trained',
      figures: {},
      timings: [],
      notes: [
        `f16 file of ${((rows * rowBytes) / 1e6).toFixed(0)} MB in ${file.where}; D ${d}, B ${batch}, shuffled through a pool of ${POOL_ROWS} rows`,
        `feeding alone: ${rate(alone)}`,
        `feeding a gated step (F ${f}, L0 about ${l0}): ${rate(training)}; waiting for data ${(100 * training.waiting).toFixed(1)} % of the time`,
      ],
    };
  } finally {
    await file.remove();
  }
};

/** A file of normal rows; 4096 different ones, repeated. */
function fileOf({ rows, d }: Size): Uint8Array {
  const block = encodeF16(normalRows(4096, d, 7));
  const data = new Uint16Array(rows * d);
  for (let at = 0; at < data.length; at += block.length) data.set(block.subarray(0, Math.min(block.length, data.length - at)), at);
  return writeSafetensors([{ name: 'activations', dtype: 'F16', shape: [rows, d], data }]);
}

interface Fed {
  rows: number;
  ms: number;
  /** Share of the time in which the next batch was not there. */
  waiting: number;
}

async function feed({ gpu, flopsPerMs }: Context, file: ByteSource, size: Size, seconds: number, train: boolean): Promise<Fed> {
  const { d, f, batch, l0, rows } = size;
  const source = await ShardSource.open(file);
  const feeder = await BatchFeeder.create(gpu, [source], [{ source: 0, start: 0, rows }], {
    batch,
    seed: 0,
    shuffle: 'pool',
    poolRows: POOL_ROWS,
    d,
  });
  const weights = sparseWeights(SUBJECT, d, f, l0, normalRows(64, d, 7), 1);
  const limits = layoutLimits(gpu, flopsPerMs);
  const trainer = await SweepTrainer.create(gpu, {
    layout: layoutOf(d, batch, [{ arch: SUBJECT, width: f }], limits),
    runs: [
      {
        weights,
        schedule: { steps: 1e6, lr: STILL, lrWarmup: 0, lrDecay: 0, lambda: LAMBDA, lambdaWarmup: 0 },
        optimiser: { beta1: 0, beta2: BETA2, eps: EPS },
      },
    ],
    pool: feeder.pool.rows,
    scale: 1,
    mean: new Float32Array(d),
    flopsPerMs,
  });
  try {
    const inFlight = new InFlight(gpu);
    const turn = async () => {
      const slots = await feeder.next();
      if (train) await trainer.step(slots);
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
