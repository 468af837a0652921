// After the main selection: the threshold of inference, the number of dead latents and how many of them AuxK may take a row, and the floors of
// the next step's candidates.
//
// The threshold follows m: the mean over the rows of the smallest score that was kept (rows that kept none left out), or of a selection from the
// whole batch the smallest of all. It is formed in steps after `start`, unless nothing was kept: m the first time, then a running mean.
// Floors lie SPREAD standard deviations below the mean over the rows of smallest kept score over norm, and a little lower still; of a
// batch, MARGIN of the smallest of all. Rows that nevertheless have fewer candidates than they must keep cost time, nothing else.
// One workgroup of INVOCATIONS a run; grid (R). Sums over rows run in a fixed order. Runs that are not live or select nothing are skipped.
// needs: sae/common, sae/select/state

override INVOCATIONS : u32 = 64u;
const SPREAD = 2.5;
const MARGIN = 0.95;

struct Params {
  batch : u32,      // B
  row_groups : u32, // ceil(B/4)
  runs : u32,       // R
  d : u32,          // D
  lanes : u32,      // INVOCATIONS, as a number no compiler knows (see sae/latent_update)
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> floors : array<f32>; // [2 R + 1, 4 row_groups], the last plane norms
@group(0) @binding(3) var<storage, read> least : array<f32>;  // [2 R, 4 row_groups]
@group(0) @binding(4) var<storage, read_write> selection : array<u32>;
@group(0) @binding(5) var<storage, read_write> run_state : array<f32>; // [R, STATE]

struct Moments {
  rows : f32,    // that kept any
  least : f32,   // sums over them
  ratio : f32,
  square : f32,
}

var<workgroup> partial : array<Moments, INVOCATIONS>;

// Of one plane of `least`; `by_norm` whether it is to be divided by the rows' norms yet.
fn moments(plane : u32, by_norm : bool, t : u32) -> Moments {
  let stride = 4u * params.row_groups;
  var own = Moments();
  for (var row = t; row < params.batch; row += INVOCATIONS) {
    let value = least[plane * stride + row];
    let norm = select(1.0, max(floors[2u * params.runs * stride + row], 1e-30), by_norm);
    if (value > 0.0) {
      let ratio = value / norm;
      own.rows += 1.0;
      own.least += value;
      own.ratio += ratio;
      own.square += ratio * ratio;
    }
  }
  workgroupBarrier();
  partial[t] = own;
  workgroupBarrier();
  var all = Moments();
  for (var other = 0u; other < params.lanes; other++) {
    all.rows += partial[other].rows;
    all.least += partial[other].least;
    all.ratio += partial[other].ratio;
    all.square += partial[other].square;
  }
  return all;
}

fn floor_of(all : Moments) -> f32 {
  let rows = max(all.rows, 1.0);
  let mean = all.ratio / rows;
  return max(0.0, MARGIN * (mean - SPREAD * sqrt(max(0.0, all.square / rows - mean * mean))));
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let r = group.x;
  let run = runs.run[r];
  if (run.live == 0u || !is(run, SELECTS_ROW | SELECTS_BATCH)) {
    return;
  }
  let rows = moments(r, true, t);
  // The dead latents' as the step before left them.
  let of_dead = moments(params.runs + r, false, t);
  if (t != 0u) {
    return;
  }
  let own = r * SELECTION;
  let state = r * STATE;
  var m = rows.least / max(rows.rows, 1.0);
  if (is(run, SELECTS_BATCH)) {
    m = bitcast<f32>(selection[own + PICK_PREFIX]);
    selection[own + FLOOR] = bitcast<u32>(MARGIN * m);
  } else {
    selection[own + FLOOR] = bitcast<u32>(floor_of(rows));
  }
  if (run.step > run.start && m > 0.0) {
    let before = run_state[state + STATE_THRESHOLD];
    run_state[state + STATE_THRESHOLD] = select(run.decay * before + (1.0 - run.decay) * m, m, before < 0.0);
  }
  let dead = selection[own + DEAD_COUNT];
  let k_aux = min(select(params.d / 2u, run.k_aux, run.k_aux > 0u), dead);
  selection[own + DEAD_COUNT] = 0u;
  selection[own + DEAD_FLOOR] = select(0u, bitcast<u32>(floor_of(of_dead)), k_aux < dead);
  run_state[state + STATE_DEAD] = f32(dead);
  run_state[state + STATE_K_AUX] = f32(k_aux);
}
