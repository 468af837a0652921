/** A fixture's schedules are told in words ("lr(t) = lr*min(t/4, 1) up to t = 8, then lr*(12-t)/3; t is 0-based"); here they become the lab's. */
import type { Schedule } from '../../sae/schedules';

interface Told {
  steps: number;
  lr: number;
  lr_schedule?: string;
  /** The first set of fixtures says warm-ups as numbers. */
  lr_warmup_steps?: number;
  lambda?: number;
  lambda_schedule?: string;
  lambda_warmup_steps?: number;
}

/** @throws Error quoting a schedule in words that are not known. */
export function scheduleOf(e: Told, knob: number): Schedule {
  const lr = e.lr_schedule === undefined ? { warmup: e.lr_warmup_steps ?? 0, decay: 0 } : learningRate(e.lr_schedule, e.steps);
  const lambdaWarmup = e.lambda_schedule === undefined ? (e.lambda_warmup_steps ?? 0) : lambda(e.lambda_schedule);
  return { steps: e.steps, lr: e.lr, lrWarmup: lr.warmup, lrDecay: lr.decay, lambda: knob, lambdaWarmup };
}

function learningRate(words: string, steps: number): { warmup: number; decay: number } {
  const [, warmup, plain, last, by] =
    /^lr\(t\) = lr(?:\*min\(t\/(\d+), 1\))?(?:( up to t = \d+), then lr\*\((\d+)-t\)\/(\d+))?; t is 0-based$/.exec(words) ?? [];
  const known = warmup !== undefined || plain !== undefined || words === 'lr(t) = lr; t is 0-based';
  if (!known || (last !== undefined && Number(last) !== steps))
    throw new Error(`lr_schedule: "${words}" is not a schedule that is known here`);
  return { warmup: Number(warmup ?? 0), decay: Number(by ?? 0) / steps };
}

function lambda(words: string): number {
  const [, warmup, whole] = /^lambda\(t\) = lambda(?:\*min\(t\/(\d+), 1\)|\*t\/(\d+) \(linear over the whole run\))?$/.exec(words) ?? [];
  if (!words.startsWith('lambda(t) = lambda') || (words !== 'lambda(t) = lambda' && warmup === undefined && whole === undefined))
    throw new Error(`lambda_schedule: "${words}" is not a schedule that is known here`);
  return Number(warmup ?? whole ?? 0);
}
