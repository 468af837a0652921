/** Everything that decides a run, gathered from where it is kept: its spec, and its experiment's origin. */
import type { Run } from './experiment';
import type { Origin } from './origin';
import type { Recipe } from './settings';

/** @returns what makes the run again; what nobody knows of its data is absent (`inputs`). */
export function recipeOf(
  { spec, batchesBefore, from, hasInit }: Pick<Run, 'spec' | 'batchesBefore' | 'from' | 'hasInit'>,
  { dataSeed, shuffle, inputs, init }: Origin,
): Recipe {
  return {
    config: { ...spec.config, seeds: [dataSeed] },
    inputs: inputs ?? { data: [], filter: {} },
    shuffle,
    batchesBefore,
    // Called as the line that makes it calls its folder.
    ...(from ? { init: from.id } : hasInit && init !== undefined && { init }),
  };
}
