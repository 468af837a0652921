// The MLP's nonlinearity, plain or gated.
//
//   plain:  y[r, c] = act(x[r, c])                    x is [rows, width]
//   gated:  y[r, c] = act(x[r, c]) · x[r, width + c]  x is [rows, 2·width]: gate, then up
//
//   act by KIND: 0 gelu, x·Φ(x)   1 gelu_new, x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))   2 silu, x/(1 + e^-x)   3 relu
//
// params  sizes
// x       [rows, width or 2·width] f32
// y       [rows, width] f32
//
// Dispatch: one invocation an element of y, workgroups folded into x and y; surplus invocations return.
// Numerics: Φ by Abramowitz & Stegun 7.1.26 (|error| <= 1.5e-7 in erf; measured <= 3e-7 in gelu). Exponents are clamped,
// because WGSL may treat infinities as undefined.
override WG : u32 = 64u;
override KIND : u32 = 0u;
override GATED : bool = false;

struct Params {
  rows : u32,
  width : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read_write> y : array<f32>;

fn logistic(v : f32) -> f32 {
  return 1.0 / (1.0 + exp(min(-v, 80.0)));
}

// Φ(-|v|), half of erfc(|v|/√2): the small tail itself, so that it keeps its digits.
fn tail(v : f32) -> f32 {
  let a = abs(v) * 0.7071067811865476;
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return 0.5 * poly * exp(-min(a * a, 80.0));
}

fn act(v : f32) -> f32 {
  switch KIND {
    case 0u: { return select(v * tail(v), v - v * tail(v), v >= 0.0); }
    case 1u: { return v * logistic(1.5957691216057308 * (v + 0.044715 * v * v * v)); }
    case 2u: { return v * logistic(v); }
    default: { return max(v, 0.0); }
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let i = (group.x + group.y * groups.x) * WG + local.x;
  if (i >= params.rows * params.width) {
    return;
  }
  if (GATED) {
    let gate = (i / params.width) * 2u * params.width + i % params.width;
    y[i] = act(x[gate]) * x[gate + params.width];
  } else {
    y[i] = act(x[i]);
  }
}
