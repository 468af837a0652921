/** Step after step: what a run keeps beside its weights (an annealed penalty's coefficient, dead latents, the threshold of inference). */
import { type AdamSettings, adamStep, type TwinMoments, zeroMoments } from './adam';
import { forward } from './forward';
import { gradients } from './gradients';
import { loss, type TwinLoss } from './loss';
import { type TwinMoment, type TwinParams, traitsOfTwin } from './params';

/** After step at[i] the exponent is powers[i]; the coefficient keeps the penalty of the last `queue` steps the same. */
export interface TwinAnneal {
  at: readonly number[];
  powers: readonly number[];
  queue: number;
}

export interface TwinRunOptions {
  /** Of step t, counted from 0. */
  lr(t: number): number;
  lambda?(t: number): number;
  /** Of a selection: latents kept a row. */
  k?: number;
  optimiser: Omit<AdamSettings, 'lr'>;
  anneal?: TwinAnneal;
}

export interface TwinLog extends TwinLoss {
  lr: number;
  /** As the loss used it. */
  lambda: number;
  power: number;
  /** Factor on lambda that annealing has come to. */
  coefficient: number;
  gradNorm: number;
  clipFactor: number;
  dead: number;
  kAux: number;
  /** After this batch; -1 before there is one. */
  threshold: number;
}

export class TwinTrainer {
  private readonly moments: TwinMoments;
  private since: Float64Array;
  private threshold = -1;
  private coefficient = 1;
  private power = 1;
  private updates = 0;
  private readonly pairs: [number, number][] = [];
  private t = 0;

  /** @param params changed in place. */
  constructor(
    readonly params: TwinParams,
    private readonly run: TwinRunOptions,
  ) {
    this.moments = zeroMoments(params);
    this.since = new Float64Array(params.f);
  }

  /** The exponent after the next change; the last one stays, and before the first change there is none: it leaves the coefficient alone. */
  private get nextPower(): number | undefined {
    const { powers = [] } = this.run.anneal ?? {};
    return this.updates === 0 ? undefined : powers[Math.min(this.updates, powers.length - 1)];
  }

  /** What the step knows beside parameters and rows. */
  moment(): TwinMoment {
    return {
      lambda: (this.run.lambda?.(this.t) ?? 0) * this.coefficient,
      power: this.power,
      nextPower: this.nextPower ?? this.power,
      threshold: this.threshold,
      evaluates: false,
      k: this.run.k ?? this.params.f,
      since: this.since,
    };
  }

  /** One step on the rows `[B, D]`. */
  step(x: Float64Array): TwinLog {
    const { params, run } = this;
    const given = this.moment();
    const fw = forward(params, x, given);
    const terms = loss(params, x, given, fw);
    const lr = run.lr(this.t);
    const update = adamStep(params, gradients(params, x, given, fw), this.moments, this.t + 1, { ...run.optimiser, lr });
    const log = { lr, lambda: given.lambda, power: this.power, coefficient: this.coefficient, ...terms, ...update };
    if (run.anneal) this.anneal(run.anneal, terms);
    if (fw.selection) {
      this.since = fw.selection.since;
      this.follow(fw.selection.least);
    }
    this.t++;
    const dead = fw.selection?.dead.filter(Boolean).length ?? 0;
    return { ...log, dead, kAux: fw.selection?.kAux ?? 0, threshold: this.threshold };
  }

  /** dictionary_learning's p-annealing: the penalties at p and at the next p of the last steps say what keeps the term's size at a change. */
  private anneal({ at, powers, queue }: TwinAnneal, { sparsity_loss, extra_loss }: TwinLoss): void {
    const next = this.nextPower;
    if (next !== undefined) this.pairs.push([sparsity_loss, extra_loss]);
    if (this.pairs.length > queue) this.pairs.shift();
    if (this.t !== at[this.updates]) return;
    if (next !== undefined) {
      const [own, others] = [0, 1].map((k) => this.pairs.reduce((sum, pair) => sum + (pair[k] as number), 0)) as [number, number];
      this.coefficient *= own / others;
    }
    this.power = powers[this.updates] as number;
    this.updates++;
  }

  /** The moving average of the least kept activation. */
  private follow(least: number): void {
    const { inference } = traitsOfTwin(this.params);
    if (!inference || !(this.t > inference.start) || !Number.isFinite(least)) return;
    this.threshold = this.threshold < 0 ? least : inference.decay * this.threshold + (1 - inference.decay) * least;
  }
}
