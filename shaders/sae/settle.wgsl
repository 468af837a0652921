// What the batch decides about a run, between its statistics and its gradients: the sparsity coefficient (a target for L0; an annealed
// penalty), and the weight of AuxK, whose loss is relative to the variance of the error. Into `run_state`, and from there into the run table that the
// kernels after it read. One invocation a run; grid (1). With several segments it runs once for each table; the first one decides.
//
// Target: the term is (L0/L0* - 1)², so that what λ·(sum of [f != 0]) has for a coefficient is λ·2 (L0/L0* - 1)/L0*.
// Annealing (dictionary_learning's p_anneal): pairs (penalty at p, penalty at the next p) of the last `queue` steps are kept where there is a
// next p; at a change the coefficient is multiplied by the ratio of their sums. The step itself uses what was before.
// needs: sae/common

struct Params {
  runs : u32,  // R
  batch : u32, // B
  quads : u32, // Q
  first : u32, // 1: first segment
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> run_table : Runs;
@group(0) @binding(2) var<storage, read> totals : array<f32>;           // [R, STATS]
@group(0) @binding(3) var<storage, read> error_mean : array<vec4<f32>>; // [R, Q]
@group(0) @binding(4) var<storage, read_write> run_state : array<f32>;  // [R, STATE]

fn decide(r : u32, run : Run) {
  let at = r * STATE;
  let per_row = 1.0 / f32(params.batch);
  var lambda = run.lambda;
  if (run.target_l0 > 0.0) {
    lambda *= 2.0 * (totals[r * STATS + STAT_L0] * per_row / run.target_l0 - 1.0) / run.target_l0;
  }
  if (is(run, ANNEALS)) {
    lambda *= run_state[at + STATE_COEFFICIENT];
    anneal(r, run);
  }
  run_state[at + STATE_LAMBDA] = lambda;
  if (is(run, AUX_ERROR)) {
    var variance = totals[r * STATS + STAT_ERROR] * per_row;
    for (var q = 0u; q < params.quads; q++) {
      let mean = error_mean[r * params.quads + q];
      variance -= dot(mean, mean);
    }
    run_state[at + STATE_AUX] = select(0.0, run.aux_weight / variance, run_state[at + STATE_DEAD] > 0.0 && variance > 0.0);
  } else {
    run_state[at + STATE_AUX] = run.aux_weight;
  }
}

fn anneal(r : u32, run : Run) {
  let at = r * STATE;
  let has_next = run.next_power != run.power;
  if (has_next) {
    let queued = u32(run_state[at + STATE_QUEUED]);
    let place = at + STATE_QUEUE + 2u * (queued % run.queue);
    run_state[place] = totals[r * STATS + STAT_PENALTY];
    run_state[place + 1u] = totals[r * STATS + STAT_EXTRA];
    run_state[at + STATE_QUEUED] = f32(queued + 1u);
  }
  if (has_next && run.anneal != 0u) {
    var now = 0.0;
    var next = 0.0;
    for (var k = 0u; k < min(run.queue, u32(run_state[at + STATE_QUEUED])); k++) {
      now += run_state[at + STATE_QUEUE + 2u * k];
      next += run_state[at + STATE_QUEUE + 2u * k + 1u];
    }
    if (next > 0.0) {
      run_state[at + STATE_COEFFICIENT] *= now / next;
    }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) r : u32) {
  if (r >= params.runs) {
    return;
  }
  let run = run_table.run[r];
  if (run.live == 0u) {
    return;
  }
  if (params.first != 0u) {
    decide(r, run);
  }
  run_table.run[r].lambda = run_state[r * STATE + STATE_LAMBDA];
  run_table.run[r].aux_weight = run_state[r * STATE + STATE_AUX];
}
