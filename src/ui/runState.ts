/** A run's state as people see it: a word and the kind of mark, the same in chart, legend and table. */
import type { RunState } from '../lab/protocol';

/** filled: all its steps are done. dot: ended early, and keeps what was measured. hollow: not over. cross: failed. */
export type StateMark = 'filled' | 'dot' | 'hollow' | 'cross';

export const stateMark = (state: RunState): StateMark => {
  if (state === 'done') return 'filled';
  if (state === 'failed') return 'cross';
  return state === 'stopped' || state === 'interrupted' ? 'dot' : 'hollow';
};

/** For the key beside the chart. */
export const MARK_WORDS: Readonly<Record<StateMark, string>> = {
  filled: 'finished',
  hollow: 'training',
  dot: 'stopped early',
  cross: 'failed',
};
