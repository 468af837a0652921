/**
 * The float64 twin against steps of other libraries' trainers and of autograd (tests/fixtures/train2): every term in every step, every gradient of
 * step 0 (and 1, where AuxK first acts), term by term, and what twelve steps make of every tensor. The files hold f32, which is what gradients and
 * tensors can be told apart by.
 */
import { describe, expect, it } from 'vitest';
import {
  forward,
  gradients,
  type TwinForward,
  type TwinGiven,
  type TwinLog,
  type TwinParams,
  TwinTrainer,
  tensorsOf,
  twinOf,
} from '../../../src/reference/sae';
import { architecture } from '../../../src/sae/architectures';
import { type Train2Case, train2Case, train2Names } from './train2';

const transposed = (values: Float32Array, rows: number): Float32Array => {
  const columns = values.length / rows;
  return Float32Array.from(values, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)] as number);
};

/** Where the case has another name for a tensor of the lab's. */
const stored = (name: string, { options }: Train2Case) => (name === 'threshold' && options.theta === 'log' ? 'log_threshold' : name);

/** The lab's tensors of a file, `[F, D]` each; 0 where the file has none (r_mag of an SAE without). */
function labTensors(of: Train2Case, file: string, prefix = ''): Record<string, Float32Array> {
  const { d_in: d, d_sae: f } = of.expected;
  const found = of.tensors(file);
  const names = ['W_enc', 'W_dec', 'b_dec', ...(found.W_mag ? ['W_mag'] : []), ...architecture(of.arch).vectors.map(({ name }) => name)];
  return Object.fromEntries(
    names.map((name) => {
      const length = name.startsWith('W_') ? d * f : name === 'b_dec' ? d : f;
      const values = found[prefix + stored(name, of)] ?? new Float32Array(length);
      return [name, name === 'W_enc' || name === 'W_mag' ? transposed(values, d) : values];
    }),
  );
}

function paramsOf(of: Train2Case): TwinParams {
  const { W_enc, W_dec, b_dec, W_mag, ...vectors } = labTensors(of, 'init') as Record<string, Float32Array> & {
    W_enc: Float32Array;
    W_dec: Float32Array;
    b_dec: Float32Array;
  };
  const { d_in: dIn, d_sae: dSae } = of.expected;
  return twinOf({
    arch: of.arch,
    dIn,
    dSae,
    wEnc: W_enc,
    wDec: W_dec,
    bDec: b_dec,
    vectors,
    options: of.options,
    ...(W_mag && { wSecond: W_mag }),
  });
}

const batchOf = (of: Train2Case, step: number): Float64Array => {
  const { batch, d_in } = of.expected;
  return Float64Array.from((of.tensors('data').activations as Float32Array).subarray(step * batch * d_in, (step + 1) * batch * d_in));
};

function trainerOf(of: Train2Case, params = paramsOf(of)): TwinTrainer {
  const { per_step, adam } = of.expected;
  const first = (t: number) => (of.anneal ? of.knob * Math.min(t / 5, 1) : ((per_step[t]?.lambda as number | undefined) ?? 0));
  return new TwinTrainer(params, {
    lr: (t) => per_step[t]?.lr as number,
    lambda: first,
    k: of.knob,
    optimiser: { ...adam, clip: of.clip },
    anneal: of.anneal,
  });
}

/** What a log calls the figures of the files. */
const figures = (log: TwinLog, of: Train2Case): Record<string, number | undefined> => ({
  loss: log.loss,
  mse_loss: log.mse_loss,
  sparsity_loss: log.sparsity_loss,
  aux_loss: log.aux_loss,
  copy_loss: log.aux_loss,
  auxk_loss: log.aux_loss,
  pre_act_loss: log.extra_loss,
  l0: log.l0,
  gamma: log.gamma,
  grad_norm: log.gradNorm,
  clip_factor: log.clipFactor,
  dead: log.dead,
  threshold: log.threshold,
  p: log.power,
  sparsity_coeff: log.coefficient * (of.expected.lambda ?? 0),
  ...('k_aux' in (of.expected.per_step[0] ?? {}) || log.kAux > 0 ? { k_aux: log.kAux } : {}),
  ...(of.expected.lambda === undefined ? {} : { lambda: log.lambda }),
});

/** Steps whose lr is of a later factor, lists and what only describes. */
const DESCRIBES = [
  'step',
  'lr',
  'k',
  'target_l0',
  'group_losses',
  'margin',
  'in_window',
  'threshold_mean',
  'threshold_min',
  'dead_firing_per_row',
];

const relative = (actual: number, expected: number) => Math.abs(actual - expected) / Math.max(1e-9, Math.abs(expected));

