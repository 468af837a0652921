/** Float64 twin of shaders/lm/unembed_cross_entropy.wgsl and cross_entropy_reduce.wgsl together. */

/**
 * ce[s, t] = log Σ_v exp(l_v) - l_y with l = x[s, t]·wᵀ and y = tokens[s, t + 1], in nats.
 * @param x [n·T, width]  @param w [vocab, width]  @param tokens [n·T]
 * @returns [n, T-1]
 */
export function unembedCrossEntropy(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  tokens: ArrayLike<number>,
  width: number,
  n: number,
  T: number,
): Float64Array {
  const vocab = w.length / width;
  const out = new Float64Array(n * (T - 1));
  for (let s = 0; s < n; s++) {
    for (let t = 0; t < T - 1; t++) {
      const row = s * T + t;
      const logits = new Float64Array(vocab);
      for (let v = 0; v < vocab; v++) {
        let logit = 0;
        for (let c = 0; c < width; c++) logit += (x[row * width + c] as number) * (w[v * width + c] as number);
        logits[v] = logit;
      }
      const top = logits.reduce((a, b) => Math.max(a, b));
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0);
      out[s * (T - 1) + t] = top + Math.log(total) - (logits[tokens[row + 1] as number] as number);
    }
  }
  return out;
}
