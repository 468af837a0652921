/** The dispatches of one training step, in order. What each does is said in its WGSL file; the whole in docs/architecture.md. */
import { fold } from '../../gpu/plan';
import { LATENT_GROUP, type StepForm, WALK_COST } from '../layout';
import { slices } from '../slices';
import type { Dispatch, StepContext } from './context';
import { type DenseStep, denseStep } from './dense';
import { floors, select } from './select';
import { correction, decode, encode, reduceStats, up } from './shared';

/**
 * Share of active latents above which the dense form is taken where there is one. By count of operations both meet at 12/16 of the
 * latents of a Gated SAE; the sparse form's walks reach about a fifth of the products' speed (docs/performance.md).
 */
export const DENSE_SHARE = 1 / 8;
/** Share of active latents assumed when estimating the time of a dispatch where there is no dense form: half fire at initialisation. */
const INITIAL_DENSITY = 0.5;

export interface TrainOptions {
  /** Rows of the data, `[capacity, 4·quads]`. */
  pool: GPUBuffer;
  scale: number;
  form: StepForm;
}

export function trainStep(c: StepContext, { pool, scale, form }: TrainOptions): Dispatch[] {
  const { layout: l } = c;
  const { batch: B, quads: Q } = l;
  const R = l.runs.length;
  const sparse = form !== 'dense';
  const { choice, forward, backward, measure, update } =
    !l.dense || form === 'sparse' ? NO_DENSE : sparse ? chosen(c, denseStep(c)) : { choice: [], ...denseStep(c) };
  const density = forward.length > 0 ? DENSE_SHARE : INITIAL_DENSITY;
  return [
    c.dispatch('sae/gather', fold(up(B * Q, 64)), { scale }, { bind: { pool } }),
    ...correction(c),
    ...(l.uses.selects ? floors(c, B) : []),
    // A selection needs the active set in either form: it clears bits of it, which is all that either sees.
    ...(sparse || l.uses.selects ? encode(c, B) : []),
    ...(l.uses.selects ? select(c) : []),
    ...choice,
    ...(sparse ? decode(c, B, density) : []),
    ...forward,
    reduceStats(c, B),
    c.dispatch('sae/grad_b_dec_decoder', [up(Q, 16), R], { scale: 2 / B }),
    ...(l.uses.settles ? c.segments.map((segment) => c.dispatch('sae/settle', [1], {}, { segment })) : []),
    ...backward,
    ...measure,
    ...(l.uses.clips ? clipping(c, density, sparse) : []),
    ...update,
    ...(sparse ? [...latentUpdate(c, density), ...gradBDecEncoder(c, 0)] : []),
    ...(l.uses.frequencies ? c.segments.map((segment) => c.dispatch('sae/frequencies', [R], {}, { segment })) : []),
    c.dispatch('sae/adam_b_dec', [up(Q, 64), R], {}),
  ];
}

/** Norms of all gradients of the runs that are clipped, before anything is updated, and from them the factor on those gradients. */
const clipping = (c: StepContext, density: number, sparse: boolean): Dispatch[] => [
  ...(sparse ? [...latentUpdate(c, density, 1), ...gradBDecEncoder(c, 1)] : []),
  ...c.segments.map((segment) => c.dispatch('sae/clip_sum', [c.layout.runs.length], {}, { segment })),
  ...c.segments.map((segment) => c.dispatch('sae/clip', [1], {}, { segment })),
];

/** The sparse form's backward pass and optimiser, latent by latent: gradients are never stored. @param MEASURE 1: their norms alone. */
const latentUpdate = (c: StepContext, density: number, MEASURE = 0): Dispatch[] =>
  c.segments.flatMap((segment) => {
    const groups = segment.count / LATENT_GROUP;
    const flops = c.product(c.layout.batch, segment.count) * density * 5 * WALK_COST + 30 * segment.count * c.layout.d;
    return slices(c.layout, groups, flops).map(({ from, count }) =>
      c.dispatch(
        c.layout.registers ? 'sae/processor/latent_update' : 'sae/latent_update',
        fold(count),
        { from_group: from, to_group: from + count, MEASURE },
        { segment, flops: (flops * count) / groups },
      ),
    );
  });

/** What `latentUpdate` left of each group of latents, into the gradient of b_dec. */
const gradBDecEncoder = (c: StepContext, clipped: 0 | 1): Dispatch[] =>
  c.segments.map((segment) =>
    c.dispatch('sae/grad_b_dec_encoder', [up(c.layout.quads, 16), c.layout.runs.length], { clipped }, { segment }),
  );

const NO_DENSE = { choice: [], forward: [], backward: [], measure: [], update: [] };

/** Where there is a choice: the active set is counted, and the GPU sets the dense form's grids, to nothing when no run takes it. */
function chosen(c: StepContext, { forward, backward, measure, update }: DenseStep): DenseStep & { choice: Dispatch[] } {
  const all = [...forward, ...backward, ...measure, ...update];
  const grids = c.arena.upload('grids', Uint32Array.from(all.flatMap(({ grid: [x, y = 1, z = 1] }) => [x, y, z])));
  const grids_now = c.arena.indirect('gridsNow', all.length * 12);
  const indirect = (part: Dispatch[]) => part.map((one) => ({ ...one, at: { buffer: grids_now, offset: 12 * all.indexOf(one) } }));
  return {
    choice: [
      c.dispatch('sae/count', [c.layout.rowGroups, c.layout.runs.length], {}),
      c.dispatch('sae/choose', [1], { dispatches: all.length, share: DENSE_SHARE }, { bind: { grids, grids_now } }),
    ],
    forward: indirect(forward),
    backward: indirect(backward),
    measure: indirect(measure),
    update: indirect(update),
  };
}
