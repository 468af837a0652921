/** What is measured of one SAE on held-out data. Definitions: docs/metrics.md. Every value is on un-normalised activations.
 * What could not be formed is absent: gamma and cosine of an SAE that outputs nothing, fvu and r2 of rows without variance. */
export interface Metrics {
  /** Mean number of latents with f > 0 per token. */
  l0: number;
  /** Mean over tokens of the sum over d_in of (x - x_hat)². */
  mse: number;
  /** Fraction of variance unexplained about the data mean: sum ‖x - x̂‖² / sum ‖x - x̄‖². */
  fvu?: number;
  /** 1 - fvu. "Variance recovered", never "loss recovered". */
  r2?: number;
  /** Relative reconstruction bias E‖x̂‖² / E[x·x̂] (paper eq. 10): below 1 is shrinkage. */
  gamma?: number;
  /** Mean cosine similarity of x and x_hat. */
  cosine?: number;
  /** Fraction of latents that fired at least once in the window below. */
  alive: number;
  /** Tokens (rows) over which `alive` was counted. */
  alive_window_tokens: number;
  /** Latents that fired on more than 1 % and on more than 10 % of those tokens, and their share of all latents (SAEBench's `freq_over_*`). */
  latents_over_1_percent: number;
  latents_over_10_percent: number;
  freq_over_1_percent: number;
  freq_over_10_percent: number;
  /** The same latents' share of all firings (SAEBench's `normalized_freq_over_*`). Absent when nothing fired. */
  normalized_freq_over_1_percent?: number;
  normalized_freq_over_10_percent?: number;
  /** Of an SAE that selects in training: `k 10`, the k largest of each row as in training, or `threshold 0.12`, what is above it. */
  evaluated_by?: string;
  /** Tokens (rows) over which everything else was averaged. */
  tokens: number;
  /** Mean next-token cross-entropy, nats: untouched model, SAE spliced in, hook set to zero, hook set to its mean. Absent without a language model. */
  ce_clean?: number;
  ce_sae?: number;
  ce_zero?: number;
  ce_mean?: number;
  /** 1 - (ce_sae - ce_clean)/(ce_zero - ce_clean), from pooled token losses (ratio of means). Absent without a language model. */
  loss_recovered?: number;
  /** Why `loss_recovered` means nothing here (the ablation costs next to nothing); absent where it may be used. See `reliable.ts`. */
  loss_recovered_unreliable?: string;
  /** The same against mean ablation. */
  loss_recovered_mean?: number;
  /** The same for `loss_recovered_mean`. */
  loss_recovered_mean_unreliable?: string;
}
