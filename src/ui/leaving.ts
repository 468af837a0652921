/** A reload or a closed tab takes every run with it: the browser asks first while that would lose something. */
import type { RunSummary } from '../lab/protocol';
import { isOpen, type LabState, useLab } from './store';

/** Whether a run that has ended has weights, in this tab alone. */
const isUnsaved = ({ id, state, evaluatedAt }: RunSummary, saved: readonly string[]): boolean =>
  (state === 'done' || state === 'stopped' || (state === 'interrupted' && evaluatedAt !== undefined)) && !saved.includes(id);

/** True while runs train, wait to train, or have ended without being saved. */
export const wouldLose = ({ runs, savedRuns }: Pick<LabState, 'runs' | 'savedRuns'>): boolean =>
  runs.some((run) => isOpen(run) || isUnsaved(run, savedRuns));

function ask(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/** The listener is there only while it would ask: a page with one is kept out of the back-forward cache. */
export function askBeforeLeaving(): void {
  let asks = false;
  useLab.subscribe((state) => {
    if (wouldLose(state) === asks) return;
    asks = !asks;
    if (asks) addEventListener('beforeunload', ask);
    else removeEventListener('beforeunload', ask);
  });
}
