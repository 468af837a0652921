/** A run's entry in the run table of a segment (`Run` of common.wgsl): its place, what its architecture and options say, and the values of a step. */
import { architecture, type Traits } from './architectures';
import { FLAG, RUN } from './kernels';
import { clip, type PlacedRun, type Segment } from './layout';

/** What a step, or an evaluation, tells of a run. */
export interface RunStep {
  live: boolean;
  lr: number;
  lambda: number;
  /** Steps done before this one. */
  step: number;
  beta1: number;
  beta2: number;
  eps: number;
  /** Greatest norm of all gradients together; 0: no clipping. */
  clip: number;
  /** Values of the options as the kernels see them (`optionValues`). */
  options: readonly number[];
  /** Latents that a selection keeps a row. */
  k?: number;
  /** Exponent of an annealed penalty, the next one, whether it changes after this step, and the steps over which the coefficient is formed. */
  anneal?: { power: number; next: number; changes: boolean; queue: number };
  /** Inference: no nesting, no path to the error, and no selection where a threshold decides. */
  evaluates?: boolean;
}

function flagsOf(traits: Traits, vectors: readonly string[], evaluates: boolean): number {
  const auxiliary = traits.aux !== 'none' && !(evaluates && traits.aux === 'error');
  const selects = evaluates && traits.inference?.by === 'threshold' ? 'none' : traits.selects;
  const set: [number, boolean][] = [
    [FLAG.aux, auxiliary],
    [FLAG.auxTrained, auxiliary && traits.aux !== 'frozen'],
    [FLAG.auxError, auxiliary && traits.aux === 'error'],
    [FLAG.unit, traits.decoder === 'unit'],
    [FLAG.preBias, traits.preBias],
    [FLAG.norms, traits.norms],
    [FLAG.fires, traits.firesWhereTouched],
    [FLAG.fixedEnc, traits.fixed.includes('W_enc')],
    [FLAG.fixedDec, traits.fixed.includes('W_dec')],
    [FLAG.fixedBias, traits.fixed.includes('b_dec')],
    ...vectors.map((name, k): [number, boolean] => [FLAG.fixedVectors[k] as number, traits.fixed.includes(name)]),
    [FLAG.selectsRow, selects === 'row'],
    [FLAG.selectsBatch, selects === 'batch'],
    [FLAG.evaluates, evaluates],
    [FLAG.anneals, traits.settles === 'anneal'],
  ];
  return set.reduce((flags, [bit, on]) => (on ? flags | bit : flags), 0);
}

/** Eight numbers as two vec4s; what is missing is the last one. */
const eight = (values: readonly number[]): [number[], number[]] => {
  const all = Array.from({ length: 8 }, (_, k) => values[Math.min(k, values.length - 1)] ?? 0);
  return [all.slice(0, 4), all.slice(4)];
};

/** Of f32. */
const LARGEST = 3.4e38;

/** Writes the entry of one run into a run table. @param segment which holds a part of its latents, or none. */
export function writeRun(table: ArrayBuffer, r: number, place: PlacedRun, segment: Segment, now: RunStep): void {
  const { code, vectors } = architecture(place.arch);
  const { traits, prefixes } = place;
  const evaluates = now.evaluates === true;
  const t = now.step + 1;
  const [ends, more_ends] = eight(prefixes.map(({ end }) => end));
  const [weights, more_weights] = eight(prefixes.map(({ weight }) => weight));
  RUN.packInto(table, r * RUN.size, {
    ...clip(place, segment),
    arch: code,
    live: now.live ? 1 : 0,
    lambda: now.lambda,
    lr: now.lr,
    correction1: 1 / (1 - now.beta1 ** t),
    correction2: 1 / (1 - now.beta2 ** t),
    beta1: now.beta1,
    beta2: now.beta2,
    eps: now.eps,
    main_slot: place.mainSlot,
    aux_slot: place.auxSlot,
    flags: flagsOf(
      traits,
      vectors.map(({ name }) => name),
      evaluates,
    ),
    mate: place.mate,
    clip: 1,
    clip_norm: now.clip,
    aux_weight: traits.auxK?.coefficient ?? 1,
    threshold: -1,
    power: now.anneal?.power ?? 1,
    next_power: now.anneal?.next ?? 1,
    parts: evaluates ? 1 : Math.max(1, prefixes.length),
    k: now.k ?? 0,
    step: now.step,
    anneal: now.anneal?.changes ? 1 : 0,
    queue: Math.max(1, now.anneal?.queue ?? 1),
    target_l0: typeof traits.settles === 'object' ? traits.settles.targetL0 : 0,
    scores: place.scores,
    k_aux: traits.auxK?.k ?? 0,
    // Without a loss on them no latent is dead.
    dead_after: traits.auxK?.deadAfter ?? LARGEST,
    decay: traits.inference?.decay ?? 0,
    start: traits.inference?.start ?? 0,
    options: now.options.slice(0, 4),
    more: now.options.slice(4, 8),
    ends,
    more_ends,
    weights,
    more_weights,
  });
}
