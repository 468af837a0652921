/**
 * How long a sweep takes: before it begins from a few steps of its own that are timed on this device, while it trains from the pace so far.
 * Always a range: a step is slowest at first, when half of the latents fire, and fastest when few do, and nobody knows beforehand how soon
 * that is. The matmul's speed alone is off by 8 to 21 times on processors, whose steps are not spent in the encoder's product.
 */
import { Arena, write } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import { architecture } from '../sae/architectures';
import { initialWeights } from '../sae/init';
import { groupRuns, type Layout, layoutOf, optimiserNeeds, stepFlops } from '../sae/layout';
import { gpuMemory } from '../sae/memory';
import { padRows } from '../sae/packing';
import { SweepTrainer } from '../sae/trainer';
import type { SaeWeights } from '../sae/weights';
import type { TimeRange } from '../util/duration';
import { Rng } from '../util/rng';
import { type CostLimits, expand, type RunSpec, stagesOf, stepsUntilEnd, trainerRun } from './runSpecs';
import type { SweepConfig } from './settings';

export type { TimeRange } from '../util/duration';

/** Shares of the latents that fire at the start of training, and when it has settled into few. */
const START_DENSITY = 0.5;
const SETTLED_DENSITY = 0.01;
/** Gate biases of −this/√d make about so few fire on rows of mean square norm 1. */
const SETTLED_SIGMAS = 2.3;
/** A step that would take longer by the matmul's speed alone, or hold more, is measured on a smaller sweep of the same kind. */
const MATMUL_MS = 60;
const MOST_BYTES = 512 * 2 ** 20;
/** Steps are timed until there are two and so much time has gone by, or so many. */
const ENOUGH_MS = 250;
const MOST_STEPS = 20;

export interface StepTime {
  /** Milliseconds of one step of all runs with fresh weights, and with few latents active. */
  startMs: number;
  settledMs: number;
  /** Whether the sweep itself was measured, or a smaller one of the same kind. */
  isWhole: boolean;
}

interface Sized {
  batch: number;
  runs: RunSpec[];
}

function layoutsOf({ batch, runs }: Sized, d: number, limits: CostLimits): { layout: Layout; runs: RunSpec[] }[] {
  return groupRuns(d, batch, runs, limits).map((group) => ({
    layout: layoutOf(d, batch, group.runs, limits, { ...optimiserNeeds(group.runs), form: group.form }),
    runs: group.runs,
  }));
}

const flopsOf = (layouts: readonly { layout: Layout }[], density: number): number =>
  layouts.reduce((sum, { layout }) => sum + stepFlops(layout, density), 0);

/** The sweep, or one of its kind that is small enough to be timed: fewer rows and latents in turn, then fewer runs. */
function measurable(whole: Sized, d: number, limits: CostLimits): Sized {
  const isSmall = (sized: Sized) => {
    const layouts = layoutsOf(sized, d, limits);
    const bytes = layouts.reduce((sum, { layout }) => sum + gpuMemory(layout).total, 0);
    return flopsOf(layouts, START_DENSITY) < limits.flopsPerMs * MATMUL_MS && bytes < MOST_BYTES;
  };
  let sized = whole;
  while (!isSmall(sized)) {
    const widest = Math.max(...sized.runs.map(({ width }) => width));
    if (sized.batch > 128 && sized.batch * 4 >= widest) sized = { ...sized, batch: Math.ceil(sized.batch / 2) };
    else if (widest > 512) sized = { ...sized, runs: sized.runs.map((run) => ({ ...run, width: Math.max(1, Math.ceil(run.width / 2)) })) };
    else if (sized.runs.length > 1) sized = { ...sized, runs: sized.runs.filter((_, i) => i % 2 === 0) };
    else return sized;
  }
  return sized;
}

/**
 * Times steps of a sweep on random rows, in buffers of its own. Takes about a second, on slow devices a few.
 * @param d width of the rows. @param signal ends it early. @throws Error when the GPU cannot hold it, or `signal` says so.
 */
