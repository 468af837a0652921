// Clipping by the global norm, as torch.nn.utils.clip_grad_norm_: all gradients of a run together times min(1, greatest / (norm + 1e-6)), after
// the decoder's was projected. Into `run_state` and the run table. One invocation a run; grid (1). With several segments it runs once for each table.
// needs: sae/common

struct Params {
  runs : u32,  // R
  quads : u32, // Q
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> run_table : Runs;
@group(0) @binding(2) var<storage, read> norm_lanes : array<f32>;       // [R, 64]
@group(0) @binding(3) var<storage, read> grad_b_dec : array<vec4<f32>>; // [R, Q]
@group(0) @binding(4) var<storage, read_write> run_state : array<f32>;  // [R, STATE]

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) r : u32) {
  if (r >= params.runs) {
    return;
  }
  let run = run_table.run[r];
  if (run.live == 0u || run.clip_norm <= 0.0) {
    return;
  }
  var square = 0.0;
  for (var lane = 0u; lane < 64u; lane++) {
    square += norm_lanes[r * 64u + lane];
  }
  if (!is(run, FIXED_BIAS)) {
    for (var q = 0u; q < params.quads; q++) {
      let g = grad_b_dec[r * params.quads + q];
      square += dot(g, g);
    }
  }
  let norm = sqrt(square);
  run_state[r * STATE + STATE_NORM] = norm;
  run_state[r * STATE + STATE_CLIP] = min(1.0, run.clip_norm / (norm + 1e-6));
  run_table.run[r].clip = run_state[r * STATE + STATE_CLIP];
}
