/** The session in the words of the page, and what of a sweep must agree with runs in training. */
import type { SessionState, SweepConfig } from './protocol';
import { type SettingKey, settings } from './settings';
import type { Training } from './training';

/** @param shown what is going on. @param training where speed, memory and epoch come from, when there is any. */
export function sessionState(shown: SessionState, training: Training | undefined): SessionState {
  if (!training) return shown;
  const { experiment, rate } = training;
  const state: SessionState = {
    ...shown,
    gpuBytes: experiment.gpuBytes,
    gpuFormulaBytes: experiment.formulaBytes,
    epoch: experiment.feeder.stats.epoch,
  };
  const { remaining } = training;
  if (remaining) state.remaining = remaining;
  if (rate.rowsPerSecond > 0) {
    state.rowsPerSecond = rate.rowsPerSecond;
    state.dataShare = rate.dataShare;
    state.gpuShare = rate.gpuShare;
    state.evalShare = rate.evalShare;
  }
  return state;
}

/** Settings of the data and its batches, which all runs of an experiment share, in which a sweep differs from the one in training. */
export const changedShared = (next: SweepConfig, present: SweepConfig): SettingKey[] =>
  settings().flatMap(({ key, scope }) => (scope === 'experiment' && next[key] !== present[key] ? [key] : []));

/** @throws Error when runs that are to join differ in what is shared. */
export function refuseToJoin(changed: readonly SettingKey[], present: SweepConfig): void {
  if (changed.length === 0) return;
  const values = changed.map((name) => present[name]).join(', ');
  throw new Error(`Runs that join share the batches of those in training: ${changed.join(', ')} must be as they are there (${values}).`);
}

/** What a sweep says of the experiment that its runs share. */
export const experimentOptions = ({ batch, normalize, xDtype }: SweepConfig, seed: number) => ({
  batch,
  seed,
  shuffle: 'pool' as const,
  normalize,
  xDtype,
});