export async function measureSteps(gpu: Gpu, config: SweepConfig, d: number, limits: CostLimits, signal?: AbortSignal): Promise<StepTime> {
  const whole: Sized = { batch: config.batch, runs: stagesOf(expand(config))[0] ?? [] };
  const sized = measurable(whole, d, limits);
  const rng = new Rng(11);
  const arena = new Arena(gpu, 'time-estimate');
  const trainers: SweepTrainer[] = [];
  try {
    const pool = arena.storage('pool', sized.batch * Math.ceil(d / 4) * 16);
    await arena.ready();
    write(
      gpu,
      pool,
      0,
      padRows(
        Float32Array.from({ length: sized.batch * d }, () => rng.normal() / Math.sqrt(d)),
        d,
      ),
    );
    const slots = Uint32Array.from({ length: sized.batch }, (_, i) => i);
    const timed = async (bias: number): Promise<number> => {
      for (const trainer of trainers.splice(0)) trainer.destroy();
      for (const { layout, runs } of layoutsOf(sized, d, limits)) {
        signal?.throwIfAborted();
        const weights = runs.map(({ arch, width, seed, options }) =>
          biased(initialWeights(arch, d, width, seed, new Float32Array(d), 1, options), bias),
        );
        trainers.push(
          await SweepTrainer.create(gpu, {
            layout,
            // Steps that change nothing: lr rises from 0 over more of them than there will be.
            runs: runs.map((spec, r) => {
              const run = trainerRun(spec, weights[r] as SaeWeights);
              return { ...run, schedule: { ...run.schedule, lrWarmup: 1e9, lambdaWarmup: 0, lrDecay: 0, steps: 1e9 } };
            }),
            pool,
            scale: 1,
            mean: new Float32Array(d),
            flopsPerMs: limits.flopsPerMs,
            halfX: config.xDtype === 'f16',
          }),
        );
      }
      return stepMs(gpu, trainers, slots, signal);
    };
    const measured = { start: await timed(0), settled: await timed(-SETTLED_SIGMAS / Math.sqrt(d)) };
    const [all, some] = [layoutsOf(whole, d, limits), layoutsOf(sized, d, limits)];
    const times = (density: number) => flopsOf(all, density) / flopsOf(some, density);
    return {
      startMs: measured.start * times(START_DENSITY),
      settledMs: measured.settled * times(SETTLED_DENSITY),
      isWhole: sized === whole,
    };
  } finally {
    for (const trainer of trainers) trainer.destroy();
    arena.destroy();
  }
}

function biased(weights: ReturnType<typeof initialWeights>, bias: number): ReturnType<typeof initialWeights> {
  for (const { name, role } of architecture(weights.arch).vectors) if (role === 'bias' && bias !== 0) weights.vectors[name]?.fill(bias);
  return weights;
}

/** Median of steps, each waited for; the first, which compiles and tunes, does not count. */
async function stepMs(gpu: Gpu, trainers: readonly SweepTrainer[], slots: Uint32Array, signal: AbortSignal | undefined): Promise<number> {
  const times: number[] = [];
  let spent = 0;
  for (let i = 0; i <= MOST_STEPS && (times.length < 2 || spent < ENOUGH_MS); i++) {
    signal?.throwIfAborted();
    const start = performance.now();
    for (const trainer of trainers) await trainer.step(slots, false);
    await gpu.queue.onSubmittedWorkDone();
    gpu.check();
    const ms = performance.now() - start;
    if (i > 0) {
      times.push(ms);
      spent += ms;
    }
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] as number;
}

/** Rows that a language model computes while runs train. */
export interface Harvest {
  /** Tokens of the training text, each computed once. */
  tokens: number;
  /** Of the model. */
  parameters: number;
}

/** Evaluations take at most this share of the time in the page (training.ts). */
const EVALUATION_SHARE = 0.35;
/** What clocks, caches and other programs may save, and what they may add. */
const SAVED = 1.3;
const ADDED = 2;

/**
 * Seconds until all runs of a sweep have ended, for which it is told how long a step takes.
 * @param evaluates whether runs are evaluated along the way.
 */
