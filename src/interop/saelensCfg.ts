/** SAELens' cfg.json, of any age, as the few facts that decide what the weights mean. */

import { DataError } from '../data/bytes/types';
import { type ArchitectureId, architecture, architectures } from '../sae/architectures';

import { isFields } from '../util/json';

export interface SaelensCfg {
  arch: ArchitectureId;
  dIn?: number;
  dSae?: number;
  applyBDecToInput: boolean;
  /** True when the weights expect scaled input and `activation_scaler.json` must tell the scale. */
  needsScale: boolean;
  hookName?: string;
}

/** The lab's architecture by SAELens' name. @throws DataError listing those that are read. */
export function architectureOf(path: string, name: unknown): ArchitectureId {
  const id = architectures()
    .map(({ id }) => id)
    .find((key) => architecture(key).saelens === name);
  if (id) return id;
  const known = architectures()
    .map(({ id }) => id)
    .map((key) => architecture(key).saelens)
    .join(', ');
  throw new DataError(path, `architecture ${JSON.stringify(name)} is not one the lab reads (${known}).`);
}

/**
 * Reads cfg.json of SAELens v1 to v6 (v2-v5 are flat, v6 keeps origins in `metadata`; missing keys take SAELens' defaults).
 * @throws DataError for what the lab cannot represent: other architectures or activation functions, run-time normalisation.
 */
export function parseCfg(path: string, cfg: unknown): SaelensCfg {
  if (!isFields(cfg)) throw new DataError(path, 'is not a SAELens cfg.json: it is no JSON object.');
  const activation = cfg.activation_fn ?? cfg.activation_fn_str ?? 'relu';
  const name = cfg.architecture ?? 'standard';
  if (name === 'standard' && activation !== 'relu') {
    throw new DataError(path, `activation function ${JSON.stringify(activation)} is not read; the lab reads SAEs with relu.`);
  }
  const normalize = normalization(cfg.normalize_activations);
  if (normalize !== 'none' && normalize !== 'expected_average_only_in') {
    throw new DataError(
      path,
      `normalize_activations is ${JSON.stringify(normalize)}: this SAE rescales every row at run time, which the lab does not do. Only "none" is read.`,
    );
  }
  const metadata = isFields(cfg.metadata) ? cfg.metadata : {};
  const hook = metadata.hook_name ?? cfg.hook_name ?? cfg.hook_point;
  return {
    arch: architectureOf(path, name),
    dIn: width(path, 'd_in', cfg.d_in),
    dSae: width(path, 'd_sae', cfg.d_sae),
    applyBDecToInput: cfg.apply_b_dec_to_input !== false,
    needsScale: normalize === 'expected_average_only_in',
    ...(typeof hook === 'string' && { hookName: hook }),
  };
}

/** Before v3 this was a boolean. */
function normalization(value: unknown): unknown {
  if (value === true) return 'expected_average_only_in';
  return value === false || value === null || value === undefined ? 'none' : value;
}

function width(path: string, key: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw new DataError(path, `${key} is ${JSON.stringify(value)}; a whole number above 0 is expected.`);
}
