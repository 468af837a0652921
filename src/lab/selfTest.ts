/**
 * Self-test: two training steps of a tiny packed sweep on this very device against the float64 twin. Drivers do
 * compute wrong results now and then (docs/testing.md); better said at once than found in a figure.
 */

import { Arena, write } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import { TwinTrainer, tensorsOf, twinOf } from '../reference/sae';
import { type ArchitectureId, allOptions, architecture, type OptionValues, REFERENCE, SUBJECT, traitsOfRun } from '../sae/architectures';
import { initialWeights } from '../sae/init';
import { layoutLimits, layoutOf } from '../sae/layout';
import { padRows } from '../sae/packing';
import { ADAM } from '../sae/schedules';
import { SweepTrainer, type TrainerRun } from '../sae/trainer';
import { messageOf } from '../util/errors';
import { Rng } from '../util/rng';

const D = 10;
const BATCH = 20;
const STEP = { lr: 1e-3, beta1: 0, ...ADAM };
const LAMBDA = 0.1;
/** Latents that a selection keeps. */
const K = 3;
const STEPS = 2;
/**
 * Largest accepted relative error of a tensor's change. Adam's first steps are sign-like (beta1 = 0): a gradient that is rounding
 * noise may move an entry the other way, so single entries are no measure; a wrong kernel is off by far more.
 */
const TOLERANCE = 2e-2;

/** What is tested: an architecture with its options. */
export interface Tested {
  arch: ArchitectureId;
  options?: OptionValues;
}

/** What a sweep has where nobody chose. */
const FIRST: readonly Tested[] = [{ arch: SUBJECT }, { arch: REFERENCE }];

/** What has been tested on a device, so that it is tested once: at the start what most train, the rest when a sweep first asks for it. */
export class SelfTests {
  private readonly done = new Set<string>();

  constructor(
    private readonly gpu: Gpu,
    private readonly flopsPerMs: number,
  ) {}

  /** @returns what is wrong with the training of these runs on this device, told once; undefined where nothing is. */
  async problem(runs: readonly Tested[] = FIRST): Promise<string | undefined> {
    const key = ({ arch, options = {} }: Tested) => JSON.stringify([arch, allOptions(architecture(arch), options)]);
    const fresh = [...new Map(runs.map((run) => [key(run), run])).entries()].filter(([id]) => !this.done.has(id));
    if (fresh.length === 0) return undefined;
    for (const [id] of fresh) this.done.add(id);
    try {
      await selfTest(
        this.gpu,
        this.flopsPerMs,
        fresh.map(([, run]) => run),
      );
      return undefined;
    } catch (error) {
      return `Self-test failed: ${messageOf(error)}`;
    }
  }
}

/** @returns the largest relative error of any tensor's change. @throws Error saying what is wrong when it is too large. */
export async function selfTest(gpu: Gpu, flopsPerMs: number, tested: readonly Tested[] = FIRST): Promise<number> {
  const rng = new Rng(7);
  // Widths that are no multiples of anything.
  const packed = tested.map((run, i) => ({ ...run, width: 18 + 3 * (i % 8) }));
  const rows = Float32Array.from({ length: STEPS * BATCH * D }, () => rng.normal());
  const arena = new Arena(gpu, 'self-test');
  const pool = arena.storage('pool', STEPS * BATCH * Math.ceil(D / 4) * 16);
  await arena.ready();
  write(gpu, pool, 0, padRows(rows, D));
  const runs = packed.map(({ arch, width, options = {} }, i): TrainerRun => {
    const bDec = Float32Array.from({ length: D }, () => 0.3 * rng.normal());
    const entry = architecture(arch);
    const selects = traitsOfRun({ arch, options }).selects !== 'none';
    return {
      schedule: {
        steps: STEPS,
        lr: STEP.lr,
        lrWarmup: 0,
        lrDecay: 0,
        lambda: selects ? 0 : LAMBDA,
        lambdaWarmup: 0,
        anneal: entry.anneal?.(allOptions(entry, options), STEPS),
      },
      optimiser: STEP,
      ...(selects && { k: K }),
      weights: initialWeights(arch, D, width, i, bDec, 1, options),
    };
  });
  const trainer = await SweepTrainer.create(gpu, {
    layout: layoutOf(D, BATCH, packed, layoutLimits(gpu, flopsPerMs), { form: 'sparse' }),
    runs,
    pool,
    scale: 1,
    mean: new Float32Array(D).fill(0.1),
    flopsPerMs,
    form: 'sparse',
  });
  try {
    for (let t = 0; t < STEPS; t++) await trainer.step(Uint32Array.from({ length: BATCH }, (_, i) => t * BATCH + i));
    let worst = 0;
    for (const [r, { weights: start, schedule, k }] of runs.entries()) {
      const twin = twinOf(start, start.options);
      const before = twinOf(start, start.options);
      const { lr, lambda, anneal } = schedule;
      const steps = new TwinTrainer(twin, { lr: () => lr, lambda: () => lambda, optimiser: STEP, k, anneal });
      for (let t = 0; t < STEPS; t++) steps.step(Float64Array.from(rows.subarray(t * BATCH * D, (t + 1) * BATCH * D)));
      const others = [before, twinOf(await trainer.weights(r), start.options)].map((p) => tensorsOf(p.arch, p));
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
