/** Where a run's activations came from and how they were treated; what is unknown is absent. */
export interface Origin {
  data: string;
  hookName?: string;
  modelName?: string;
  contextSize?: number;
  batch: number;
  normalize: 'none' | 'mean-square';
  /** Factor applied to activations in training; folded out of the saved weights. */
  activationScale: number;
}
