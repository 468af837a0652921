/** Which set of comparable runs the chart shows: the newest, until a person chooses another or selects one of its runs. */
import type { RunSummary } from '../lab/protocol';
import { differences, type RunSet } from '../metrics/comparison';

/** What was chosen, and what was there then. */
export interface Choice {
  /** Key of the set chosen; the newest set without one. */
  key?: string | undefined;
  /** Newest run and selected run when it was chosen. */
  newest?: string | undefined;
  selected?: string | undefined;
}

type Sets = readonly RunSet<RunSummary>[];

/** Runs are numbered as they are made. */
const numberOf = (id: string): number => Number(id.replace(/\D+/g, ''));

/**
 * The choice after runs or the selection have changed; the same object when they have not. New runs come into view whatever was chosen
 * before; a newly selected run brings its set.
 */
export function chosenSet(choice: Choice, sets: Sets, selected: string | undefined): Choice {
  const ids = sets.flatMap(({ runs }) => runs.map(({ id }) => id));
  const newest = ids.reduce<string | undefined>((a, b) => (a !== undefined && numberOf(a) > numberOf(b) ? a : b), undefined);
  if (choice.newest === newest && choice.selected === selected) return choice;
  // A run taken off the list leaves an older one as the newest, which is no new one.
  const isNew = choice.newest === undefined || (newest !== undefined && numberOf(newest) > numberOf(choice.newest));
  if (isNew) return { newest, selected };
  const own = sets.find(({ runs }) => runs.some(({ id }) => id === selected))?.key;
  return { key: choice.selected === selected ? choice.key : own, newest, selected };
}

export const shownSet = (choice: Choice, sets: Sets): RunSet<RunSummary> | undefined =>
  sets.find(({ key }) => key === choice.key) ?? sets.at(-1);

/** A name for each set by its key: the data, and what else tells it from the others of that name. */
export function setLabels(sets: Sets): Map<string, string> {
  return new Map(
    sets.map(({ key, runs }) => {
      const first = runs[0] as RunSummary;
      const twins = sets.filter((other) => other.key !== key && other.runs[0]?.data === first.data);
      const other = [...new Set(twins.flatMap((twin) => differences(first, twin.runs[0] as RunSummary)))];
      const number = `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`;
      const ids = runs.length > 1 ? `${first.id} to ${runs.at(-1)?.id}` : first.id;
      return [key, `${[first.data, ...other].join(', ')}: ${number} (${ids})`];
    }),
  );
}
