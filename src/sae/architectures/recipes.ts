/** Whose recipe a run's options are. */
import type { Architecture, OptionValues } from './types';

/** The first of the recipes whose options these are: those that it names, the table's defaults for the others. */
export const recipeOf = (
  { options }: Pick<Architecture, 'options'>,
  o: OptionValues,
  recipes: readonly (readonly [string, OptionValues])[],
): string | undefined =>
  recipes.find(([, wanted]) => options.every(({ key, default: standard }) => (o[key] ?? standard) === (wanted[key] ?? standard)))?.[0];
