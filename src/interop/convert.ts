/** The function of one architecture as another one, where there is one. */
import { allOptions, architecture } from '../sae/architectures';
import { type SavedForm, savedForms } from '../sae/architectures/forms';
import type { SaeWeights } from '../sae/weights';
import { savedAs } from './saelensForm';

type Sort = Pick<SaeWeights, 'arch' | 'options'>;

const others = ({ arch, options }: Sort): SavedForm[] =>
  savedForms(arch).filter(({ fits }) => fits(allOptions(architecture(arch), options)));

/** Names of cfg.json under which a SAE can be saved: its own, then others that hold the same function to rounding. */
export const formsOf = (sae: Sort): string[] => [savedAs(sae.arch, sae.options), ...others(sae).map(({ saelens }) => saelens)];

/**
 * A SAE as the architecture of that name: the same features to rounding.
 * @throws Error where its architecture, or its values, have no such form.
 */
export function convertedTo(weights: SaeWeights, name: string): SaeWeights {
  if (name === savedAs(weights.arch, weights.options)) return weights;
  const form = others(weights).find(({ saelens }) => saelens === name);
  if (!form) throw new Error(`a ${weights.arch} SAE cannot be saved as ${name}; it can as ${formsOf(weights).join(', ')}`);
  return form.convert(weights);
}