export function sweepTime(
  config: SweepConfig,
  { startMs, settledMs }: StepTime,
  { evaluates, harvest, flopsPerMs }: { evaluates: boolean; harvest?: Harvest | undefined; flopsPerMs: number },
): TimeRange {
  // A step of a second stage is no longer than one of the first: it has no more runs.
  const runs = expand(config);
  const steps = Math.max(...runs.map((run) => stepsUntilEnd(runs, run)));
  const [fast, slow] = [Math.min(startMs, settledMs), Math.max(startMs, settledMs)];
  // Two FLOPs a parameter and token, by the matmul's speed; a model's smaller kernels may be ten times slower.
  const harvestMs = harvest ? (2 * harvest.parameters * Math.min(harvest.tokens, steps * config.batch)) / flopsPerMs : 0;
  const share = evaluates ? 1 - EVALUATION_SHARE : 1;
  return { least: (steps * fast) / SAVED / 1000, most: (steps * slow * ADDED + 10 * harvestMs) / share / 1000 };
}

/** The recent pace is of the last quarter of the time, at most of so many milliseconds, at least of one step; kept in spans of so many. */
const RECENT_SHARE = 0.25;
const RECENT_MS = 10_000;
const SPAN_MS = 250;
/** Steps that were given to the GPU and may not be done (InFlight); with fewer than this many a pace says nothing. */
const UNDER_WAY = 2;
const LEAST_STEPS = 5;
/** A machine with other work to do may become so much slower or faster at any time. */
const STEADINESS = 1.25;

interface Span {
  ms: number;
  steps: number;
}

const total = (spans: readonly Span[]): Span =>
  spans.reduce((sum, { ms, steps }) => ({ ms: sum.ms + ms, steps: sum.steps + steps }), { ms: 0, steps: 0 });

/** What is left, from the pace so far: nothing is assumed but that it lies between the recent one and that of all steps, about. */
export class Pace {
  private readonly all: Span = { ms: 0, steps: 0 };
  private spans: Span[] = [];
  private longestEvaluation = 0;
  private since: number;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.since = now();
  }

  /** Training begins or goes on: what went by before does not count. */
  restart(): void {
    this.since = this.now();
  }

  /** Runs were added: steps cost more from now on. */
  forget(): void {
    Object.assign(this.all, { ms: 0, steps: 0 });
    this.spans = [];
    this.restart();
  }

  step(): void {
    this.note(1);
  }

  evaluated(ms: number): void {
    this.longestEvaluation = Math.max(this.longestEvaluation, ms);
    this.note(0);
  }

  private note(steps: number): void {
    const now = this.now();
    const ms = now - this.since;
    this.since = now;
    this.all.ms += ms;
    this.all.steps += steps;
    const last = this.spans.at(-1);
    if (last && last.ms < SPAN_MS) {
      last.ms += ms;
      last.steps += steps;
    } else {
      this.spans.push({ ms, steps });
      // The oldest go while the rest still fill the window and hold a step.
      const enough = Math.min(RECENT_MS, RECENT_SHARE * this.all.ms);
      while (total(this.spans.slice(1)).ms >= enough && total(this.spans.slice(1)).steps > 0) this.spans.shift();
    }
  }

  /** Seconds until so many more steps are done and evaluated; undefined before the first few. */
  remaining(left: number): TimeRange | undefined {
    const { steps } = this.all;
    if (steps < LEAST_STEPS) return undefined;
    const recent = total(this.spans);
    const paces = [this.all.ms / steps, this.all.ms / (steps - UNDER_WAY)];
    if (recent.steps > 0) paces.push(recent.ms / recent.steps);
    // The fewer steps there were for those to come, the less they say, above all about how fast they become as latents fall silent.
    const unknown = Math.min(1, left / (9 * steps));
    const noise = 1 / Math.sqrt(steps);
    const seconds = (msPerStep: number) => (left * msPerStep) / 1000;
    // One evaluation more or less may lie in what is left.
    const evaluation = this.longestEvaluation / 1000;
    return {
      least: Math.max(0, seconds(Math.min(...paces)) - evaluation) / (STEADINESS + 1.9 * unknown + noise),
      most: (seconds(Math.max(...paces)) + (UNDER_WAY * Math.max(...paces)) / 1000) * (STEADINESS + 0.5 * unknown + noise) + evaluation,
    };
  }
}
