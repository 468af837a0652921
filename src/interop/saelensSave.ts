/** Saving a SAE as the folder that SAELens 6 loads: cfg.json and sae_weights.safetensors. */
import { writeSafetensors } from '../data/formats/safetensors/write';
import { architecture } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import { transpose } from './fold';

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
  /** Weight of the L1 norm and the steps over which it rises; absent for an architecture that has another knob. */
  l1?: { coefficient: number; warmup: number };
  batch: number;
  /** Steps as planned: the schedules are of these. */
  steps: number;
  seed: number;
}

/** In the names of SAELens' training configuration. */
export const trainingKeys = ({ lr, lrWarmup, lrDecaySteps, beta1, beta2, l1, batch, steps, seed }: TrainingFacts) => ({
  lr,
  lr_warm_up_steps: lrWarmup,
  lr_decay_steps: lrDecaySteps,
  adam_beta1: beta1,
  adam_beta2: beta2,
  ...(l1 && { l1_coefficient: l1.coefficient, l1_warm_up_steps: l1.warmup }),
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
 * @throws Error when an array has the wrong length: a mistake of the caller.
 */
export function saelensFolder(weights: SaeWeights, origin: SaelensOrigin = {}): NamedBytes[] {
  const { arch, dIn, dSae, wEnc, wDec, bDec, vectors } = weights;
  const f32 = (name: string, shape: number[], data: Float32Array | undefined) => {
    if (!data) throw new Error(`a ${arch} SAE needs ${name}`);
    return { name, dtype: 'F32', shape, data } as const;
  };
  const tensors = [
    f32('W_enc', [dIn, dSae], transpose(wEnc, dSae, dIn)),
    f32('W_dec', [dSae, dIn], wDec),
    f32('b_dec', [dIn], bDec),
    ...architecture(arch).vectors.map(({ name }) => f32(name, [dSae], vectors[name])),
  ];
  return [
    { name: 'cfg.json', bytes: new TextEncoder().encode(`${JSON.stringify(saelensCfg(weights, origin), undefined, 2)}\n`) },
    { name: 'sae_weights.safetensors', bytes: writeSafetensors(tensors) },
  ];
}

/** cfg.json in the layout of SAELens 6. */
export function saelensCfg(
  { arch, dIn, dSae, options = {} }: Pick<SaeWeights, 'arch' | 'dIn' | 'dSae' | 'options'>,
  origin: SaelensOrigin,
): Record<string, unknown> {
  const lab = { ...origin.lab, ...(Object.keys(options).length > 0 && { options }) };
  return {
    architecture: architecture(arch).saelens,
    d_in: dIn,
    d_sae: dSae,
    dtype: 'float32',
    device: 'cpu',
    apply_b_dec_to_input: true,
    normalize_activations: 'none',
    // hook_z has a heads axis, which SAELens flattens on the way in; our rows are flat already.
    reshape_activations: origin.hookName?.includes('hook_z') ? 'hook_z' : 'none',
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
      ...(Object.keys(lab).length > 0 && { gated_sae_lab: lab }),
    },
  };
}
