/**
 * Which runs may be compared: those of one set, which agree in what they were trained and measured on; of these, the ones that are equally
 * far, with a sensible value. Everything else is left out with a reason that can be said. Page and command line ask here.
 */
import type { RunSummary } from '../lab/protocol';
import { count } from '../util/numbers';
import type { ParetoPoint } from './pareto';
import { isSensible, type Quality, qualityOf } from './quality';

/** What is asked of a run. */
export type Comparable = Pick<
  RunSummary,
  | 'id'
  | 'name'
  | 'arch'
  | 'arm'
  | 'dSae'
  | 'seed'
  | 'state'
  | 'message'
  | 'step'
  | 'steps'
  | 'evaluatedAt'
  | 'metrics'
  | 'data'
  | 'identity'
>;

const short = (sha256: string): string => sha256.slice(0, 7);

/** What runs of a set share: the fact, and how a set that differs in it is told apart. */
const CONDITIONS: readonly { of: (run: Comparable) => string | undefined; words: (run: Comparable) => string }[] = [
  { of: ({ identity, data }) => identity.rows ?? data, words: ({ identity }) => `rows ${short(identity.rows ?? 'of unknown origin')}` },
  { of: ({ identity }) => identity.filter, words: ({ identity }) => identity.filter || 'all rows' },
  { of: ({ identity }) => identity.hook, words: ({ identity }) => (identity.hook ? `hook ${identity.hook}` : 'hook not known') },
  {
    of: ({ identity }) => identity.model,
    words: ({ identity }) => (identity.model ? `model ${short(identity.model)}` : 'no language model'),
  },
  {
    of: ({ identity }) => identity.evaluation,
    words: ({ identity }) => (identity.evaluation ? `evaluated on ${short(identity.evaluation)}` : 'nothing held out'),
  },
  { of: ({ identity }) => identity.normalize, words: ({ identity }) => `normalize ${identity.normalize}` },
];

export interface RunSet<R> {
  key: string;
  runs: R[];
}

/** The runs by what they share, each set in the order of its runs, the set with the newest run last. */
export function runSets<R extends Comparable>(runs: readonly R[]): RunSet<R>[] {
  const sets = new Map<string, RunSet<R>>();
  for (const run of runs) {
    const key = JSON.stringify(CONDITIONS.map(({ of }) => of(run) ?? null));
    const set = sets.get(key) ?? { key, runs: [] };
    set.runs.push(run);
    sets.delete(key);
    sets.set(key, set);
  }
  return [...sets.values()];
}

/** What tells a run's set from another run's: the first one's facts where they differ; empty when they may be compared. */
export const differences = (a: Comparable, b: Comparable): string[] =>
  CONDITIONS.filter(({ of }) => of(a) !== of(b)).map(({ words }) => words(a));

/** Why a run of the set is not compared. */
export type Reason = 'unmeasured' | 'failed' | 'unevaluated' | 'unreliable' | 'silent' | 'outside' | 'length';

export interface LeftOut<R> {
  run: R;
  reason: Reason;
  /** A clause after "not compared:". */
  why: string;
}

export interface Comparison<R> {
  quality: Quality;
  /** All runs of the set. */
  runs: readonly R[];
  /** Those that are compared; `quality` times `better`, so that more is better. */
  points: (ParetoPoint & { run: R })[];
  left: LeftOut<R>[];
}

const measured = (quality: Quality, run: Comparable): number | undefined => run.metrics && qualityOf(quality, run.metrics);

/** Why a run cannot be compared, however far it has come; undefined when it can. */
function obstacle<R extends Comparable>(run: R, quality: Quality): Omit<LeftOut<R>, 'run'> | undefined {
  if (run.state === 'failed') return { reason: 'failed', why: 'failed' };
  const { metrics } = run;
  if (!metrics) return { reason: 'unevaluated', why: 'not evaluated yet' };
  const value = measured(quality, run);
  if (quality.id === 'recovered' && metrics.loss_recovered_unreliable !== undefined)
    return { reason: 'unreliable', why: metrics.loss_recovered_unreliable };
  if (value === undefined) return { reason: 'unmeasured', why: quality.id === 'recovered' ? 'no measured loss' : `no ${quality.short}` };
  if (!(metrics.l0 > 0)) return { reason: 'silent', why: 'no latent fires' };
  const [lo, hi] = quality.sensible;
  if (!isSensible(quality, value))
    return { reason: 'outside', why: `${quality.name} ${value.toPrecision(3).replace('-', '−')} lies outside ${lo} to ${hi}` };
  return undefined;
}

/** How far a run is: its last step when it has done them all, else where it was measured. */
const lengthOf = (run: Comparable): number => (run.state === 'done' ? run.steps : (run.evaluatedAt ?? run.step));

