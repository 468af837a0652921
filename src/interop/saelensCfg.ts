/** SAELens' cfg.json, of any age, as the few facts that decide what the weights mean, and the names of what nothing reads. */

import { DataError } from '../data/bytes/types';
import { type ArchitectureId, architecture, architectures, type OptionValues, optionValues } from '../sae/architectures';
import { messageOf } from '../util/errors';
import { type Fields, isFields } from '../util/json';

export interface SaelensCfg {
  arch: ArchitectureId;
  /** Its name there. */
  name: string;
  /** Values of the architecture's options, which the lab writes (`gated_sae_lab.options`). */
  options?: OptionValues;
  dIn?: number;
  dSae?: number;
  applyBDecToInput: boolean;
  /** True when the weights expect scaled input and `activation_scaler.json` must tell the scale. */
  needsScale: boolean;
  /** What cfg.json says of a `scaling_factor` on the features; absent when nothing. */
  scalesFeatures?: boolean;
  hookName?: string;
  /** What was found and does not bear on the weights, for people. */
  notes: string[];
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

/** SAELens' names of the architectures that are read, for messages. */
export const readNames = (): string =>
  [...architectures()]
    .sort((a, b) => a.code - b.code)
    .map(({ saelens }) => saelens)
    .join(', ');

/** The lab's architecture by SAELens' name. @throws DataError listing those that are read. */
export function architectureOf(path: string, name: unknown): ArchitectureId {
  const found = architectures().find(({ saelens }) => saelens === name);
  if (found) return found.id;
  throw new DataError(path, `architecture ${JSON.stringify(name)} is not one the lab reads (${readNames()}).`);
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
  const named = of.any('architecture');
  const name = named ?? 'standard';
  const activation = of.any('activation_fn', 'activation_fn_str') ?? 'relu';
  const arch = architectureOf(path, name);
  if (activation !== 'relu')
    throw new DataError(path, `activation function ${JSON.stringify(activation)} is not read; the lab reads SAEs with relu.`);
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
  const dIn = width(path, 'd_in', of.any('d_in'));
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
  const { options, notes } = optionsOf(path, arch, of.any('gated_sae_lab'));
  return {
    arch,
    name: String(name),
    ...(options && { options }),
    dIn,
    dSae: width(path, 'd_sae', of.any('d_sae')),
    applyBDecToInput: of.any('apply_b_dec_to_input') !== false,
    needsScale: normalize === 'expected_average_only_in',
    ...(typeof scales === 'boolean' && { scalesFeatures: scales }),
    ...(origin.hookName !== undefined && { hookName: origin.hookName }),
    notes: [
      ...(named === undefined ? ['cfg.json names no architecture: "standard" is taken, as SAELens does.'] : []),
      ...notes,
      ...of.leftOver(),
    ],
  };
}

/** @param lab the lab's own facts. @throws DataError for options that the architecture does not know. */
function optionsOf(path: string, arch: ArchitectureId, lab: unknown): { options?: OptionValues; notes: string[] } {
  const entry = architecture(arch);
  const options = isFields(lab) ? lab.options : undefined;
  // They are of the loss: what a SAE computes does not depend on them.
  if (options === undefined) return { notes: [] };
  try {
    if (!isFields(options)) throw new Error('options is no object');
    optionValues(entry, options as OptionValues);
    return { options: options as OptionValues, notes: [] };
  } catch (error) {
    throw new DataError(path, `gated_sae_lab: ${messageOf(error)}.`);
  }
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

/** Say nothing that bears on a number: versions, names, where and how it was stored. The second line, of the model: nothing at any hook changes. */
const SILENT = new Set([
  ...['dtype', 'device', 'sae_lens_version', 'sae_lens_training_version', 'dataset_path', 'dataset_trust_remote_code', 'neuronpedia_id'],
  ...['hook_layer', 'hook_point_layer', 'hf_hook_name', 'model_class_name', 'gated_sae_lab', 'fold_ln', 'center_unembed'],
]);

/** How a SAE was trained, in SAELens' names (`trainingKeys`): says nothing of what it computes. */
const TRAINING = new Set([
  ...['lr', 'lr_warm_up_steps', 'lr_decay_steps', 'adam_beta1', 'adam_beta2', 'l1_coefficient', 'l1_warm_up_steps'],
  ...['train_batch_size_tokens', 'training_tokens', 'seed'],
]);

/** The fields of an object, with a memory of which were asked for. `metadata` counts as part of the object, and goes first. */
class Keys {
  private readonly asked = new Set<string>();
  private readonly parts: Keys[] = [];

  constructor(
    private readonly path: string,
    private readonly fields: Fields,
    private readonly within = '',
  ) {}

  /** The first of these that is there; null is not. */
  any(...names: readonly string[]): unknown {
    for (const name of names) this.asked.add(name);
    for (const place of this.places) for (const name of names) if (place[name] !== undefined && place[name] !== null) return place[name];
    return undefined;
  }

  /** The fields of an object in it. @throws DataError when it is something else. */
  inside(name: string): Keys {
    const value = this.any(name) ?? {};
    if (!isFields(value)) throw new DataError(this.path, `${name} is ${JSON.stringify(value)}; an object is expected.`);
    const part = new Keys(this.path, value, `${this.within}${name}.`);
    this.parts.push(part);
    return part;
  }

  /** A sentence with the keys that hold something and that nobody asked for; none when there are none. */
  leftOver(): string[] {
    const keys = this.unread();
    return keys.length === 0 ? [] : [`cfg.json keys that were not used: ${keys.join(', ')}.`];
  }

  private get places(): Fields[] {
    const metadata = this.within === '' && isFields(this.fields.metadata) ? this.fields.metadata : {};
    return [metadata, this.fields];
  }

  private unread(): string[] {
    const [metadata, own] = this.places as [Fields, Fields];
    const left = (place: Fields, prefix: string) =>
      Object.entries(place)
        .filter(
          ([key, value]) =>
            !this.asked.has(key) &&
            !SILENT.has(key) &&
            !TRAINING.has(key) &&
            saysSomething(value) &&
            !(place === own && value === metadata),
        )
        .map(([key]) => `${prefix}${key}`);
    return [...left(own, this.within), ...left(metadata, 'metadata.'), ...this.parts.flatMap((part) => part.unread())];
  }
}

/** False for what stands for "not set": null, false, "", and lists and objects of such (`seqpos_slice: [null]`). */
function saysSomething(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === '') return false;
  return typeof value === 'object' ? Object.values(value).some(saysSomething) : true;
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
