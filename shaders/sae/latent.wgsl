// Bindings of the kernels that update latents (latent_update.wgsl, processor/latent_update.wgsl), and the optimiser of one latent.
// `params` is the kernel's own; of it batch (B), quads (Q), latents (of the segment) and runs (R) are used here.
// needs: sae/gradients

const GROUP = 8u;

@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> active_set : Active;
@group(0) @binding(3) var<storage, read> x : array<vec4<f32>>;           // [B, Q]
@group(0) @binding(4) var<storage, read> residuals : array<vec4<f32>>;   // [slots, B, Q]
@group(0) @binding(5) var<storage, read> b_dec : array<vec4<f32>>;       // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(6) var<storage, read_write> w_enc : array<vec4<f32>>; // W_enc, v, m
@group(0) @binding(7) var<storage, read_write> w_dec : array<vec4<f32>>; // W_dec, v, m
@group(0) @binding(8) var<storage, read_write> latent_params : array<vec4<f32>>;
// [latents / GROUP, Q]: sum of s_i W_enc_i; with several chunks two more such planes, dW_enc and dW_dec of the latent in hand
@group(0) @binding(9) var<storage, read_write> shares : array<vec4<f32>>;

// Gradient norms are measured, for clipping, and nothing is updated.
override MEASURE : bool = false;
// Some run's auxiliary loss trains the decoder.
override TRAINED : bool = false;

// Whether the kernel works on a run: those that are clipped are measured first.
fn is_wanted(run : Run, form : u32) -> bool {
  return takes_part(run, form, SPARSE) && (!MEASURE || run.clip_norm > 0.0);
}

// Adam on one vec4 of W_enc, of which `old` is what it was.
fn update_enc(run : Run, at : u32, old : vec4<f32>, gradient : vec4<f32>) {
  if (is(run, FIXED_ENC)) {
    return;
  }
  let g = gradient * run.clip;
  let plane = params.latents * params.quads;
  var before = AdamState(old, w_enc[plane + at], vec4(0.0));
  if (MOMENTUM) { before.m = w_enc[2u * plane + at]; }
  let after = adam(run, before, g);
  w_enc[at] = after.w;
  w_enc[plane + at] = after.v;
  if (MOMENTUM) { w_enc[2u * plane + at] = after.m; }
}

// Adam on one vec4 of W_dec, of which `old` is what it was; returns the new one, which is not stored yet.
fn update_dec(run : Run, at : u32, old : vec4<f32>, gradient : vec4<f32>) -> vec4<f32> {
  if (is(run, FIXED_DEC)) {
    return old;
  }
  let g = gradient * run.clip;
  let plane = params.latents * params.quads;
  var before = AdamState(old, w_dec[plane + at], vec4(0.0));
  if (MOMENTUM) { before.m = w_dec[2u * plane + at]; }
  let after = adam(run, before, g);
  w_dec[plane + at] = after.v;
  if (MOMENTUM) { w_dec[2u * plane + at] = after.m; }
  return after.w;
}

// What the encoder's bias lacks of the mean, one vec4 column: x - mean is given, and it sees x - b_dec, or x.
fn shift_at(run : Run, r : u32, q : u32) -> vec4<f32> {
  return shift_of(run, b_dec[r * params.quads + q], b_dec[params.runs * params.quads + q]);
}

// Gradients of the scalars that learn, given the mean over the batch and the rows on which the latent fired.
fn scalar_gradients(run : Run, i : u32, mean : vec3<f32>, fires : f32) -> vec3<f32> {
  return final_scalars(run, latent_params[i], mean, fires / f32(params.batch));
}

// Adam on the latent's scalars; counts the rows on which it fired. Scalars that do not learn have gradients, and so moments, of zero.
fn update_scalars(run : Run, i : u32, gradients : vec3<f32>, fires : f32) {
  let g = gradients * run.clip;
  let old = latent_params[i];
  let kept = latent_params[params.latents + i];
  var before = AdamState(old, vec4(kept.xyz, 0.0), vec4(0.0));
  if (MOMENTUM) { before.m = latent_params[3u * params.latents + i]; }
  let after = adam(run, before, vec4(g, 0.0));
  latent_params[i] = vec4(after.w.xyz, old.w);
  latent_params[params.latents + i] = vec4(after.v.xyz, kept.w);
  if (MOMENTUM) { latent_params[3u * params.latents + i] = vec4(after.m.xyz, 0.0); }
  latent_params[2u * params.latents + i].x += fires;
  latent_params[2u * params.latents + i].w = fires;
}
