/** Saving a SAE as the folder that SAELens 6 loads: cfg.json and sae_weights.safetensors. */
import { type TensorData, writeSafetensors } from '../data/formats/safetensors/write';
import { architecture, traitsOfRun } from '../sae/architectures';
import { SAELENS_LOADS } from '../sae/architectures/forms';
import type { SaeWeights } from '../sae/weights';
import { holdsLogThreshold, transpose } from './fold';
import { MATRICES, nameTells, savedAs, THRESHOLD, W_MAG } from './saelensForm';

/** Version of the layout written. SAELens takes a file without a version for one older than 6.0 and misreads it. */
export const SAELENS_VERSION = '6.18.0';

/** Where the SAE comes from; what is unknown is left out. */
export interface SaelensOrigin {
  /** TransformerLens name of the hook, e.g. `blocks.0.mlp.hook_post`. */
  hookName?: string;
  modelName?: string;
  contextSize?: number;
  prependBos?: boolean;
  datasetPath?: string;
  training?: TrainingFacts;
  /** SAELens' name of the architecture that was trained, where another one is saved. */
  trainedAs?: string;
  /** The lab's own facts (lambda, steps, seed, scale, …), under `metadata.gated_sae_lab`. */
  lab?: Record<string, unknown>;
}

/** How a run was trained, as far as SAELens has words for it. */
export interface TrainingFacts {
  lr: number;
  /** Steps over which lr rises, and falls at the end. */
  lrWarmup: number;
  lrDecaySteps: number;
  beta1: number;
  beta2: number;
  /** Weight of the L1 norm, or of JumpReLU's count, and the steps over which it rises; absent for an architecture that has another knob. */
  l1?: { coefficient: number; warmup: number };
  l0?: { coefficient: number; warmup: number; mode: 'step' | 'tanh' };
  batch: number;
  /** Steps as planned: the schedules are of these. */
  steps: number;
  seed: number;
}

/** In the names of SAELens' training configuration. */
export const trainingKeys = ({ lr, lrWarmup, lrDecaySteps, beta1, beta2, l1, l0, batch, steps, seed }: TrainingFacts) => ({
  lr,
  lr_warm_up_steps: lrWarmup,
  lr_decay_steps: lrDecaySteps,
  adam_beta1: beta1,
  adam_beta2: beta2,
  ...(l1 && { l1_coefficient: l1.coefficient, l1_warm_up_steps: l1.warmup }),
  ...(l0 && { l0_coefficient: l0.coefficient, l0_warm_up_steps: l0.warmup, jumprelu_sparsity_loss_mode: l0.mode }),
  train_batch_size_tokens: batch,
  training_tokens: steps * batch,
  seed,
});

export interface NamedBytes {
  name: string;
  bytes: Uint8Array;
}

/**
 * The two files. The weights must be for raw activations: `foldScale` first when they were trained on scaled ones.
 * @throws Error when an array is missing or has the wrong length: a mistake of the caller.
 */
export function saelensFolder(weights: SaeWeights, origin: SaelensOrigin = {}): NamedBytes[] {
  return [
    { name: 'cfg.json', bytes: new TextEncoder().encode(`${JSON.stringify(saelensCfg(weights, origin), undefined, 2)}\n`) },
    { name: 'sae_weights.safetensors', bytes: writeSafetensors(tensorsOf(weights)) },
  ];
}

function tensorsOf(weights: SaeWeights): TensorData[] {
  const { arch, dIn, dSae, wEnc, wDec, bDec, vectors, wSecond, threshold } = weights;
  const f32 = (name: string, shape: number[], data: Float32Array | undefined) => {
    if (!data) throw new Error(`a ${arch} SAE needs ${name}`);
    return { name, dtype: 'F32', shape, data } as const;
  };
  const [encoder, decoder, bias] = MATRICES as [string, string, string];
  const own = architecture(arch).vectors.map(({ name, role }) => {
    const values = vectors[name];
    return f32(name, [dSae], role === 'threshold' && holdsLogThreshold(weights) ? values?.map(Math.exp) : values);
  });
  const { encoders, inference } = traitsOfRun(weights);
  return [
    f32(encoder, [dIn, dSae], transpose(wEnc, dSae, dIn)),
    f32(decoder, [dSae, dIn], wDec),
    f32(bias, [dIn], bDec),
    ...own,
    ...(encoders === 2 ? [f32(W_MAG, [dIn, dSae], wSecond && transpose(wSecond, dSae, dIn))] : []),
    ...(inference?.by === 'threshold'
      ? [f32(THRESHOLD, [dSae], threshold === undefined ? undefined : new Float32Array(dSae).fill(threshold))]
      : []),
  ];
}

