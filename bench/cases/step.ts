/** (b) The whole step, gated and baseline: sparse, dense, and the same dense step in TF.js and in jax-js. */
import type { ArchitectureId } from '../../src/sae/architectures';
import { type Case, type Context, ratio } from '../context';
import { type Contender, measure } from '../measure';
import { type OurStep, ourStep } from '../ours';
import type { Peer, PeerStep } from '../peers/peer';
import { makeProblem, type Problem } from '../problem';
import { relativeDifference } from '../stats';

export const SIZE = { d: 256, f: 4096, batch: 512, l0: 32 };
/** Learning rate of the steps that are compared. */
const LR = 1e-3;
const TOLERANCE = 1e-3;

export const step: Case = async (context) => {
  const { d, f, batch, l0 } = SIZE;
  const contenders: Contender[] = [];
  const notes: string[] = [`D ${d}, F ${f}, B ${batch}`];
  const disposals: (() => void)[] = [];
  try {
    for (const arch of ['gated', 'baseline'] as const) {
      const problem = makeProblem(arch, d, f, batch, l0);
      for (const form of ['sparse', 'dense'] as const) {
        const ours = await ourStep(context, `${arch} ${form}, ours`, problem.x, [problem.weights], { form });
        disposals.push(ours.dispose);
        // One step compiles and tells L0, the next one says how long it takes.
        const [first] = await ours.log();
        if (form === 'sparse') notes.push(`${arch}: mean L0 ${first?.l0.toFixed(1)}`);
        const start = performance.now();
        await ours.run(1);
        contenders.push({ ...ours, knownMs: performance.now() - start });
      }
      // The figures want the gated step; a quick run leaves the peers' baseline out.
      if (context.quick && arch === 'baseline') continue;
      const { dense, losses } = await ourLosses(context, arch, problem);
      if (dense > TOLERANCE) throw new Error(`${arch}: our dense and sparse losses differ by ${dense}`);
      for (const peer of context.peers) {
        context.say(`checking ${peer.name}'s ${arch} step`);
        const theirs = await peer.step(arch, problem);
        disposals.push(theirs.dispose);
        const { difference, ms } = await compare(peer, theirs, losses);
        notes.push(`${arch}: ${peer.name} agrees with our losses over ${losses.length} steps to ${difference.toExponential(1)}`);
        contenders.push({ name: `${arch} dense, ${peer.name}`, knownMs: ms, run: (times) => repeat(theirs, times) });
      }
    }
    context.say('timing the steps');
    const timings = await measure(contenders, context.effort);
    const gated = 'gated sparse, ours';
    const over = (id: Peer['id']) => {
      const peer = context.peers.find((one) => one.id === id);
      return peer && ratio(timings, `gated dense, ${peer.name}`, gated);
    };
    return {
      title: 'b  training step',
      figures: {
        gated_sparse_over_dense: ratio(timings, gated, 'gated dense, ours'),
        baseline_sparse_over_dense: ratio(timings, 'baseline sparse, ours', 'baseline dense, ours'),
        tfjs_over_gated: over('tfjs'),
        jaxjs_over_gated: over('jaxjs'),
      },
      timings,
      notes,
    };
  } finally {
    for (const dispose of disposals) dispose();
  }
};

async function repeat(theirs: PeerStep, times: number): Promise<void> {
  for (let i = 0; i < times; i++) theirs.step({ lr: 1e-12, t: 100 });
  await theirs.done();
}

/** Our losses over the first steps, and by how much those of the dense form differ. */
async function ourLosses(context: Context, arch: ArchitectureId, problem: Problem): Promise<{ dense: number; losses: number[] }> {
  const runs: OurStep[] = [];
  const losses: number[][] = [];
  try {
    for (const form of ['sparse', 'dense'] as const) {
      const ours = await ourStep(context, `${arch} ${form}`, problem.x, [problem.weights], { form, lr: LR });
      runs.push(ours);
      const list: number[] = [];
      for (let i = 0; i < (context.quick ? 2 : 3); i++) list.push((await ours.log())[0]?.loss ?? Number.NaN);
      losses.push(list);
    }
  } finally {
    for (const run of runs) run.dispose();
  }
  const [sparse, dense] = losses as [number[], number[]];
  return { losses: sparse, dense: Math.max(...sparse.map((loss, i) => relativeDifference(loss, dense[i] as number))) };
}

/**
 * Takes the same steps with a peer.
 * @throws Error when a loss differs: the first says that the forward pass is the same, the next ones that gradients and Adam are.
 */
async function compare(peer: Peer, theirs: PeerStep, losses: readonly number[]): Promise<{ difference: number; ms: number }> {
  let difference = 0;
  let ms = 0;
  for (const [i, ours] of losses.entries()) {
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
