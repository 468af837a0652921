/** SAELens' cfg.json, of any age, as the few facts that decide what the weights mean, and the names of what nothing reads. */

import { DataError } from '../data/bytes/types';
import { isFields } from '../util/json';
import { Keys } from './cfgKeys';
import { type Identity, identified } from './saelensIdentity';

export interface SaelensCfg extends Identity {
  dIn?: number;
  dSae?: number;
  /** True when the weights expect scaled input and `activation_scaler.json` must tell the scale. */
  needsScale: boolean;
  /** What cfg.json says of a `scaling_factor` on the features; absent when nothing. */
  scalesFeatures?: boolean;
  hookName?: string;
}

/** What cfg.json says of the activations that the SAE was made for; what it does not say is absent. */
export interface SaeOrigin {
  /** TransformerLens name. */
  hookName?: string;
  modelName?: string;
  contextSize?: number;
  prependBos?: boolean;
  /** Changes that TransformerLens made to the model on loading, which show in the activations at some hooks. */
  model: { centerWritingWeights: boolean; foldValueBiases: boolean; refactorAttention: boolean };
}

/** `normalize_activations`: what SAELens knows. The last three change every row at run time. */
const NORMALIZATIONS = [
  'none',
  'expected_average_only_in',
  'constant_norm_rescale',
  'layer_norm',
  'constant_scalar_rescale',
  'covariance_whitening',
];
const READ_NORMALIZATIONS = ['none', 'expected_average_only_in'];

/**
 * Reads cfg.json of SAELens v1 to v6 (v2-v5 are flat, v6 keeps origins in `metadata`; missing keys take SAELens' defaults).
 * @throws DataError for what the lab cannot represent: other architectures or activation functions, run-time normalisation.
 */
export function parseCfg(path: string, cfg: unknown): SaelensCfg {
  if (!isFields(cfg)) throw new DataError(path, 'is not a SAELens cfg.json: it is no JSON object.');
  const of = new Keys(path, cfg);
  const dIn = width(path, 'd_in', of.any('d_in'));
  const dSae = width(path, 'd_sae', of.any('d_sae'));
  const { named, ...identity } = identified(path, of, { dIn, dSae });
  const normalize = normalization(of.any('normalize_activations'));
  if (!READ_NORMALIZATIONS.includes(normalize as string)) {
    const shown = JSON.stringify(normalize);
    throw new DataError(
      path,
      NORMALIZATIONS.includes(normalize as string)
        ? `normalize_activations is ${shown}: this SAE rescales every row at run time, which the lab does not do. Only "none" is read.`
        : `normalize_activations is ${shown}, which is not known (known: ${NORMALIZATIONS.join(', ')}).`,
    );
  }
  const reshape = of.any('reshape_activations') ?? 'none';
  if (reshape !== 'none' && reshape !== 'hook_z')
    throw new DataError(path, `reshape_activations is ${JSON.stringify(reshape)}; the lab reads rows as they are ("none") and hook_z.`);
  const head = of.any('hook_head_index', 'hook_point_head_index');
  if (head !== undefined)
    throw new DataError(path, `hook_head_index is ${JSON.stringify(head)}: a SAE of one attention head, which the lab does not read.`);
  const dOut = width(path, 'd_out', of.any('d_out'));
  if (dOut !== undefined && dOut !== dIn)
    throw new DataError(path, `d_out is ${dOut} and d_in ${dIn}: a transcoder, which the lab does not read.`);
  const scales = of.any('finetuning_scaling_factor');
  const origin = originOf(of);
  const out = of.any('hook_name_out');
  if (out !== undefined && out !== origin.hookName)
    throw new DataError(
      path,
      `hook_name_out is ${JSON.stringify(out)}, not the hook that is read: a transcoder, which the lab does not read.`,
    );
  return {
    ...identity,
    dIn,
    dSae,
    needsScale: normalize === 'expected_average_only_in',
    ...(typeof scales === 'boolean' && { scalesFeatures: scales }),
    ...(origin.hookName !== undefined && { hookName: origin.hookName }),
    notes: [
      ...(named ? [] : ['cfg.json names no architecture: "standard" is taken, as SAELens does.']),
      ...identity.notes,
      ...of.leftOver(),
    ],
  };
}

/** @param cfg of a SAE that was loaded; undefined says nothing. */
export const saeOrigin = (cfg: unknown): SaeOrigin => originOf(new Keys('cfg.json', isFields(cfg) ? cfg : {}));

function originOf(of: Keys): SaeOrigin {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const [hookName, modelName] = [text(of.any('hook_name', 'hook_point')), text(of.any('model_name'))];
  const [contextSize, prependBos] = [of.any('context_size'), of.any('prepend_bos')];
  const model = of.inside('model_from_pretrained_kwargs');
  return {
    ...(hookName !== undefined && { hookName }),
    ...(modelName !== undefined && { modelName }),
    ...(typeof contextSize === 'number' && { contextSize }),
    ...(typeof prependBos === 'boolean' && { prependBos }),
    model: {
      centerWritingWeights: model.any('center_writing_weights') === true,
      foldValueBiases: model.any('fold_value_biases') === true,
      refactorAttention: model.any('refactor_factored_attn_matrices') === true,
    },
  };
}

/** Before v3 this was a boolean. */
function normalization(value: unknown): unknown {
  if (value === true) return 'expected_average_only_in';
  return value === false || value === undefined ? 'none' : value;
}

function width(path: string, key: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw new DataError(path, `${key} is ${JSON.stringify(value)}; a whole number above 0 is expected.`);
}
