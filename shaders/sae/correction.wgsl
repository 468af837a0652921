// c_i = <W_enc row i, b_dec of its run - mean>: what the shared, centred x lacks of each run's own x - b_dec, so that
// u = W_enc (x_raw - b_dec) = W_enc x - c although all runs read the same x. Into w of plane 1 of `latent_params`.
// One invocation a latent; grid ceil(latents/64) folded.

struct Params {
  latents : u32,
  quads : u32,  // Q
  runs : u32,   // R: row R of `bias` is the mean
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> w_enc : array<vec4<f32>>; // W_enc, first plane
@group(0) @binding(2) var<storage, read> b_dec : array<vec4<f32>>; // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(3) var<storage, read_write> latent_params : array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.latents) {
    return;
  }
  let b = u32(latent_params[i].w) * params.quads;
  let m = params.runs * params.quads;
  var sum = 0.0;
  for (var q = 0u; q < params.quads; q++) {
    sum += dot(w_enc[i * params.quads + q], b_dec[b + q] - b_dec[m + q]);
  }
  latent_params[params.latents + i].w = sum;
}
