/** How a saved SAE (SAELens) is told from activations and models. Reading it is `interop/saelensLoad.ts`. */

/** True for a JSON value that is a SAELens cfg.json. */
export const isSaelensCfg = (value: unknown): boolean => typeof value === 'object' && value !== null && 'd_in' in value && 'd_sae' in value;

/** True for the tensor names of SAELens weights. */
export const isSaelensWeights = (names: { has(name: string): boolean }): boolean => names.has('W_enc') && names.has('W_dec');
