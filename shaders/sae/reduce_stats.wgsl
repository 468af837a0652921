// Sums of the rows' statistics: totals[r] (+)= sum over rows of stats[row, r], with the cosine of each row formed here
// (its norms may have come in several column chunks).
// One workgroup of 64 a run; grid (R). Rows are summed in a fixed order. A run that is not active is skipped.

struct Params {
  rows : u32,
  block_rows : u32,
  runs : u32,   // R
  chunks : u32,
  accumulate : u32, // 0: the first block of a step, overwrite
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> stats : array<f32>;         // [chunks, block rows, R, STATS]
@group(0) @binding(3) var<storage, read_write> totals : array<f32>;  // [R, STATS]

var<workgroup> low : array<vec4<f32>, 64>;
var<workgroup> high : array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  if (runs.run[group.x].live == 0u) {
    return;
  }
  var lo = vec4(0.0);
  var hi = vec4(0.0);
  for (var row = t; row < params.rows; row += 64u) {
    var row_lo = vec4(0.0);
    var row_hi = vec4(0.0);
    for (var chunk = 0u; chunk < params.chunks; chunk++) {
      let s = ((chunk * params.block_rows + row) * params.runs + group.x) * STATS;
      row_lo += vec4(stats[s], stats[s + 1u], stats[s + 2u], stats[s + 3u]);
      row_hi += vec4(stats[s + 4u], stats[s + 5u], stats[s + 6u], 0.0);
    }
    let norms = row_hi.x * row_hi.z;
    if (norms > 0.0) {
      row_hi.w = row_hi.y * inverseSqrt(norms);
    }
    lo += row_lo;
    hi += row_hi;
  }
  low[t] = lo;
  high[t] = hi;
  workgroupBarrier();
  if (t < 4u) {
    var low_sum = low[0][t];
    var high_sum = high[0][t];
    for (var other = 1u; other < 64u; other++) {
      low_sum += low[other][t];
      high_sum += high[other][t];
    }
    let at = group.x * STATS + t;
    totals[at] = select(0.0, totals[at], params.accumulate != 0u) + low_sum;
    totals[at + 4u] = select(0.0, totals[at + 4u], params.accumulate != 0u) + high_sum;
  }
}
