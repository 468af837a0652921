/** Passes that training and evaluation share: correction, encoder, decoder, statistics. Long ones are cut into slices. */
import { matmulGrid } from '../../gpu/matmul';
import { fold } from '../../gpu/plan';
import { MAX_BATCH } from '../bounds';
import { WALK_COST } from '../layout';
import { slices } from '../slices';
import type { Dispatch, StepContext } from './context';

/** Workgroups of `size` that n items take. */
export const up = (n: number, size: number): number => Math.ceil(n / size);

/** What each run's b_dec lacks of the mean: c, a latent. */
export const correction = (c: StepContext): Dispatch[] =>
  c.segments.map((segment) =>
    c.dispatch('sae/correction', fold(up(segment.count, 64)), {}, { segment, flops: c.product(1, segment.count) }),
  );

/** x to the active set. */
export const encode = (c: StepContext, rows: number): Dispatch[] =>
  c.segments.flatMap((segment) =>
    slices(c.layout, segment.count, c.product(rows, segment.count), Math.max(32, c.variant.tileColumns)).map(({ from, count }) =>
      c.dispatch(
        c.halfX ? 'sae/encode_x16' : 'sae/encode_x32',
        matmulGrid(c.variant, rows, count),
        { rows, from_latent: from, to_latent: from + count },
        { segment, core: c.variant, flops: c.product(rows, count) },
      ),
    ),
  );

/** The active set to residuals and statistics. @param density expected share of active latents, for the time bound. */
export const decode = (c: StepContext, rows: number, density: number): Dispatch[] =>
  c.segments.flatMap((segment) => {
    const flops = c.product(rows, segment.count) * density * 3 * WALK_COST;
    return slices(c.layout, rows, flops, 1, MAX_BATCH).map(({ from, count }) =>
      c.dispatch(
        c.layout.registers ? 'sae/processor/decode' : 'sae/decode',
        [count, c.layout.runs.length, c.layout.chunks],
        { from_row: from },
        { segment, flops: (flops * count) / rows },
      ),
    );
  });

/** Statistics of `rows` rows to sums. */
export const reduceStats = (c: StepContext, rows: number): Dispatch => c.dispatch('sae/reduce_stats', [c.layout.runs.length], { rows });
