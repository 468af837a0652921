/** "Tune both": the grid of starts in short, for the arms at hand. The frontier of an arm is then the envelope of all its starts. */
import type { ArmForm } from './settings/arms';

/** Lengths of the encoder's rows × lr, as words of an arm: what was best somewhere in docs/recipes.md. */
export const SHORT_GRID = { 'enc-length': '0.1, 0.3, 1', lr: '0.001, 0.003' } as const;

/** Each arm at every start of the short grid, in place of its own. */
export const tuned = (arms: readonly ArmForm[]): ArmForm[] => arms.map(({ arch, texts }) => ({ arch, texts: { ...texts, ...SHORT_GRID } }));

/** Whether every arm is at them. */
export const isTuned = (arms: readonly ArmForm[]): boolean =>
  arms.length > 0 && arms.every(({ texts }) => Object.entries(SHORT_GRID).every(([word, text]) => texts[word] === text));
