/** What rows of a measurement are centred by. */
import { blockToFloats } from '../data/rows/block';
import type { RowBlock } from '../data/rows/types';
import type { Gpu } from '../gpu/device';
import { Splicer } from '../lm/splice';
import { batchSequences, type EvaluationSource, type EvaluatorOptions, type ModelSource } from './evaluation';
import { takeRowMeans } from './rowMeans';

/** Rows that are enough for a centre. */
const ENOUGH = 65536;

/**
 * A centre for the rows of a measurement, `[d]`: the mean of the first of them, or of the model's first batch. What is centred by it keeps its
 * digits, wherever the SAE's own b_dec lies.
 */
export async function centreOf(
  gpu: Gpu,
  d: number,
  source: EvaluationSource,
  { centreRows }: EvaluatorOptions = {},
): Promise<Float32Array<ArrayBuffer>> {
  const mean = source.kind === 'model' ? await meanOfHook(gpu, d, source) : await meanOfBlocks(d, source.blocks());
  if (centreRows) takeRowMeans(mean, d);
  return mean;
}

async function meanOfBlocks(d: number, blocks: AsyncIterable<RowBlock>): Promise<Float32Array<ArrayBuffer>> {
  const sums = new Float64Array(d);
  let rows = 0;
  for await (const block of blocks) {
    blockToFloats(block).forEach((value, i) => {
      sums[i % d] = (sums[i % d] as number) + value;
    });
    rows += block.rows;
    if (rows >= ENOUGH) break;
  }
  return Float32Array.from(sums, (sum) => sum / Math.max(1, rows));
}

async function meanOfHook(gpu: Gpu, d: number, source: ModelSource): Promise<Float32Array<ArrayBuffer>> {
  const { model, hook, sequences } = source;
  const n = batchSequences(source);
  const splicer = await Splicer.create(gpu, d, n * sequences.T);
  try {
    return await model.exclusive(async () => {
      const value = model.prefix(hook, sequences.tokens.subarray(0, n * sequences.T), n, sequences.T);
      return Float32Array.from(await splicer.columnSums(value), (sum) => sum / value.rows);
    });
  } finally {
    splicer.destroy();
  }
}
