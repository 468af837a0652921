/** Reading a SAE that SAELens (or the lab) saved: a folder with cfg.json, or the weights file alone. */

import { readJson } from '../data/bytes/byteSource';
import { type ByteSource, DataError } from '../data/bytes/types';
import { isSaelensWeights } from '../data/dropped/saeFiles';
import { readHeader, readTensorF32, type SafetensorsFile, tensor } from '../data/formats/safetensors/header';
import { type ArchitectureId, architecture } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import { baseName } from '../util/paths';
import { foldFeatureFactors, foldInputBias, foldScale, transpose } from './fold';
import { parseCfg, type SaelensCfg } from './saelensCfg';

export interface LoadedSae extends SaeWeights {
  /** Where the SAE reads, TransformerLens name, when the file says so. */
  hookName?: string;
  /** cfg.json as it was, when there is one. */
  cfg?: unknown;
  /** What was changed on loading, for people. */
  notes: string[];
}

const named = (sources: readonly ByteSource[], name: string): ByteSource | undefined => sources.find((s) => baseName(s.path) === name);

/**
 * @param sources the files of one folder in any order (others are ignored), or one weights file.
 * @throws DataError naming the file for anything that the lab could not represent exactly.
 */
export async function loadSae(sources: readonly ByteSource[]): Promise<LoadedSae> {
  const file = await findWeights(sources);
  const cfgSource = named(sources, 'cfg.json');
  const raw = cfgSource && (await readJson(cfgSource));
  const cfg: SaelensCfg = cfgSource
    ? parseCfg(cfgSource.path, raw)
    : { arch: inferArchitecture(file), applyBDecToInput: true, needsScale: false };
  const notes: string[] = [];
  let weights = await readWeights(file, cfg);

  const factors = file.tensors.get('scaling_factor') ?? file.tensors.get('finetuning_scaling_factor');
  if (factors) {
    const values = await vector(file, factors.name, weights.dSae);
    if (values.some((v) => v !== 1)) {
      weights = foldFeatureFactors(weights, values);
      notes.push(`${factors.name} was multiplied into the decoder rows.`);
    }
  }
  const scale = await readScale(sources);
  if (scale !== undefined) {
    weights = foldScale(weights, scale);
    notes.push(`The weights expected activations times ${scale} (activation_scaler.json); the biases were divided by it.`);
  } else if (cfg.needsScale) {
    throw new DataError(
      cfgSource?.path ?? file.source.path,
      'normalize_activations is "expected_average_only_in" and there is no activation_scaler.json with the scale. In SAELens call fold_activation_norm_scaling_factor and save again.',
    );
  }
  if (!cfg.applyBDecToInput) {
    weights = foldInputBias(weights);
    notes.push('The encoder did not subtract b_dec from its input; W_enc·b_dec was added to its biases, which is the same function.');
  }
  return { ...weights, notes, ...(cfg.hookName !== undefined && { hookName: cfg.hookName }), ...(cfgSource && { cfg: raw }) };
}

async function findWeights(sources: readonly ByteSource[]): Promise<SafetensorsFile> {
  const usual = named(sources, 'sae_weights.safetensors');
  const candidates = usual
    ? [usual]
    : sources.filter((s) => s.path.endsWith('.safetensors') && baseName(s.path) !== 'sparsity.safetensors');
  const where = sources[0]?.path ?? 'no file';
  for (const source of candidates) {
    const file = await readHeader(source);
    if (isSaelensWeights(file.tensors)) return file;
    if (candidates.length === 1)
      throw new DataError(
        source.path,
        `is no saved SAE: it has no W_enc and W_dec; it has ${[...file.tensors.keys()].slice(0, 8).join(', ') || 'no tensors'}.`,
      );
  }
  throw new DataError(where, 'no weights here: a saved SAE is a folder with cfg.json and sae_weights.safetensors.');
}

/** Which architecture a weights file without cfg.json holds. @throws DataError for those the lab does not read. */
function inferArchitecture(file: SafetensorsFile): ArchitectureId {
  const foreign: [tensor: string, architecture: string][] = [
    ['threshold', 'jumprelu'],
    ['log_threshold', 'jumprelu'],
    ['topk_threshold', 'batchtopk'],
    ['W_skip', 'skip_transcoder'],
  ];
  for (const [name, architecture] of foreign) {
    if (file.tensors.has(name))
      throw new DataError(
        file.source.path,
        `holds ${name}: a ${architecture} SAE, which the lab does not read (it reads standard and gated).`,
      );
  }
  if (['b_gate', 'r_mag', 'b_mag'].some((name) => file.tensors.has(name))) return 'gated';
  if (file.tensors.has('b_enc')) return 'baseline';
  throw new DataError(file.source.path, 'holds neither b_enc (standard) nor b_gate, r_mag, b_mag (gated). Add its cfg.json.');
}

async function readWeights(file: SafetensorsFile, cfg: SaelensCfg): Promise<SaeWeights> {
  const { path } = file.source;
  const [dSae, dIn] = tensor(file, 'W_dec').shape as [number, number];
  if (tensor(file, 'W_dec').shape.length !== 2 || !dSae || !dIn)
    throw new DataError(path, `W_dec has shape [${tensor(file, 'W_dec').shape.join(', ')}]; [d_sae, d_in] is expected.`);
  if ((cfg.dIn ?? dIn) !== dIn || (cfg.dSae ?? dSae) !== dSae) {
    throw new DataError(
      path,
      `W_dec is [${dSae}, ${dIn}] but cfg.json says d_sae ${cfg.dSae}, d_in ${cfg.dIn}. The two files do not belong together.`,
    );
  }
  const wEnc = transpose(await read(file, 'W_enc', [dIn, dSae]), dIn, dSae);
  const wDec = await read(file, 'W_dec', [dSae, dIn]);
  const bDec = await read(file, 'b_dec', [dIn]);
  const vectors: Record<string, Float32Array> = {};
  for (const { name } of architecture(cfg.arch).vectors) vectors[name] = await vector(file, name, dSae);
  return { arch: cfg.arch, dIn, dSae, wEnc, wDec, bDec, vectors };
}

const vector = (file: SafetensorsFile, name: string, length: number): Promise<Float32Array> => read(file, name, [length]);

async function read(file: SafetensorsFile, name: string, shape: number[]): Promise<Float32Array> {
  const info = tensor(file, name);
  if (info.shape.join() !== shape.join())
    throw new DataError(file.source.path, `${name} has shape [${info.shape.join(', ')}]; [${shape.join(', ')}] is expected.`);
  const values = await readTensorF32(file, info);
  const bad = values.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0)
    throw new DataError(
      file.source.path,
      `${name} holds ${values[bad]} at position ${bad}: this SAE diverged in training, or does not fit f32.`,
    );
  return values;
}

/** `activation_scaler.json` of a SAELens checkpoint: {"scaling_factor": number or null}. */
async function readScale(sources: readonly ByteSource[]): Promise<number | undefined> {
  const source = named(sources, 'activation_scaler.json');
  if (!source) return undefined;
  const value = (await readJson(source)) as { scaling_factor?: unknown } | null;
  const scale = value?.scaling_factor ?? undefined;
  if (scale === undefined) return undefined;
  if (typeof scale === 'number' && scale > 0) return scale;
  throw new DataError(source.path, `scaling_factor is ${JSON.stringify(scale)}; a number above 0, or null, is expected.`);
}
