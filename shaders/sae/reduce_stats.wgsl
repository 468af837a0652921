// Sums of the rows' statistics: totals[r] = sum over rows of stats[row, r], with the cosine of each row formed here
// (its norms may have come in several column chunks).
// One workgroup of 64 a run; grid (R). An invocation sums groups of 32 consecutive rows, the groups are added
// in order. A run that is not active is skipped.
// needs: sae/common

struct Params {
  rows : u32,
  batch : u32,  // B: rows of `stats`
  runs : u32,   // R
  chunks : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> stats : array<f32>;        // [chunks, B, R, STATS]
@group(0) @binding(3) var<storage, read_write> totals : array<f32>; // [R, STATS]

const GROUP = 32u;

var<workgroup> sums : array<array<f32, STATS>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  if (runs.run[group.x].live == 0u) {
    return;
  }
  // Invocations 0 to 7 each own one of the totals.
  var total = 0.0;
  for (var base = 0u; base < params.rows; base += 64u * GROUP) {
    var sum = array<f32, STATS>();
    let first = base + t * GROUP;
    for (var row = first; row < min(first + GROUP, params.rows); row++) {
      var own = array<f32, STATS>();
      for (var chunk = 0u; chunk < params.chunks; chunk++) {
        let s = ((chunk * params.batch + row) * params.runs + group.x) * STATS;
        for (var k = 0u; k < STATS; k++) {
          if (k != STAT_COSINE) {
            own[k] += stats[s + k];
          }
        }
      }
      let norms = own[STAT_HAT] * own[STAT_X];
      if (norms > 0.0) {
        own[STAT_COSINE] = own[STAT_CROSS] * inverseSqrt(norms);
      }
      for (var k = 0u; k < STATS; k++) {
        sum[k] += own[k];
      }
    }
    sums[t] = sum;
    workgroupBarrier();
    if (t < STATS) {
      for (var other = 0u; other < 64u; other++) {
        total += sums[other][t];
      }
    }
    workgroupBarrier();
  }
  if (t < STATS) {
    totals[group.x * STATS + t] = total;
  }
}
