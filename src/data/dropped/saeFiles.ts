/**
 * How a saved SAE is told from activations and models: by the names and shapes of its tensors, where formats share names by the container and
 * by what lies beside it. Weights of SAEs are matrices that look like activations, so that every format in use is known here by its name,
 * those that are not read too. Reading one is `interop/saelensLoad.ts`. Formats: SAELens, dictionary_learning, sparsify, OpenAI, Gemma Scope,
 * OpenMOSS and others, after their own loaders.
 */
import { baseName } from '../../util/paths';

/** A file of arrays, as far as telling formats apart needs it. */
export interface WeightsFile {
  path: string;
  /** Of its container: `safetensors`, `.npz`, `PyTorch .pt`. */
  format: string;
  arrays: ReadonlyMap<string, { readonly shape: readonly number[] }>;
}

/** True for a JSON value that is a SAELens cfg.json. */
export const isSaelensCfg = (value: unknown): boolean => typeof value === 'object' && value !== null && 'd_in' in value && 'd_sae' in value;

/** The only format that is read. */
export const SAELENS = 'SAELens';

/** What to do with a format that is not read. */
export const CONVERT =
  'The lab reads the folder that SAELens saves: cfg.json and sae_weights.safetensors. SAELens loads many formats and writes that one: sae.save_model("folder").';

/**
 * The name of the format when the file holds weights of a SAE: SAELENS, or one that is not read; undefined for anything else.
 * @param beside base names of the files in its folder.
 */
export function saeFormatOf(file: WeightsFile, beside: Iterable<string> = []): string | undefined {
  const tensors = file.arrays;
  if (tensors.has('ae.encoder.weight') || tensors.has('ae.W_enc'))
    return 'dictionary_learning: a backup of an interrupted run, whose biases are still in the scale of its normalised activations';
  const found = KINDS.find(({ encoder, decoder }) => tensors.has(encoder) && tensors.has(decoder));
  if (!found) return withoutEncoder(tensors);
  const [enc, dec] = [tensors.get(found.encoder)?.shape ?? [], tensors.get(found.decoder)?.shape ?? []];
  return found.name({ file, names: new Set(beside), enc, dec });
}

interface Seen {
  file: WeightsFile;
  /** Base names beside the file. */
  names: ReadonlySet<string>;
  enc: readonly number[];
  dec: readonly number[];
}

/** Pairs of matrices by which formats go. */
const KINDS: readonly { encoder: string; decoder: string; name(seen: Seen): string | undefined }[] = [
  { encoder: 'W_enc', decoder: 'W_dec', name: ofWeights },
  { encoder: 'w_enc', decoder: 'w_dec', name: () => 'Gemma Scope 2 (params.safetensors)' },
  { encoder: 'encoder.weight', decoder: 'W_dec', name: () => 'sparsify (sae.safetensors)' },
  { encoder: 'encoder.weight', decoder: 'decoder.weight', name: ofLayers },
  { encoder: 'W_E', decoder: 'W_D', name: () => 'OpenMOSS (sae_weights.safetensors with config.json)' },
  { encoder: 'encoder_linear.weight', decoder: 'decoder_linear.weight', name: () => 'Goodfire' },
];

function ofWeights({ file, names, enc, dec }: Seen): string {
  const has = (name: string) => file.arrays.has(name);
  if (enc.length === 3 || dec.length === 3) return 'a crosscoder (W_enc of several models or layers)';
  if (file.format === '.npz') return 'Gemma Scope (params.npz)';
  const isOneWay = enc[0] === dec[0] && enc[1] === dec[1] && enc[0] !== enc[1];
  const base = baseName(file.path);
  if (file.format === 'safetensors')
    return isOneWay && !names.has('cfg.json') && base !== 'sae_weights.safetensors' ? 'circuit-tracer (layer_N.safetensors)' : SAELENS;
  if (names.has(base.replace(/\.[^.]*$/, '_cfg.json'))) return '1L-Sparse-Autoencoder (N.pt with N_cfg.json)';
  if (has('jumprelu.log_threshold') || (base === 'sae.pt' && names.has('config.json'))) return 'the BatchTopK repository (sae.pt)';
  if (has('group_sizes') || has('threshold') || base === 'ae.pt') return 'dictionary_learning (ae.pt)';
  return 'PyTorch (W_enc and W_dec without a word about the architecture: 1L-Sparse-Autoencoder, Qwen Scope, …)';
}

/** `encoder.weight` and `decoder.weight` are layers of any autoencoder; that they map forth and back tells one from two tensors of that name. */
function ofLayers({ file, enc, dec }: Seen): string | undefined {
  const isPair = enc.length === 2 && dec.length === 2 && [...enc].sort().join() === [...dec].sort().join();
  if (!isPair) return undefined;
  const { arrays, format, path } = file;
  if (arrays.has('pre_bias') || arrays.has('latent_bias')) return 'OpenAI (sparse_autoencoder)';
  if (arrays.has('log_jumprelu_threshold')) return 'OpenMOSS (Llama Scope R1)';
  if (format === 'safetensors')
    return baseName(path) === 'final.safetensors' ? 'Llama Scope (hyperparams.json, checkpoints)' : 'PyTorch layers';
  return 'dictionary_learning (ae.pt)';
}

function withoutEncoder(tensors: WeightsFile['arrays']): string | undefined {
  const names = [...tensors.keys()];
  if (names.some((name) => /^(W_enc|W_dec)_\d+$/.test(name))) return 'a cross-layer transcoder';
  return tensors.has('W_dec') && tensors.has('b_dec') && names.length === 2 ? 'SAELens, matching pursuit' : undefined;
}
