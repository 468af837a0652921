/** Ways to choose the one factor by which activations are multiplied in training. Plain values, for the form, the command line and the engine. */

export const NORMALIZATIONS = {
  'mean-square': {
    /** What then holds of the rows x that the SAE sees. */
    holds: 'E‖x‖² = 1',
    help: 'The mean square norm becomes 1, so that λ carries over between data sets. The λ that stand here at first are for this.',
  },
  'mean-norm': {
    holds: 'E‖x‖ = √d',
    help: 'The mean norm becomes √d, as with SAELens’ expected_average_only_in. The same balance needs about √d times the λ of mean-square.',
  },
  none: { holds: 'as in the file', help: 'Rows stay in the units of the file, and λ is in them too.' },
} as const;

export type Normalize = keyof typeof NORMALIZATIONS;
export const NORMALIZE_IDS = Object.keys(NORMALIZATIONS) as Normalize[];

/** What the SAE sees, in words: the factor and what it achieves. */
export function scaleWords({ normalize, activationScale }: { normalize: Normalize; activationScale: number }): string {
  return normalize === 'none'
    ? 'rows as in the file'
    : `rows × ${Number(activationScale.toPrecision(4))} (${NORMALIZATIONS[normalize].holds})`;
}
