/** Runs that start from trained ones: what they take of them, and what becomes of them where those do not get there. */
import { type ArchitectureId, architecture, traitsOfRun } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import type { RunState } from './protocol';

/** What of a run is asked here. */
interface Staged {
  id: string;
  state: RunState;
  step: number;
  from?: Staged;
}

/**
 * The weights that a run of this architecture starts from, made of those that it is given: its own kind as they are, for a second stage those of the
 * architecture that it starts from.
 * @throws Error when they are of another one.
 */
export function startingWeights(arch: ArchitectureId, given: SaeWeights): SaeWeights {
  if (given.arch === arch) return given;
  const { startsFrom, title } = architecture(arch);
  const found = architecture(given.arch).title;
  if (!startsFrom) throw new Error(`the run is ${title}; the weights are those of ${found}`);
  const wanted = architecture(startsFrom.arch).title;
  if (startsFrom.arch !== given.arch) throw new Error(`${title} starts from a trained ${wanted}; the weights are those of ${found}`);
  const { options: _, vectors, ...rest } = given;
  return { ...rest, arch, vectors: startsFrom.vectors(vectors) };
}

/** Trained weights with the tensors that do not learn as they were given, to the bit: the scale of the rows has been multiplied in and out of them. */
export function withGiven(weights: SaeWeights, given: SaeWeights): SaeWeights {
  const { fixed } = traitsOfRun(weights);
  const vectors = Object.entries(weights.vectors).map(([name, values]) => [name, (fixed.includes(name) && given.vectors[name]) || values]);
  return {
    ...weights,
    ...(fixed.includes('W_enc') && { wEnc: given.wEnc }),
    ...(fixed.includes('W_dec') && { wDec: given.wDec }),
    ...(fixed.includes('b_dec') && { bDec: given.bDec }),
    vectors: Object.fromEntries(vectors),
  };
}

/** Runs whose turn has come: the run that they start from is done. */
export const readyToStart = <R extends Staged>(runs: readonly R[]): R[] =>
  runs.filter(({ state, from }) => state === 'queued' && from?.state === 'done');

const ENDED: Partial<Record<RunState, string>> = { failed: 'failed', stopped: 'was stopped', interrupted: 'was interrupted' };

/** Runs that wait for one that ended before it was done, and what is said of them. */
export const neverToStart = <R extends Staged>(runs: readonly R[], first: R): { run: R; message: string }[] =>
  runs
    .filter(({ state, from }) => state === 'queued' && from === first && first.state !== 'done')
    .map((run) => ({ run, message: `it was to start from ${first.id}, which ${ENDED[first.state] ?? 'ended'} at step ${first.step}` }));
