/** Host memory while an SAE trains on a data set of gigabytes: one child process a format, so that each has a peak of its own. */
import { readFileSync } from 'node:fs';
import { readOptions } from '../../src/cli/args';
import { openEngine } from '../../src/cli/engine';
import { prepareTraining, trainRows, trainToTheEnd } from '../../src/cli/training';
import { nodeUnpacking } from '../../src/data/bytes/nodeUnpacking';
import { unpackOn } from '../../src/data/bytes/unpacking';

/** What the child reports. Bytes; resident sizes are of the whole process. */
export interface Trained {
  rows: number;
  steps: number;
  /** Read by the process from opening the data on, headers included. */
  bytesRead: number;
  /** Resident with the GPU open and nothing of the data. */
  baseline: number;
  /** Most resident after a quarter of the steps, and at the end, the evaluation included. */
  peakQuarter: number;
  peak: number;
  poolBytes: number;
  /** All GPU memory that was allocated, the pool included. On a software GPU it is host memory. */
  gpuBytes: number;
  /** Milliseconds from the paths to the headers read and the GPU's buffers made; of the training. */
  openMs: number;
  trainMs: number;
  state: string;
  waitingForData: number;
}

/** The option names of `train`. Parts of a set repeat their few rows that are not zeros. */
const ARGS = ['--arch', 'gated', '--d-sae', '16', '--lambda', '1e-3', '--lr', '1e-4', '--out', 'unused', '--allow-duplicates'];

/** Trains on the folder as `npm run lab -- train` does, and writes nothing. */
export async function trainOn(folder: string, batch: number, steps: number): Promise<Trained> {
  unpackOn(nodeUnpacking);
  const { options } = readOptions([...ARGS, '--data', folder, '--batch', String(batch), '--steps', String(steps)], trainRows());
  let baseline = 0;
  let readBefore = 0;
  let began = 0;
  const open = async () => {
    const engine = await openEngine();
    await engine.gpu.queue.onSubmittedWorkDone();
    baseline = process.memoryUsage.rss();
    readBefore = bytesReadSoFar();
    began = performance.now();
    return engine;
  };
  let peakQuarter = 0;
  const setup = await prepareTraining(options, open, (_, { step }) => {
    if (step < steps / 4) peakQuarter = peakResident();
  });
  const openMs = performance.now() - began;
  await trainToTheEnd(setup, 1);
  const { experiment, runs, time } = setup;
  const [run] = runs;
  const { pool } = experiment.feeder;
  return {
    rows: experiment.feeder.stats.rowsServed,
    steps,
    bytesRead: bytesReadSoFar() - readBefore,
    baseline,
    peakQuarter,
    peak: peakResident(),
    poolBytes: pool.capacity * pool.stride * 4,
    gpuBytes: setup.memory?.allocated ?? 0,
    openMs,
    trainMs: performance.now() - began - openMs,
    state: run?.message ?? run?.state ?? 'no run',
    waitingForData: time?.data ?? Number.NaN,
  };
}

/** Bytes: VmHWM where there is one. */
const peakResident = (): number => process.resourceUsage().maxRSS * 1024;

/** Linux only; elsewhere not a number. */
function bytesReadSoFar(): number {
  try {
    return Number(/^rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))?.[1]);
  } catch {
    return Number.NaN;
  }
}
