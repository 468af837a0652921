/** Float64 twins of shaders/lm/rope.wgsl and shaders/lm/attention.wgsl. A row of qkv holds queries, then keys, then values. */

export interface Heads {
  heads: number;
  kvHeads: number;
  headDim: number;
}

/**
 * Rotates the pairs (j, j + p) of every query and key head by t·frequency_j, t the position in the sequence; p frequencies rotate
 * the first 2p dimensions of a head.
 * @param qkv [rows, (heads + 2·kvHeads)·headDim], changed in place.
 */
export function rope(qkv: Float64Array, frequencies: ArrayLike<number>, { heads, kvHeads, headDim }: Heads, T: number): void {
  const stride = (heads + 2 * kvHeads) * headDim;
  for (let row = 0; row < qkv.length / stride; row++) {
    for (let head = 0; head < heads + kvHeads; head++) {
      for (let j = 0; j < frequencies.length; j++) {
        const angle = (row % T) * (frequencies[j] as number);
        const first = row * stride + head * headDim + j;
        const a = qkv[first] as number;
        const b = qkv[first + frequencies.length] as number;
        qkv[first] = a * Math.cos(angle) - b * Math.sin(angle);
        qkv[first + frequencies.length] = b * Math.cos(angle) + a * Math.sin(angle);
      }
    }
  }
}

/** z [rows, heads·headDim] = softmax over u <= t of scale·q·k, times v; each group of heads shares one key/value head. */
export function attention(qkv: ArrayLike<number>, { heads, kvHeads, headDim }: Heads, n: number, T: number, scale: number): Float64Array {
  const stride = (heads + 2 * kvHeads) * headDim;
  const z = new Float64Array(n * T * heads * headDim);
  for (let s = 0; s < n; s++) {
    for (let t = 0; t < T; t++) {
      for (let head = 0; head < heads; head++) {
        const group = Math.floor((head * kvHeads) / heads);
        const q = (s * T + t) * stride + head * headDim;
        const key = (u: number) => (s * T + u) * stride + (heads + group) * headDim;
        const scores: number[] = [];
        for (let u = 0; u <= t; u++) {
          let score = 0;
          for (let d = 0; d < headDim; d++) score += (qkv[q + d] as number) * (qkv[key(u) + d] as number);
          scores.push(score * scale);
        }
        const top = Math.max(...scores);
        const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
        for (let u = 0; u <= t; u++) {
          const p = Math.exp((scores[u] as number) - top) / total;
          const value = key(u) + kvHeads * headDim;
          for (let d = 0; d < headDim; d++) {
            const i = ((s * T + t) * heads + head) * headDim + d;
            z[i] = (z[i] as number) + p * (qkv[value + d] as number);
          }
        }
      }
    }
  }
  return z;
}
