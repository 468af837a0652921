// c_i = <W_enc row i, b_dec of its run - mean>: what the shared, centred x lacks of each run's own x - b_dec, so that
// u = W_enc (x_raw - b_dec) = W_enc x - c although all runs read the same x. Into plane 1 of the records, w.
// One invocation a latent; grid ceil(latents/64) folded.

struct Params {
  latents : u32,
  quads : u32,  // Q
  runs : u32,   // R: row R of `bias` is the mean
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> enc : array<vec4<f32>>;     // W_enc, first plane
@group(0) @binding(2) var<storage, read> bias : array<vec4<f32>>;    // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(3) var<storage, read_write> records : array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.latents) {
    return;
  }
  let b = u32(records[i].w) * params.quads;
  let m = params.runs * params.quads;
  var sum = 0.0;
  for (var q = 0u; q < params.quads; q++) {
    sum += dot(enc[i * params.quads + q], bias[b + q] - bias[m + q]);
  }
  records[params.latents + i].w = sum;
}
