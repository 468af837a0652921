/** Reading a SAE that SAELens (or the lab) saved: a folder with cfg.json, or the weights file alone. */

import { parsedJson, readJson, readText } from '../data/bytes/byteSource';
import { type ByteSource, DataError } from '../data/bytes/types';
import { readTensorF32, type SafetensorsFile, tensor } from '../data/formats/safetensors/header';
import { type ArchitectureId, architecture, architectures } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import { repeatedKey } from '../util/json';
import { foldFeatureFactors, foldInputBias, foldScale, transpose } from './fold';
import { parseCfg, readNames, type SaelensCfg } from './saelensCfg';
import { saelensFiles } from './saelensFiles';

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
  let weights: SaeWeights = { ...(await readWeights(file, cfg)), ...(cfg.options && { options: cfg.options }) };
  refuseStrangers(file, cfg);

  const factors = file.tensors.get('scaling_factor') ?? file.tensors.get('finetuning_scaling_factor');
  const values = factors && (await vector(file, factors.name, weights.dSae));
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
  if (!cfg.applyBDecToInput) {
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
  const arch = inferArchitecture(file);
  const name = architecture(arch).saelens;
  return {
    arch,
    name,
    applyBDecToInput: true,
    needsScale: false,
    notes: [`No cfg.json: taken for a ${name} SAE that subtracts b_dec from its input, of activations as they are.`],
  };
}

/** Tensors of other architectures that tell which one it is. */
const FOREIGN = new Map([
  ['threshold', 'jumprelu'],
  ['log_threshold', 'jumprelu'],
  ['topk_threshold', 'batchtopk'],
  ['W_skip', 'skip_transcoder'],
]);
/** Folded away on loading. */
const FOLDED = ['scaling_factor', 'finetuning_scaling_factor'];
const MATRICES = ['W_enc', 'W_dec', 'b_dec'];

/** The architecture whose vectors the file holds. @throws DataError for those the lab does not read. */
function inferArchitecture(file: SafetensorsFile): ArchitectureId {
  const { path } = file.source;
  for (const [name, other] of FOREIGN) {
    if (file.tensors.has(name))
      throw new DataError(path, `holds ${name}: a ${other} SAE, which the lab does not read (it reads ${readNames()}).`);
  }
  const found = architectures().filter(({ vectors }) => vectors.every(({ name }) => file.tensors.has(name)));
  const [one] = found.sort((a, b) => b.vectors.length - a.vectors.length);
  if (one) return one.id;
  const vectors = architectures().map(({ saelens, vectors }) => `${vectors.map(({ name }) => name).join(', ')} (${saelens})`);
  throw new DataError(path, `holds neither ${vectors.join(' nor ')}. Add its cfg.json.`);
}

/** @throws DataError naming the tensors that the architecture has no place for: dropping them would make it another SAE. */
function refuseStrangers(file: SafetensorsFile, { arch, name }: SaelensCfg): void {
  const known = new Set([...MATRICES, ...architecture(arch).vectors.map((v) => v.name), ...FOLDED]);
  const strangers = [...file.tensors.values()].filter((info) => !known.has(info.name));
  if (strangers.length === 0) return;
  const words = strangers.map(({ name: stranger, shape }) => {
    const other = FOREIGN.get(stranger) ?? architectures().find(({ vectors }) => vectors.some((v) => v.name === stranger))?.saelens;
    return `${stranger} [${shape.join(', ')}]${other === undefined ? '' : ` (of a ${other} SAE)`}`;
  });
  throw new DataError(
    file.source.path,
    `holds ${words.join(', ')}, for which a ${name} SAE has no place. Correct "architecture" in cfg.json, or save it without.`,
  );
}

async function readWeights(file: SafetensorsFile, cfg: SaelensCfg): Promise<SaeWeights> {
  const { path } = file.source;
  const { shape } = tensor(file, 'W_dec');
  const [dSae, dIn] = shape as [number, number];
  if (shape.length !== 2 || !dSae || !dIn) throw new DataError(path, `W_dec has shape [${shape.join(', ')}]; [d_sae, d_in] is expected.`);
  if ((cfg.dIn ?? dIn) !== dIn || (cfg.dSae ?? dSae) !== dSae) {
    const looksTransposed = cfg.dIn === dSae && cfg.dSae === dIn;
    throw new DataError(
      path,
      `W_dec is [${dSae}, ${dIn}] but cfg.json says d_sae ${cfg.dSae}, d_in ${cfg.dIn}. ${looksTransposed ? 'The matrices look transposed: SAELens stores W_enc as [d_in, d_sae] and W_dec as [d_sae, d_in].' : 'The two files do not belong together.'}`,
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
async function readScale(source: ByteSource): Promise<number | undefined> {
  const value = (await readJson(source)) as { scaling_factor?: unknown } | null;
  const scale = value?.scaling_factor ?? undefined;
  if (scale === undefined) return undefined;
  if (typeof scale === 'number' && scale > 0) return scale;
  throw new DataError(source.path, `scaling_factor is ${JSON.stringify(scale)}; a number above 0, or null, is expected.`);
}
