// Squared gradient norms of a run's latents, added up over 64 lanes: lane k owns every 64th latent of the run, in order, whatever the
// segments. One workgroup of 64 a run; grid (R). Runs without clipping are skipped.
// needs: sae/common

struct Params {
  latents : u32, // of the segment
  first : u32,   // 1: first segment
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> latent_params : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> norm_lanes : array<f32>; // [R, 64]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let run = runs.run[group.x];
  if (run.live == 0u || run.clip_norm <= 0.0) {
    return;
  }
  var sum = 0.0;
  if (params.first == 0u) {
    sum = norm_lanes[group.x * 64u + t];
  }
  for (var k = (t + 64u - run.before % 64u) % 64u; k < run.width; k += 64u) {
    sum += latent_params[2u * params.latents + run.first + k].z;
  }
  norm_lanes[group.x * 64u + t] = sum;
}
