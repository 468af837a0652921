/** (b) The whole step, gated and baseline: sparse, dense, and the same dense step in TF.js and in jax-js. */
import { type ArchitectureId, REFERENCE, SUBJECT } from '../../src/sae/architectures';
import { type Bar, type Case, type CaseResult, type Context, leftOut, ratio, timeLeft } from '../context';
import { type Contender, measure, type Timing } from '../measure';
import { type OurStep, ourStep } from '../ours';
import type { Peer, PeerStep } from '../peers/peer';
import { makeProblem, type Problem } from '../problem';
import { relativeDifference } from '../stats';

const SIZE = { d: 256, f: 4096, batch: 512, l0: 32 };
const SMALL = { d: 128, f: 1024, batch: 128, l0: 16 };

/** The problem of cases b and c. */
export const stepSize = ({ small }: Context) => (small ? SMALL : SIZE);

/** Learning rate of the steps that are compared. */
const LR = 1e-3;
const TOLERANCE = 1e-3;
const FORMS = ['sparse', 'dense'] as const;
/** What a step may take, in encoder products, and a peer's, in dense steps of ours: for saying in time what there is no time for. */
const PRODUCTS: Record<(typeof FORMS)[number], number> = { sparse: 2, dense: 7 };
const PEER_SLOWNESS = 3;
const COMPILE_MS = 3000;

interface Entry extends Contender {
  knownMs: number;
  arch: ArchitectureId;
  /** How the bars call it. */
  who: string;
}

export const step: Case = async (context) => {
  const { d, f, batch, l0 } = stepSize(context);
  const entries: Entry[] = [];
  const notes: string[] = [`D ${d}, F ${f}, B ${batch}`];
  const skipped: string[] = [];
  const disposals: (() => void)[] = [];
  const problems = [SUBJECT, REFERENCE].map((arch) => ({ arch, problem: makeProblem(arch, d, f, batch, l0) }));
  /** Whether so much can be begun and every contender so far still take its turn. */
  const isTimeFor = (ms: number) => timeLeft(context) > ms + entries.reduce((sum, { knownMs }) => sum + knownMs, 0);
  const missing = (timings: readonly Timing[]) => leftOut(context, [...entries, ...skipped.map((name) => ({ name }))], timings);
  // What every contender took when it was tried.
  context.keep(() => {
    const trials = entries.map(({ name, knownMs: ms }): Timing => ({ name, ms, least: ms, most: ms, samples: 0 }));
    return resultOf(context, entries, trials, [...notes, ...missing(trials)]);
  });
  try {
    for (const { arch, problem } of problems) {
      for (const form of FORMS) {
        const name = `${arch} ${form}, ours`;
        const guessMs = Math.max((PRODUCTS[form] * 2 * batch * d * f) / context.flopsPerMs, entries.at(-1)?.knownMs ?? 0);
        if (!isTimeFor(2 * guessMs)) {
          skipped.push(name);
          continue;
        }
        context.say(`compiling the ${form} ${arch} step`);
        const ours = await ourStep(context, name, problem.x, [problem.weights], { form });
        disposals.push(ours.dispose);
        // One step compiles and tells L0, the next one says how long it takes.
        const [first] = await ours.log();
        if (form === 'sparse') notes.push(`${arch}: mean L0 ${first?.l0.toFixed(1)}`);
        const start = performance.now();
        await ours.run(1);
        entries.push({ ...ours, knownMs: performance.now() - start, arch, who: form });
      }
    }
    for (const { arch, problem } of problems) {
      const [ours, dense] = FORMS.map((form) => entries.find((entry) => entry.arch === arch && entry.who === form)?.knownMs);
      // The figures want the subject's step; a quick run leaves the peers' reference out.
      if ((context.quick && arch === REFERENCE) || context.peers.length === 0 || ours === undefined || dense === undefined) continue;
      const losses = await ourLosses(context, arch, problem);
      for (const peer of context.peers) {
        const name = `${arch} dense, ${peer.name}`;
        if (!isTimeFor(COMPILE_MS + losses.length * PEER_SLOWNESS * dense)) {
          skipped.push(name);
          continue;
        }
        context.say(`checking ${peer.name}'s ${arch} step`);
        const onFailure = (cause: unknown) => context.problem(name, cause);
        try {
          const theirs = await peer.step(arch, problem);
          disposals.push(theirs.dispose);
          const compared = await compare(peer, theirs, losses, context);
          if (!compared) {
            skipped.push(name);
            continue;
          }
          const { difference, ms } = compared;
          notes.push(`${arch}: ${peer.name} agrees with our losses over ${losses.length} steps to ${difference.toExponential(1)}`);
          entries.push({ name, knownMs: ms, run: (times) => repeat(theirs, times), onFailure, arch, who: peer.name });
        } catch (cause) {
          onFailure(cause);
        }
      }
    }
    context.say('timing the steps');
    const timings = await measure(entries, context.effort, context);
    return resultOf(context, entries, timings, [...notes, ...missing(timings)]);
  } finally {
    for (const dispose of disposals) dispose();
  }
};

