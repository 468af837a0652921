/**
 * Which set of comparable runs the chart shows: that of the selected run. New runs of another set take the selection, so that they come into
 * view by themselves; to choose a set is to select one of its runs.
 */
import type { RunSummary } from '../lab/protocol';
import { differences, type RunSet } from '../metrics/comparison';

type Runs = readonly RunSummary[];
type Sets = readonly RunSet<RunSummary>[];

/** The set of the selected run, else the newest. */
export const shownSet = (sets: Sets, selected: string | undefined): RunSet<RunSummary> | undefined =>
  sets.find(({ runs }) => runs.some(({ id }) => id === selected)) ?? sets.at(-1);

/** The run to select when the list of runs has changed. @param before the list as it was. */
export function nextSelection(before: Runs, runs: Runs, selected: string | undefined): string | undefined {
  const known = new Set(before.map(({ id }) => id));
  const fresh = runs.find(({ id }) => !known.has(id));
  const own = runs.find(({ id }) => id === selected);
  if (own) return fresh && differences(own, fresh).length > 0 ? fresh.id : own.id;
  if (fresh) return fresh.id;
  // The selected run was taken off the list: another one of its set, if there is one.
  const gone = before.find(({ id }) => id === selected);
  const sibling = gone && runs.find((run) => differences(run, gone).length === 0);
  return (sibling ?? runs[0])?.id;
}

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
