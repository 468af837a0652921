// Bindings of the kernels that update latents (latent_update.wgsl, latent_update_subgroup.wgsl), and the optimiser of one latent:
// v <- beta2 v + (1 - beta2) g²; w <- w - lr·corr1·m / (sqrt(v·corr2) + eps), m = g when beta1 = 0.
// `params` is the kernel's own; of it rows (B), quads (Q), latents (of the segment) and runs (R) are used here.

override MOMENTUM : bool = false;
const GROUP = 8u;

@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> active_set : Active;
@group(0) @binding(3) var<storage, read> x : array<vec4<f32>>;           // [B, Q]
@group(0) @binding(4) var<storage, read> errors : array<vec4<f32>>;      // [slots, B, Q]
@group(0) @binding(5) var<storage, read> bias : array<vec4<f32>>;        // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(6) var<storage, read_write> enc : array<vec4<f32>>;   // W_enc, v, m
@group(0) @binding(7) var<storage, read_write> dec : array<vec4<f32>>;   // W_dec, v, m
@group(0) @binding(8) var<storage, read_write> records : array<vec4<f32>>;
// [latents / GROUP, Q]: sum of s_i W_enc_i; with several chunks two more such planes, dW_enc and dW_dec of the latent in hand
@group(0) @binding(9) var<storage, read_write> shares : array<vec4<f32>>;

// Adam on one vec4 of W_enc, of which `old` is what it was.
fn update_enc(run : Run, at : u32, old : vec4<f32>, g : vec4<f32>) {
  let plane = params.latents * params.quads;
  let second = run.beta2 * enc[plane + at] + (1.0 - run.beta2) * g * g;
  enc[plane + at] = second;
  var first = g;
  if (MOMENTUM) {
    first = run.beta1 * enc[2u * plane + at] + (1.0 - run.beta1) * g;
    enc[2u * plane + at] = first;
  }
  enc[at] = old - (run.lr * run.correction1) * first / (sqrt(second * run.correction2) + run.eps);
}

// Adam on one vec4 of W_dec, of which `old` is what it was; returns the new one, which is not stored yet.
fn update_dec(run : Run, at : u32, old : vec4<f32>, g : vec4<f32>) -> vec4<f32> {
  let plane = params.latents * params.quads;
  let second = run.beta2 * dec[plane + at] + (1.0 - run.beta2) * g * g;
  dec[plane + at] = second;
  var first = g;
  if (MOMENTUM) {
    first = run.beta1 * dec[2u * plane + at] + (1.0 - run.beta1) * g;
    dec[2u * plane + at] = first;
  }
  return old - (run.lr * run.correction1) * first / (sqrt(second * run.correction2) + run.eps);
}

// What b_dec lacks of the mean, one vec4 column.
fn shift_at(r : u32, q : u32) -> vec4<f32> {
  return bias[r * params.quads + q] - bias[params.runs * params.quads + q];
}

// Adam on the latent's scalars; counts the rows on which it fired.
fn update_scalars(run : Run, i : u32, g : vec3<f32>, fires : f32) {
  let old = records[i];
  let kept = records[params.latents + i];
  let second = run.beta2 * kept.xyz + (1.0 - run.beta2) * g * g;
  records[params.latents + i] = vec4(second, kept.w);
  var first = g;
  if (MOMENTUM) {
    first = run.beta1 * records[3u * params.latents + i].xyz + (1.0 - run.beta1) * g;
    records[3u * params.latents + i] = vec4(first, 0.0);
  }
  records[i] = vec4(old.xyz - (run.lr * run.correction1) * first / (sqrt(second * run.correction2) + run.eps), old.w);
  records[2u * params.latents + i].x += fires;
}
