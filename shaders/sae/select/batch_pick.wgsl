// Selection from a whole batch: the next bits of the threshold, the B·k-th largest positive score, from the counts of batch_count.wgsl, which are
// set to zero. Of fewer positive scores the smallest is the threshold; where the floor may have hidden some they are counted again first.
// One workgroup of 64 a run; grid (R). Runs that are not live or do not select so are skipped.
// needs: sae/common, sae/select/state

override REFILL : bool = false;
const SHARE = 32u; // bins an invocation

struct Params {
  batch : u32, // B
  round : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read_write> selection : array<u32>;

var<workgroup> sums : array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let r = group.x;
  let run = runs.run[r];
  if (run.live == 0u || !is(run, SELECTS_BATCH)) {
    return;
  }
  let own = r * SELECTION;
  let is_short = selection[own + PICK_SHORT] != 0u;
  let bits = select(10u, 11u, params.round == 0u);
  // Invocation 0 has the highest.
  let to = own + PICK_BINS + SHARE * (64u - t);
  var sum = 0u;
  for (var bin = to - SHARE; bin < to; bin++) {
    sum += selection[bin];
  }
  sums[t] = sum;
  workgroupBarrier();
  var above = 0u;
  var total = 0u;
  for (var other = 0u; other < 64u; other++) {
    total += sums[other];
    above += select(0u, sums[other], other < t);
  }
  let floor = bitcast<f32>(selection[own + FLOOR]);
  let prefix = select(selection[own + PICK_PREFIX], 0u, params.round == 0u);
  var want = selection[own + PICK_LEFT];
  if (params.round == 0u) {
    want = min(run.k * params.batch, total);
  }
  workgroupBarrier();
  if (REFILL && !is_short) {
    return;
  }
  if (!REFILL && params.round == 0u && t == 0u) {
    selection[own + PICK_SHORT] = select(0u, 1u, floor > 0.0 && total < run.k * params.batch);
  }
  if (above < want && want <= above + sum) {
    var left = want - above;
    var bin = to - 1u;
    while (selection[bin] < left) {
      left -= selection[bin];
      bin--;
    }
    selection[own + PICK_PREFIX] = (prefix << bits) | (bin - own - PICK_BINS);
    selection[own + PICK_LEFT] = left;
    selection[own + PICK_TIED] = select(0u, 1u, left < selection[bin]);
  }
  if (want == 0u && t == 0u) {
    selection[own + PICK_PREFIX] = 0u;
    selection[own + PICK_LEFT] = 0u;
    selection[own + PICK_TIED] = 0u;
  }
  for (var bin = to - SHARE; bin < to; bin++) {
    selection[bin] = 0u;
  }
}
