/** Whose recipe a run's options are. */
import type { Architecture, OptionValues, Recipe } from './types';

/** The options of a recipe: those that it names, the table's defaults for the others. */
export const optionsOfRecipe = ({ options }: Pick<Architecture, 'options'>, [, wanted]: Recipe): Record<string, number | string> =>
  Object.fromEntries(options.map(({ key, default: standard }) => [key, wanted[key] ?? standard]));

/** The first of the architecture's recipes that has these options. */
export function recipeOf(entry: Pick<Architecture, 'options' | 'recipes'>, o: OptionValues): string | undefined {
  const found = entry.recipes?.find((recipe) => {
    const wanted = optionsOfRecipe(entry, recipe);
    return entry.options.every(({ key, default: standard }) => recipe[2]?.includes(key) || (o[key] ?? standard) === wanted[key]);
  });
  return found?.[0];
}
