/** Reading a SAE that SAELens (or the lab) saved: a folder with cfg.json, or the weights file alone. */

import { parsedJson, readJson, readText } from '../data/bytes/byteSource';
import { type ByteSource, DataError } from '../data/bytes/types';
import type { SafetensorsFile } from '../data/formats/safetensors/header';
import { traitsOfRun } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import { repeatedKey } from '../util/json';
import { foldDecoderNorms, foldFeatureFactors, foldInputBias, foldScale } from './fold';
import { parseCfg, type SaelensCfg } from './saelensCfg';
import { saelensFiles } from './saelensFiles';
import { checkTensors, inferArchitecture, readVector, readWeights } from './saelensTensors';

export interface LoadedSae extends SaeWeights {
  /** Where the SAE reads, TransformerLens name, when the file says so. */
  hookName?: string;
  /** cfg.json as it was, when there is one; `saeOrigin` tells what it says of the activations. */
  cfg?: unknown;
  /** What was changed on loading, assumed, or not read, for people. */
  notes: string[];
}

/**
 * @param sources the files of one folder in any order (others are ignored), or one weights file.
 * @throws DataError naming the file for anything that the lab could not represent exactly.
 */
export async function loadSae(sources: readonly ByteSource[]): Promise<LoadedSae> {
  const { weights: file, cfg: cfgSource, scaler, notes } = await saelensFiles(sources);
  const read = cfgSource && (await readCfg(cfgSource));
  const cfg = read ? parseCfg(cfgSource.path, read.raw) : assumedCfg(file);
  notes.push(...(read?.notes ?? []), ...cfg.notes);
  checkTensors(file, cfg);
  const { notes: said, ...stored } = await readWeights(file, cfg);
  notes.push(...said);
  let weights: SaeWeights = stored;

  const factors = file.tensors.get('scaling_factor') ?? file.tensors.get('finetuning_scaling_factor');
  const values = factors && (await readVector(file, factors.name, weights.dSae));
  if (!values && cfg.scalesFeatures)
    throw new DataError(file.source.path, 'cfg.json says finetuning_scaling_factor and there is no tensor scaling_factor with it.');
  if (values?.some((v) => v !== 1)) {
    if (cfg.scalesFeatures === false)
      throw new DataError(
        file.source.path,
        `${factors?.name} is not 1 everywhere, and cfg.json says that features are not scaled (finetuning_scaling_factor false).`,
      );
    weights = foldFeatureFactors(weights, values);
    notes.push(`${factors?.name} was multiplied into the decoder rows.`);
  }
  const scale = scaler && (await readScale(scaler));
  if (scale !== undefined) {
    weights = foldScale(weights, scale);
    notes.push(`The weights expected activations times ${scale} (activation_scaler.json); the biases were divided by it.`);
  } else if (cfg.needsScale) {
    throw new DataError(
      cfgSource?.path ?? file.source.path,
      'normalize_activations is "expected_average_only_in" and there is no activation_scaler.json with the scale. In SAELens call fold_activation_norm_scaling_factor and save again.',
    );
  }
  if (cfg.rescalesByDecoderNorm) {
    const { dIn, wDec } = weights;
    const isUnit = (i: number) => Math.abs(Math.hypot(...wDec.subarray(i * dIn, (i + 1) * dIn)) - 1) < UNIT;
    // SAELens folds the norms itself on saving, and leaves the key: then there is nothing to say.
    if (!Array.from({ length: weights.dSae }, (_, i) => isUnit(i)).every(Boolean)) {
      weights = foldDecoderNorms(weights);
      notes.push('Decoder norms were folded into the encoder (rescale_acts_by_decoder_norm), which is the same function.');
    }
  }
  if (!cfg.applyBDecToInput && traitsOfRun(weights).preBias) {
    weights = foldInputBias(weights);
    notes.push('The encoder did not subtract b_dec from its input; W_enc·b_dec was added to its biases, which is the same function.');
  }
  const { hookName } = cfg;
  return { ...weights, notes, ...(hookName !== undefined && { hookName }), ...(read && { cfg: read.raw }) };
}

/** @throws DataError also for a key that is there twice: readers would differ in which they take. */
async function readCfg(source: ByteSource): Promise<{ raw: unknown; notes: string[] }> {
  const text = await readText(source);
  const { value: raw, notFinite } = parsedJson(source.path, text);
  const twice = notFinite.length > 0 ? undefined : repeatedKey(text);
  if (twice !== undefined) throw new DataError(source.path, `gives ${twice} twice. Leave the right one.`);
  return {
    raw,
    notes: notFinite.length > 0 ? [`cfg.json keys that were NaN or infinite and count as absent: ${notFinite.join(', ')}.`] : [],
  };
}

/** What a weights file without cfg.json is taken for: the architecture whose vectors it holds, SAELens' defaults for the rest. */
function assumedCfg(file: SafetensorsFile): SaelensCfg {
  const identity = inferArchitecture(file);
  return {
    ...identity,
    rescalesByDecoderNorm: false,
    applyBDecToInput: true,
    isOwn: false,
    needsScale: false,
    notes: [`No cfg.json: taken for a ${identity.name} SAE that subtracts b_dec from its input, of activations as they are.`],
  };
}

/** How far from 1 the norm of a decoder row is that was divided by it in f32. */
const UNIT = 1e-6;

/** `activation_scaler.json` of a SAELens checkpoint: {"scaling_factor": number or null}. */
async function readScale(source: ByteSource): Promise<number | undefined> {
  const value = (await readJson(source)) as { scaling_factor?: unknown } | null;
  const scale = value?.scaling_factor ?? undefined;
  if (scale === undefined) return undefined;
  if (typeof scale === 'number' && scale > 0) return scale;
  throw new DataError(source.path, `scaling_factor is ${JSON.stringify(scale)}; a number above 0, or null, is expected.`);
}
