/**
 * A training case through the product: `SweepTrainer` with its kernels takes the fixture's steps from the fixture's weights on the fixture's rows, alone and
 * packed between runs of every other architecture; the losses of every step and the change of every tensor are held against the fixture's.
 */
import type { Gpu } from '../../gpu/device';
import { architecture, architectures } from '../../sae/architectures';
import { initialWeights } from '../../sae/init';
import { type Layout, type LayoutLimits, layoutLimits, layoutOf, type StepForm } from '../../sae/layout';
import { padRows } from '../../sae/packing';
import { type StepLog, SweepTrainer, type TrainerRun } from '../../sae/trainer';
import type { SaeWeights } from '../../sae/weights';
import { messageOf } from '../../util/errors';
import { type Arm, armOf, clipOf } from './arms';
import type { ExpectedTraining } from './expected';
import { change, exact, type Finding, type Outcome, relative, sameBits, type Tensors } from './findings';
import { scheduleOf } from './schedules';
import { tensorsOf, weightsOf } from './weights';

/** The files of a case. */
export interface TrainingCase {
  expected: ExpectedTraining;
  init: Tensors;
  data: Tensors;
  final: Tensors;
}

/** Relative, of losses and terms in every step; and of the change of each tensor, in Frobenius norm. */
export const TOLERANCE = { step: 1e-4, change: 1e-2 };

/** What trains. */
export interface Machine {
  gpu: Gpu;
  /** Calibrated speed. */
  flopsPerMs: number;
  limits: LayoutLimits;
}

/** As a session has it. */
export const machineOf = (gpu: Gpu, flopsPerMs: number): Machine => ({ gpu, flopsPerMs, limits: layoutLimits(gpu, flopsPerMs) });

/** Where a run of the case trains. */
export interface Setting {
  form: StepForm;
  /** Packed between runs of every architecture of the table, which see the same rows. */
  mixed: boolean;
}

export const words = ({ form, mixed }: Setting): string => `${form}, ${mixed ? 'in a mixed sweep' : 'alone'}`;

/** What the run came to, in the trainer's own words. */
export interface TrainedRun {
  logs: StepLog[];
  final: SaeWeights;
  /** Weights before each step, where `follow`. */
  before: SaeWeights[];
}

const ownRun = ({ expected: e, init }: TrainingCase): TrainerRun => {
  const arm = armOf(e);
  return {
    schedule: { ...scheduleOf(e, arm.knob), ...(arm.anneal && { anneal: arm.anneal }) },
    optimiser: { ...e.adam, clip: clipOf(e) },
    ...kOf(arm.arch, arm.knob),
    weights: weightsOf(arm, e, init),
  };
};

/** @throws Error when the product has no such form for these runs. */
function layoutFor({ limits }: Machine, e: ExpectedTraining, runs: readonly TrainerRun[], form: StepForm): Layout {
  const packed = runs.map(({ weights: { arch, dSae, options } }) => ({ arch, width: dSae, ...(options && { options }) }));
  const momentum = runs.some(({ optimiser }) => optimiser.beta1 > 0);
  const clips = runs.some(({ optimiser }) => (optimiser.clip ?? 0) > 0);
  return layoutOf(e.d_in, e.batch, packed, limits, { form, momentum, clips });
}

/** Why a run cannot be trained in a form; undefined when it can. */
function obstacle(machine: Machine, e: ExpectedTraining, run: TrainerRun, form: StepForm): string | undefined {
  try {
    layoutFor(machine, e, [run], form);
    return undefined;
  } catch (cause) {
    return messageOf(cause);
  }
}

/** @throws Error when the product cannot train the case, in its own words. */
export async function train(machine: Machine, files: TrainingCase, { form, mixed }: Setting, follow = false): Promise<TrainedRun> {
  const { gpu, flopsPerMs } = machine;
  const { expected: e, data } = files;
  const own = ownRun(files);
  // What has no such form is never packed with what has.
  const others = mixed ? neighbours(e, own).filter((run) => obstacle(machine, e, run, form) === undefined) : [];
  const at = Math.floor(others.length / 2);
  const runs = [...others.slice(0, at), own, ...others.slice(at)];
  const rows = data.get('activations')?.data as Float32Array;
  const padded = padRows(rows, e.d_in);
  const pool = gpu.device.createBuffer({ size: padded.byteLength, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  gpu.queue.writeBuffer(pool, 0, padded as Float32Array<ArrayBuffer>);
  let trainer: SweepTrainer | undefined;
  try {
    const layout = layoutFor(machine, e, runs, form);
    trainer = await SweepTrainer.create(gpu, { layout, runs, pool, scale: 1, mean: new Float32Array(e.d_in), flopsPerMs, form });
    const logs: StepLog[] = [];
    const before: SaeWeights[] = [];
    for (let step = 0; step < e.steps; step++) {
      if (follow) before.push(await trainer.weights(at));
      const slots = Uint32Array.from({ length: e.batch }, (_, i) => step * e.batch + i);
      const log = (await (await trainer.step(slots, true)).log)?.[at];
      if (!log) throw new Error(`step ${step} gave no losses`);
      logs.push(log);
    }
    const final = await trainer.weights(at);
    gpu.check();
    return { logs, final, before };
  } finally {
    trainer?.destroy();
    pool.destroy();
  }
}

/** Of what selects the k largest activations, that is the knob. */
const kOf = (arch: string, knob: number): { k?: number } => (architecture(arch).knob.whole ? { k: knob } : {});

/** A run of each architecture, of ragged widths, with and without first moments and clipping. */
function neighbours(e: ExpectedTraining, { schedule: { anneal: _, ...schedule } }: TrainerRun): TrainerRun[] {
  return architectures().map(({ id }, i) => ({
    schedule: { ...schedule, lambda: 0.1, lambdaWarmup: 0 },
    optimiser: { beta1: i % 2 === 0 ? 0 : 0.9, beta2: 0.999, eps: 1e-8, clip: i % 3 === 0 ? 0 : 1 },
    ...kOf(id, 3),
    weights: initialWeights(id, e.d_in, 13 + 9 * i, i, new Float32Array(e.d_in)),
  }));
}

/** Per step, what the fixture names and the product gives. */
function stepsOf(files: TrainingCase, arm: Arm, { logs, before }: TrainedRun): Record<string, number | number[]>[] {
  const unclipped = clipOf(files.expected) > 0 ? {} : { clip_factor: 1 };
  return logs.map((log, i) => {
    const values: Record<string, unknown> = {
      ...log,
      ...arm.settings,
      ...thetaOf(files, before[i]),
      copy_loss: log.aux_loss,
      ...unclipped,
    };
    const names = Object.keys(files.expected.per_step[i] ?? {});
    return Object.fromEntries(names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name] as number | number[]]])));
  });
}

