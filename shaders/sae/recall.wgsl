// Evaluation: the threshold that a selection has come to, from `run_state` into the run table; 0 where inference selects too. One invocation a
// run; grid (1).
// needs: sae/common

struct Params {
  runs : u32, // R
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> run_table : Runs;
@group(0) @binding(2) var<storage, read> run_state : array<f32>; // [R, STATE]

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) r : u32) {
  if (r >= params.runs) {
    return;
  }
  let selects = (run_table.run[r].flags & (SELECTS_ROW | SELECTS_BATCH)) != 0u;
  run_table.run[r].threshold = select(run_state[r * STATE + STATE_THRESHOLD], 0.0, selects);
}
