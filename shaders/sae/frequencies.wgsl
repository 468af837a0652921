// Sum over a run's latents of the square of their firing frequency in the batch, for the log of a penalty that is a function of it; into
// `run_state`. Lane k owns every 64th latent, the lanes are added in order; several segments are added up one after the other (a logged value alone).
// One workgroup of 64 a run; grid (R). After the latents' update, which leaves the counts in w of plane 2 of `latent_params`.
// needs: sae/common

struct Params {
  latents : u32, // of the segment
  batch : u32,   // B
  first : u32,   // 1: first segment
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> latent_params : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> run_state : array<f32>; // [R, STATE]

var<workgroup> lanes : array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let run = runs.run[group.x];
  if (run.live == 0u) {
    return;
  }
  var sum = 0.0;
  for (var k = t; k < run.width; k += 64u) {
    let frequency = latent_params[2u * params.latents + run.first + k].w / f32(params.batch);
    sum += frequency * frequency;
  }
  lanes[t] = sum;
  workgroupBarrier();
  if (t == 0u) {
    var total = 0.0;
    if (params.first == 0u) {
      total = run_state[group.x * STATE + STATE_SQUARES];
    }
    for (var lane = 0u; lane < 64u; lane++) {
      total += lanes[lane];
    }
    run_state[group.x * STATE + STATE_SQUARES] = total;
  }
}