function resultOf({ peers }: Context, entries: readonly Entry[], timings: Timing[], notes: string[]): CaseResult {
  const gated = `${SUBJECT} sparse, ours`;
  const over = (id: Peer['id']) => {
    const peer = peers.find((one) => one.id === id);
    return peer && ratio(timings, `${SUBJECT} dense, ${peer.name}`, gated);
  };
  const bars = entries.flatMap(({ name, arch, who }): Bar[] => {
    const timing = timings.find((one) => one.name === name);
    return timing ? [{ arch, who, ms: timing.ms }] : [];
  });
  const figures = {
    gated_sparse_over_dense: ratio(timings, gated, `${SUBJECT} dense, ours`),
    baseline_sparse_over_dense: ratio(timings, `${REFERENCE} sparse, ours`, `${REFERENCE} dense, ours`),
    tfjs_over_gated: over('tfjs'),
    jaxjs_over_gated: over('jaxjs'),
  };
  return { title: 'training step', figures, timings, notes, bars };
}

async function repeat(theirs: PeerStep, times: number): Promise<void> {
  for (let i = 0; i < times; i++) theirs.step({ lr: 1e-12, t: 100 });
  await theirs.done();
}

/**
 * Our losses over the first steps.
 * @throws Error when those of the dense form differ (which a quick run leaves to the kernel tests).
 */
async function ourLosses(context: Context, arch: ArchitectureId, problem: Problem): Promise<number[]> {
  const runs: OurStep[] = [];
  const losses: number[][] = [];
  try {
    for (const form of context.quick ? (['sparse'] as const) : FORMS) {
      const ours = await ourStep(context, `${arch} ${form}`, problem.x, [problem.weights], { form, lr: LR });
      runs.push(ours);
      const list: number[] = [];
      for (let i = 0; i < (context.quick ? 2 : 3); i++) list.push((await ours.log())[0]?.loss ?? Number.NaN);
      losses.push(list);
    }
  } finally {
    for (const run of runs) run.dispose();
  }
  const [sparse, dense] = losses as [number[], number[]?];
  const difference = Math.max(0, ...(dense ?? []).map((loss, i) => relativeDifference(loss, sparse[i] as number)));
  if (!(difference <= TOLERANCE)) throw new Error(`${arch}: our dense and sparse losses differ by ${difference}`);
  return sparse;
}

/**
 * Takes the same steps with a peer. Nothing when the time does not suffice for all of them.
 * @throws Error when a loss differs: the first says that the forward pass is the same, the next ones that gradients and Adam are.
 */
async function compare(
  peer: Peer,
  theirs: PeerStep,
  losses: readonly number[],
  context: Context,
): Promise<{ difference: number; ms: number } | undefined> {
  let difference = 0;
  let ms = 0;
  for (const [i, ours] of losses.entries()) {
    if (i > 0 && timeLeft(context) < (losses.length - i) * ms) return undefined;
    const start = performance.now();
    theirs.step({ lr: LR, t: i + 1 });
    await theirs.done();
    ms = performance.now() - start;
    const loss = await theirs.loss();
    const relative = relativeDifference(ours, loss);
    if (!(relative <= TOLERANCE)) throw new Error(`${peer.name}: loss of step ${i} is ${loss}, ours ${ours}`);
    difference = Math.max(difference, relative);
  }
  return { difference, ms };
}