/**
 * The runs that are equally far: the finished ones with those measured at the same step, or those measured at one and the same step,
 * whichever are more. Of equally many, the finished ones, then the newest.
 */
function equallyFar<R extends Comparable>(runs: readonly R[]): readonly R[] {
  const finished = runs.filter(({ state }) => state === 'done');
  const lengths = new Set(finished.map(lengthOf));
  const groups = [...new Set(runs.map(lengthOf))].map((length) => runs.filter((run) => lengthOf(run) === length)).reverse();
  if (finished.length > 0) {
    const sure = runs.filter((run) => run.state === 'done' || (lengths.size === 1 && lengths.has(lengthOf(run))));
    groups.unshift(sure);
  }
  return groups.reduce((best, group) => (group.length > best.length ? group : best), [] as readonly R[]);
}

function progress(run: Comparable): string {
  const at = `step ${count(lengthOf(run))}`;
  if (run.state === 'done') return `finished at ${at}`;
  if (run.state === 'training' || run.state === 'paused' || run.state === 'queued') return `still training, at ${at}`;
  return `${run.state} at ${at}`;
}

/** @param runs of one set. */
export function compare<R extends Comparable>(runs: readonly R[], quality: Quality): Comparison<R> {
  const left: LeftOut<R>[] = [];
  const able: R[] = [];
  for (const run of runs) {
    const found = obstacle(run, quality);
    if (found) left.push({ run, ...found });
    else able.push(run);
  }
  const chosen = new Set(equallyFar(able));
  for (const run of able) if (!chosen.has(run)) left.push({ run, reason: 'length', why: progress(run) });
  const sign = quality.better < 0 ? -1 : 1;
  const points = able
    .filter((run) => chosen.has(run))
    .map((run) => ({
      run,
      arch: run.arch,
      arm: run.arm,
      width: run.dSae,
      seed: run.seed,
      l0: run.metrics?.l0 as number,
      quality: sign * (measured(quality, run) as number),
    }));
  return { quality, runs, points, left };
}

/** Which runs are compared, in words; empty without any. */
export function comparedWords({ points }: Comparison<Comparable>): string {
  const runs = points.map(({ run }) => run);
  const [first] = runs;
  if (!first) return '';
  const lengths = runs.map(lengthOf);
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  const steps = least === most ? `${count(most)} steps` : `${count(least)} to ${count(most)} steps`;
  const all = runs.every(({ state }) => state === 'done') ? 'finished ' : '';
  const measured = first.metrics ? ` and measured on ${count(first.metrics.tokens)} held-out rows` : '';
  return `Compared: ${runs.length} ${all}${runs.length === 1 ? 'run' : 'runs'} ${all ? 'of' : 'after'} ${steps}, trained on ${first.data}${measured}.`;
}

const named = (runs: readonly Comparable[]): string =>
  runs.length <= 2 ? runs.map(({ name }) => name).join(' and ') : `${runs.length} runs`;

/** What was left out and why, in at most two sentences. */
export function leftOutWords({ left, quality }: Comparison<Comparable>): string[] {
  const groups = new Map<string, LeftOut<Comparable>[]>();
  for (const one of left) {
    // Values and steps of many runs are not listed one by one.
    const key = one.reason === 'length' ? `length ${one.run.state}` : one.reason;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const unmeasured = quality.id === 'recovered' ? (groups.get('unmeasured')?.length ?? 0) : 0;
  if (unmeasured > 0) groups.delete('unmeasured');
  const clauses = [...groups.values()].map((group) => {
    const runs = group.map(({ run }) => run);
    const [{ reason, why }] = group as [LeftOut<Comparable>];
    const same = group.every((one) => one.why === why);
    const reasons = same ? why : group.length <= 2 ? group.map((one) => one.why).join('; ') : manyWords(reason, quality, runs);
    return `${named(runs)} (${reasons})`;
  });
  return [
    ...(clauses.length > 0 ? [`Not compared: ${clauses.join(', ')}.`] : []),
    ...(unmeasured === 1 ? ['1 run has no measured loss and is not shown; switch to R² to see all.'] : []),
    ...(unmeasured > 1 ? [`${unmeasured} runs have no measured loss and are not shown; switch to R² to see all.`] : []),
  ];
}

function manyWords(reason: Reason, quality: Quality, runs: readonly Comparable[]): string {
  if (reason === 'outside') return `${quality.short} outside ${quality.sensible[0]} to ${quality.sensible[1]}`;
  if (reason !== 'length') return reason;
  const steps = runs.map(lengthOf);
  return `${runs[0]?.state ?? ''} at step ${count(Math.min(...steps))} to ${count(Math.max(...steps))}`;
}
