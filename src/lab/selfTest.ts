/**
 * Start-up self-test: two training steps of a tiny packed sweep on this very device against the float64 twin. Drivers do
 * compute wrong results now and then (docs/testing.md); better said at once than found in a figure.
 */

import { Arena, write } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import { adamStep, gradients, tensorsOf, twinOf, zeroMoments } from '../reference/sae';
import { type ArchitectureId, architectureIds } from '../sae/architectures';
import { initialWeights } from '../sae/init';
import { layoutLimits, layoutOf } from '../sae/layout';
import { padRows } from '../sae/packing';
import { ADAM } from '../sae/schedules';
import { SweepTrainer } from '../sae/trainer';
import { Rng } from '../util/rng';

const D = 10;
const BATCH = 20;
const STEP = { lr: 1e-3, beta1: 0, ...ADAM };
const LAMBDA = 0.1;
/**
 * Largest accepted relative error of a tensor's change. Adam's first steps are sign-like (beta1 = 0): a gradient that is rounding
 * noise may move an entry the other way, so single entries are no measure; a wrong kernel is off by far more.
 */
const TOLERANCE = 2e-2;

/** One run of every architecture, of widths that are no multiples of anything. */
const runsOf = (): { arch: ArchitectureId; width: number }[] => architectureIds().map((arch, i) => ({ arch, width: 18 + 3 * i }));

/** @returns the largest relative error of any tensor's change. @throws Error saying what is wrong when it is too large. */
export async function selfTest(gpu: Gpu, flopsPerMs: number): Promise<number> {
  const rng = new Rng(7);
  const packed = runsOf();
  const rows = Float32Array.from({ length: 2 * BATCH * D }, () => rng.normal());
  const arena = new Arena(gpu, 'self-test');
  const pool = arena.storage('pool', 2 * BATCH * Math.ceil(D / 4) * 16);
  await arena.ready();
  write(gpu, pool, 0, padRows(rows, D));
  const starts = packed.map(({ arch, width }, i) =>
    initialWeights(
      arch,
      D,
      width,
      i,
      Float32Array.from({ length: D }, () => 0.3 * rng.normal()),
    ),
  );
  const schedule = { steps: 2, lr: STEP.lr, lrWarmup: 0, lrDecay: 0, lambda: LAMBDA, lambdaWarmup: 0 };
  const trainer = await SweepTrainer.create(gpu, {
    layout: layoutOf(D, BATCH, packed, layoutLimits(gpu, flopsPerMs), { form: 'sparse' }),
    runs: starts.map((weights) => ({ schedule, optimiser: STEP, weights })),
    pool,
    scale: 1,
    mean: new Float32Array(D).fill(0.1),
    flopsPerMs,
    form: 'sparse',
  });
  try {
    for (let t = 0; t < 2; t++) await trainer.step(Uint32Array.from({ length: BATCH }, (_, i) => t * BATCH + i));
    let worst = 0;
    for (const [r, start] of starts.entries()) {
      const twin = twinOf(start);
      const before = twinOf(start);
      const moments = zeroMoments(twin);
      for (let t = 0; t < 2; t++) {
        const x = Float64Array.from(rows.subarray(t * BATCH * D, (t + 1) * BATCH * D));
        adamStep(twin, gradients(twin, x, LAMBDA), moments, t + 1, STEP);
      }
      const others = [before, twinOf(await trainer.weights(r))].map((p) => tensorsOf(p.arch, p));
      for (const [name, values] of Object.entries(tensorsOf(twin.arch, twin))) {
        const [old, actual] = others.map((tensors) => tensors[name]) as [Float64Array, Float64Array];
        let off = 0;
        let change = 0;
        for (let i = 0; i < values.length; i++) {
          off += ((actual[i] as number) - (values[i] as number)) ** 2;
          change += ((values[i] as number) - (old[i] as number)) ** 2;
        }
        const error = change > 0 ? Math.sqrt(off / change) : Math.sqrt(off);
        if (!(error <= TOLERANCE)) {
          throw new Error(
            `the ${start.arch} training step is wrong on this GPU: ${name} is off by ${(100 * error).toPrecision(3)} % of its change. Figures from this device cannot be trusted; update the graphics driver or use another browser.`,
          );
        }
        worst = Math.max(worst, error);
      }
    }
    return worst;
  } finally {
    trainer.destroy();
    arena.destroy();
  }
}