/** cfg.json in the layout of SAELens 6. @throws Error for a TopK SAE without its k. */
export function saelensCfg(weights: SaeWeights, origin: SaelensOrigin): Record<string, unknown> {
  const { arch, options = {}, dIn, dSae, k } = weights;
  const { preBias, inference } = traitsOfRun(weights);
  const isByK = inference?.by === 'k';
  if (isByK && k === undefined) throw new Error(`a ${arch} SAE needs k`);
  return {
    architecture: savedAs(arch, options),
    d_in: dIn,
    d_sae: dSae,
    dtype: 'float32',
    device: 'cpu',
    apply_b_dec_to_input: preBias,
    normalize_activations: 'none',
    // hook_z has a heads axis, which SAELens flattens on the way in; our rows are flat already.
    reshape_activations: origin.hookName?.includes('hook_z') ? 'hook_z' : 'none',
    ...(isByK && { k, rescale_acts_by_decoder_norm: false }),
    metadata: {
      sae_lens_version: SAELENS_VERSION,
      sae_lens_training_version: SAELENS_VERSION,
      ...(origin.modelName !== undefined && { model_name: origin.modelName }),
      ...(origin.hookName !== undefined && { hook_name: origin.hookName }),
      hook_head_index: null,
      ...(origin.contextSize !== undefined && { context_size: origin.contextSize }),
      prepend_bos: origin.prependBos ?? true,
      ...(origin.datasetPath !== undefined && { dataset_path: origin.datasetPath }),
      ...(origin.training && trainingKeys(origin.training)),
      ...trainedAs(weights, origin),
      ...labFacts(weights, origin),
    },
  };
}

/** Where SAELens does not compute of the two files what the lab does, a sentence each. */
export function savingNotes(weights: SaeWeights): string[] {
  const { arch, options, vectors } = weights;
  const name = savedAs(arch, options);
  const role = architecture(arch).vectors.find((vector) => vector.role === 'threshold');
  const below = role && !holdsLogThreshold(weights) ? (vectors[role.name]?.filter((v) => v < 0).length ?? 0) : 0;
  return [
    ...(SAELENS_LOADS.includes(name)
      ? []
      : [`SAELens has no architecture "${name}" and refuses these files by that name; the lab reads them.`]),
    ...(below > 0
      ? [`${below} thresholds are below 0: in this run negative pre-activations above them pass, in SAELens, which has a ReLU there, none.`]
      : []),
  ];
}

/** SAELens' word for what it was in training, where it is another architecture of SAELens' only now. */
function trainedAs(weights: SaeWeights, { trainedAs }: SaelensOrigin): Record<string, string> {
  const { arch, options } = weights;
  const hasThreshold = traitsOfRun(weights).inference?.by === 'threshold';
  const was = trainedAs ?? (hasThreshold ? architecture(arch).saelens : savedAs(arch, options));
  return was === savedAs(arch, options) ? {} : { training_architecture: was };
}

/** The lab's facts: the caller's, and what reading the same SAE again needs beyond SAELens' keys. */
function labFacts(weights: SaeWeights, { lab = {} }: SaelensOrigin): { gated_sae_lab?: Record<string, unknown> } {
  const { arch, options = {}, k, threshold } = weights;
  const by = traitsOfRun(weights).inference?.by;
  const notes = savingNotes(weights);
  const facts = {
    ...(!nameTells(arch, options) && { architecture: arch }),
    ...lab,
    ...(k !== undefined && by !== 'k' && { k }),
    ...(threshold !== undefined && by !== 'threshold' && { threshold }),
    ...(Object.keys(options).length > 0 && { options }),
    ...(notes.length > 0 && { notes }),
  };
  return Object.keys(facts).length > 0 ? { gated_sae_lab: facts } : {};
}