/** A term alone, with weight 1: every other one vanishes from what the gradient sees. */
function termOf(term: string, fw: TwinForward, given: TwinGiven, preAct: number): { fw: TwinForward; given: TwinGiven; over: number } {
  const none = (values: Float64Array) => new Float64Array(values.length);
  const [noErrors, noAux] = [{ errors: fw.errors.map(none) }, { auxError: none(fw.auxError) }];
  const base = typeof given === 'number' ? {} : given;
  if (term === 'mse_loss') return { fw: { ...fw, ...noAux }, given: { ...base, lambda: 0 }, over: 1 };
  if (term === 'sparsity_loss') return { fw: { ...fw, ...noErrors, ...noAux }, given: { ...base, lambda: 1 }, over: 1 };
  if (term === 'pre_act_loss') return { fw: { ...fw, ...noErrors }, given: { ...base, lambda: 0 }, over: preAct };
  return { fw: { ...fw, ...noErrors }, given: { ...base, lambda: 0 }, over: 1 };
}

/** Largest difference of two gradients over the expected one's largest entry. */
function gradientError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [off, most] = [0, 0];
  for (let j = 0; j < expected.length; j++) {
    off = Math.max(off, Math.abs((actual[j] as number) - (expected[j] as number)));
    most = Math.max(most, Math.abs(expected[j] as number));
  }
  return most === 0 ? off : off / most;
}

function holdsGradients(of: Train2Case, file: 'grad0' | 'grad1', trainer: TwinTrainer, params: TwinParams, x: Float64Array): void {
  const { trained = [], weights = {} } = of.expected;
  const given = trainer.moment();
  const fw = forward(params, x, given);
  const whole = tensorsOf(of.arch, gradients(params, x, given, fw));
  const expected = labTensors(of, file);
  for (const [name, values] of Object.entries(expected)) {
    if (trained.includes(stored(name, of)))
      expect(gradientError(whole[name] as Float64Array, values), `${file} ${name}`).toBeLessThan(2e-7);
  }
  const stepThere = of.tensors(file);
  for (const [term, weight] of Object.entries(weights)) {
    const preAct = Number(of.options['pre-act'] ?? 0);
    // The pre-activation loss has no switch but its option.
    const silent: TwinParams = preAct > 0 && term !== 'pre_act_loss' ? { ...params, options: { ...params.options, 'pre-act': 0 } } : params;
    const alone = termOf(term, fw, given, preAct);
    const own = tensorsOf(of.arch, gradients(silent, x, alone.given, alone.fw));
    const over = term === 'auxk_loss' ? (weight as number) : alone.over;
    const theirs = labTensors(of, file, `${term}.`);
    for (const name of Object.keys(expected)) {
      if (!trained.includes(stored(name, of))) continue;
      const scaled = (own[name] as Float64Array).map((value) => value / over);
      if (stepThere[`${term}.${stored(name, of)}`] === undefined) {
        expect(
          scaled.every((value) => value === 0),
          `${file} ${term}.${name} should be 0`,
        ).toBe(true);
      } else {
        expect(gradientError(scaled, theirs[name] as Float32Array), `${file} ${term}.${name}`).toBeLessThan(2e-7);
      }
    }
  }
}

describe('training cases of train2', () => {
  it.each(train2Names())('%s', (name) => {
    const of = train2Case(name);
    const { per_step, trained = [] } = of.expected;
    const params = paramsOf(of);
    const trainer = trainerOf(of, params);
    for (const expected of per_step) {
      const x = batchOf(of, expected.step);
      if (expected.step === 0) holdsGradients(of, 'grad0', trainer, params, x);
      if (expected.step === 1 && params.options.auxk !== undefined) holdsGradients(of, 'grad1', trainer, params, x);
      const log = trainer.step(x);
      const ours = figures(log, of);
      for (const [key, value] of Object.entries(expected)) {
        if (DESCRIBES.includes(key)) continue;
        const actual = ours[key];
        expect(actual, `${key} at step ${expected.step}`).toBeDefined();
        expect(relative(actual as number, value as number), `${key} at step ${expected.step}: ${actual} for ${value}`).toBeLessThan(1e-7);
      }
      for (const [g, value] of ((expected.group_losses ?? []) as number[]).entries()) {
        expect(relative(log.group_losses[g] as number, value), `group ${g} at step ${expected.step}`).toBeLessThan(1e-7);
      }
    }
    const [start, final] = [labTensors(of, 'init'), labTensors(of, 'final')];
    for (const [tensor, values] of Object.entries(tensorsOf(of.arch, params))) {
      const [before, after] = [start[tensor] as Float32Array, final[tensor] as Float32Array];
      if (!trained.includes(stored(tensor, of))) {
        expect(Float32Array.from(values), tensor).toEqual(before);
        continue;
      }
      let [off, change] = [0, 0];
      values.forEach((value, j) => {
        off += (value - (after[j] as number)) ** 2;
        change += ((after[j] as number) - (before[j] as number)) ** 2;
      });
      expect(Math.sqrt(off / change), `change of ${tensor}`).toBeLessThan(1e-5);
    }
  });
});
