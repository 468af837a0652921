// c_i = <W_enc row i, b_dec of its run - mean>: what the shared, centred x lacks of each run's own x - b_dec, so that
// u = W_enc (x_raw - b_dec) = W_enc x - c although all runs read the same x.
// One invocation a latent; grid ceil(latents/64) folded. Entries from `latents` to the next multiple of 4 are set to 0.

struct Params {
  latents : u32,
  quads : u32,  // Q
  runs : u32,   // R: row R of `bias` is the mean
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> w_enc : array<vec4<f32>>;    // [latents, Q]
@group(0) @binding(2) var<storage, read> bias : array<vec4<f32>>;     // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(3) var<storage, read> latents : array<Latent>;     // [latents]
@group(0) @binding(4) var<storage, read_write> correction : array<f32>; // [latents rounded up to 4]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.latents) {
    if (i < (params.latents + 3u) / 4u * 4u) {
      correction[i] = 0.0;
    }
    return;
  }
  let b = u32(latents[i].w) * params.quads;
  let m = params.runs * params.quads;
  var sum = 0.0;
  for (var q = 0u; q < params.quads; q++) {
    sum += dot(w_enc[i * params.quads + q], bias[b + q] - bias[m + q]);
  }
  correction[i] = sum;
}
