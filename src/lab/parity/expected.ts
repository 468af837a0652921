/** `expected.json` of a training case, as far as it is used (formats `train` and `train2`). */

export interface ExpectedStep {
  step: number;
  [name: string]: number | number[];
}

export interface ExpectedTraining {
  /** Absent in the first set. */
  case?: string;
  architecture: string;
  d_in: number;
  d_sae: number;
  batch: number;
  steps: number;
  lr: number;
  lr_schedule?: string;
  lr_warmup_steps?: number;
  lambda?: number;
  lambda_schedule?: string;
  lambda_warmup_steps?: number;
  hyper_parameters?: Record<string, number | number[]>;
  /** loss = Σ weight · term; "lambda" is that step's. */
  weights?: Record<string, number | 'lambda'>;
  /** All other tensors stay bit-identical. Absent in the first set: all learn. */
  trained?: string[];
  adam: { beta1: number; beta2: number; eps: number };
  /** In words, with the greatest norm in them; null without clipping. */
  clip?: string | null;
  per_step: ExpectedStep[];
}
