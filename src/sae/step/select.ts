/**
 * Selections (TopK, BatchTopK and their kin): which of the scores that the encoder kept stay in the active set. What each kernel does is said in its
 * WGSL file (shaders/sae/select). Runs that select nothing are skipped by all of them.
 */
import { fold } from '../../gpu/plan';
import type { Layout } from '../layout';
import type { Dispatch, StepContext } from './context';
import { up } from './shared';

/** What the runs of a sweep need of it. */
export interface Selections {
  /** Some run keeps the k largest of each row. */
  row: boolean;
  /** Some run keeps the B·k largest of a batch. */
  batch: boolean;
  /** Some run has an auxiliary loss on dead latents. */
  dead: boolean;
}

export const selectionsOf = ({ runs }: Layout): Selections => ({
  row: runs.some(({ traits }) => traits.selects === 'row'),
  batch: runs.some(({ traits }) => traits.selects === 'batch'),
  dead: runs.some(({ traits }) => traits.aux === 'error'),
});

/** Invocations that walk a row group's words: a software device pays for every one that waits at a barrier. */
const invocations = (c: StepContext): number => (c.layout.sumLanes === 1 ? 8 : 64);

/** Before the encoder, once x is there: above which score each row's candidates lie. */
export const floors = (c: StepContext, rows: number): Dispatch[] => [
  c.dispatch('sae/select/floors', [up(rows, 4)], { rows, lanes: invocations(c), INVOCATIONS: invocations(c) }),
];

/** After the encoder: of each row the k largest, for training and for evaluation. */
export const selectRows = (c: StepContext, rows: number, DEAD = 0): Dispatch[] =>
  c.segments.map((segment) =>
    c.dispatch('sae/select/rows', [up(rows, 4), c.layout.runs.length], { DEAD, INVOCATIONS: invocations(c) }, { segment }),
  );

/** All of a training step's, after the encoder: the kept, the dead latents, the threshold of inference, and what AuxK decodes. */
export function select(c: StepContext, { row, batch, dead }: Selections = selectionsOf(c.layout)): Dispatch[] {
  const { batch: B, runs } = c.layout;
  const INVOCATIONS = invocations(c);
  return [
    ...(row ? selectRows(c, B) : []),
    ...(batch ? selectBatch(c) : []),
    ...c.segments.map((segment) => c.dispatch('sae/select/dead', fold(up(segment.count / 4, INVOCATIONS)), { INVOCATIONS }, { segment })),
    c.dispatch('sae/select/note', [runs.length], { lanes: INVOCATIONS, INVOCATIONS }),
    ...(dead ? selectRows(c, B, 1) : []),
  ];
}

/** Rounds of 11, 10 and 10 bits. */
const ROUNDS = [0, 1, 2];

function selectBatch(c: StepContext): Dispatch[] {
  const R = c.layout.runs.length;
  const INVOCATIONS = invocations(c);
  const grid = [c.layout.rowGroups, R] as const;
  const count = (round: number, REFILL: number) =>
    c.segments.map((segment) => c.dispatch('sae/select/batch_count', grid, { round, REFILL, INVOCATIONS }, { segment }));
  const pick = (round: number, REFILL: number) => c.dispatch('sae/select/batch_pick', [R], { round, REFILL });
  return [
    ...ROUNDS.flatMap((round) => [
      ...count(round, 0),
      pick(round, 0),
      // Runs with too few candidates above their floor begin again.
      ...(round === 0 ? [...count(0, 1), pick(0, 1)] : []),
    ]),
    ...c.segments.map((segment) => c.dispatch('sae/select/batch_ties', grid, { INVOCATIONS }, { segment })),
    ...c.segments.map((segment) => c.dispatch('sae/select/batch_apply', grid, { INVOCATIONS }, { segment })),
  ];
}
