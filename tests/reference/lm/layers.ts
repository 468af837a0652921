/** Float64 twins of the row-wise kernels in shaders/lm: embed, layernorm, rmsnorm, linear, activation, add. Row-major arrays. */

type Values = ArrayLike<number>;
const at = (values: Values, i: number): number => values[i] as number;

/** shaders/lm/embed.wgsl. tokens [rows], embedding [vocab, width], positions [>= T, width] -> [rows, width] */
export function embed(tokens: Values, embedding: Values, positions: Values | undefined, width: number, T: number): Float64Array {
  const out = new Float64Array(tokens.length * width);
  for (let r = 0; r < tokens.length; r++) {
    for (let c = 0; c < width; c++) {
      out[r * width + c] = at(embedding, at(tokens, r) * width + c) + (positions ? at(positions, (r % T) * width + c) : 0);
    }
  }
  return out;
}

/** shaders/lm/layernorm.wgsl. x [rows, width] -> [rows, width] */
export function layernorm(x: Values, weight: Values, bias: Values, width: number, eps: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let base = 0; base < x.length; base += width) {
    let mean = 0;
    for (let c = 0; c < width; c++) mean += at(x, base + c) / width;
    let variance = 0;
    for (let c = 0; c < width; c++) variance += (at(x, base + c) - mean) ** 2 / width;
    for (let c = 0; c < width; c++) out[base + c] = ((at(x, base + c) - mean) / Math.sqrt(variance + eps)) * at(weight, c) + at(bias, c);
  }
  return out;
}

/** shaders/lm/rmsnorm.wgsl. x [rows, width] -> [rows, width] */
export function rmsnorm(x: Values, weight: Values, width: number, eps: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let base = 0; base < x.length; base += width) {
    let square = 0;
    for (let c = 0; c < width; c++) square += at(x, base + c) ** 2 / width;
    for (let c = 0; c < width; c++) out[base + c] = (at(x, base + c) / Math.sqrt(square + eps)) * at(weight, c);
  }
  return out;
}

/** shaders/lm/linear.wgsl. x [rows, ins], w [outs, ins], bias [outs] -> [rows, outs] */
export function linear(x: Values, w: Values, bias: Values | undefined, ins: number, outs: number): Float64Array {
  const rows = x.length / ins;
  const out = new Float64Array(rows * outs);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < outs; o++) {
      let sum = bias ? at(bias, o) : 0;
      for (let i = 0; i < ins; i++) sum += at(x, r * ins + i) * at(w, o * ins + i);
      out[r * outs + o] = sum;
    }
  }
  return out;
}

/** shaders/lm/add.wgsl */
export function add(a: Values, b: Values): Float64Array {
  return Float64Array.from(a, (value, i) => value + at(b, i));
}

/**
 * erf to 1e-15: the Taylor series below 3, the continued fraction of erfc above. (Abramowitz & Stegun 7.1.5 and 7.1.14,
 * not 7.1.26 of the kernel: a twin must not share its approximation.)
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-18; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

/** The scalar functions of shaders/lm/activation.wgsl. */
export const ACTIVATION_FUNCTIONS = {
  gelu: (x: number) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  gelu_new: (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x: number) => x / (1 + Math.exp(-x)),
  relu: (x: number) => Math.max(x, 0),
} as const;

/** shaders/lm/activation.wgsl. x [rows, width], or [rows, 2·width] (gate, then up) when gated -> [rows, width] */
export function activation(kind: keyof typeof ACTIVATION_FUNCTIONS, gated: boolean, x: Values, width: number): Float64Array {
  const f = ACTIVATION_FUNCTIONS[kind];
  const out = new Float64Array(gated ? x.length / 2 : x.length);
  for (let i = 0; i < out.length; i++) {
    const gate = gated ? Math.floor(i / width) * 2 * width + (i % width) : i;
    out[i] = f(at(x, gate)) * (gated ? at(x, gate + width) : 1);
  }
  return out;
}