/** JumpReLU's thresholds before a step. */
function thetaOf({ final }: TrainingCase, weights: SaeWeights | undefined): Record<string, number> {
  const theta = weights && tensorsOf(weights, [...final.keys()]).get('threshold')?.data;
  if (!theta) return {};
  return { threshold_mean: Array.from(theta).reduce((sum, t) => sum + t, 0) / theta.length, threshold_min: Math.min(...theta) };
}

/** Without these a case has not been compared; what else a fixture tells of a step is compared where the product gives it. */
const TERMS = new Set([
  ...['loss', 'mse_loss', 'sparsity_loss', 'aux_loss', 'auxk_loss', 'copy_loss', 'pre_act_loss'],
  ...['l0', 'gamma', 'lr', 'lambda'],
]);

function stepFindings(expected: ExpectedTraining, steps: readonly Record<string, number | number[]>[], where: string): Finding[] {
  return expected.per_step.flatMap((want, i) =>
    Object.entries(want).flatMap(([name, value]) => {
      const found = steps[i]?.[name];
      const what = `${name} at step ${want.step} (${where})`;
      if (found === undefined) return TERMS.has(name) ? [exact(`${what} is not computed`, false)] : [];
      const [actual, wanted] = [[found].flat(), [value].flat()];
      if (actual.length !== wanted.length) return [exact(`${what} has ${actual.length} values`, false)];
      return wanted.map((one, k) => relative(what, actual[k] as number, one, TOLERANCE.step));
    }),
  );
}

function tensorFindings({ expected, init, final }: TrainingCase, actual: Tensors, where: string): Finding[] {
  return [...final].map(([name, { data }]) => {
    const [start, end] = [init.get(name)?.data, actual.get(name)?.data];
    const what = `${name} (${where})`;
    if (!start || !end) return exact(`${what} is not computed`, false);
    if (expected.trained && !expected.trained.includes(name) && !DERIVED.has(name))
      return exact(`${what} stays as it was`, sameBits(end, start));
    return change(what, start, data, end, TOLERANCE.change);
  });
}

/** Tensors that follow from a trained one. */
const DERIVED = new Set(['threshold']);

/** Whether two runs came to the same bits. */
export const sameWeights = (a: SaeWeights, b: SaeWeights): boolean => {
  const names = new Set([...Object.keys(a.vectors), ...Object.keys(b.vectors)]);
  const pairs: (readonly [ArrayLike<number>, ArrayLike<number>])[] = [
    [a.wEnc, b.wEnc],
    [a.wDec, b.wDec],
    [a.wSecond ?? [], b.wSecond ?? []],
    [a.bDec, b.bDec],
    [[a.threshold ?? 0], [b.threshold ?? 0]],
    ...[...names].map((name) => [a.vectors[name] ?? [], b.vectors[name] ?? []] as const),
  ];
  return pairs.every(([x, y]) => sameBits(x, y));
};

/** The case in the given forms, in each alone and packed with others. What the first run computed is given back. @throws Error as `train`. */
export async function checkTraining(machine: Machine, files: TrainingCase, forms: readonly StepForm[]): Promise<Outcome> {
  const { expected, final } = files;
  const arm = armOf(expected);
  const findings: Finding[] = [];
  let first: { steps: unknown; tensors: Tensors } | undefined;
  const left: string[] = [];
  for (const form of forms) {
    const why = obstacle(machine, expected, ownRun(files), form);
    if (why !== undefined) {
      left.push(`${form}: ${why}`);
      continue;
    }
    let alone: SaeWeights | undefined;
    for (const mixed of [false, true]) {
      const run = await train(machine, files, { form, mixed }, final.has('threshold'));
      const where = words({ form, mixed });
      const steps = stepsOf(files, arm, run);
      const tensors = tensorsOf(run.final, [...final.keys()]);
      findings.push(...stepFindings(expected, steps, where), ...tensorFindings(files, tensors, where));
      if (alone) findings.push(exact(`the same bits alone and in a mixed sweep (${form})`, sameWeights(alone, run.final)));
      alone = run.final;
      first ??= { steps, tensors };
    }
  }
  return {
    findings,
    ...(left.length > 0 && { left }),
    computed: { 'final.safetensors': { tensors: first?.tensors ?? new Map() }, 'steps.json': { json: first?.steps } },
  };
}
