// LayerNorm of each row.
//
//   y[r, c] = (x[r, c] - mean_r) / sqrt(var_r + eps) · weight[c] + bias[c],  var_r = mean of (x - mean_r)²
//
// params  sizes and eps
// x       [rows, width] f32
// weight  [width] f32
// bias    [width] f32
// y       [rows, width] f32
//
// Dispatch: one workgroup a row, workgroups folded into x and y; lane l owns columns l, l + WG, ….
// Numerics: f32, two passes (mean first, then centred squares), each lane's partials added in lane order by every lane,
// so the result does not depend on scheduling.
override WG : u32 = 32u;

struct Params {
  rows : u32,
  width : u32,
  eps : f32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read> weight : array<f32>;
@group(0) @binding(3) var<storage, read> bias : array<f32>;
@group(0) @binding(4) var<storage, read_write> y : array<f32>;

var<workgroup> sums : array<f32, WG>;
var<workgroup> squares : array<f32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) {
    return;
  }
  let base = row * params.width;
  // Lanes past the width hold 0. Not a constant, so that compilers do not unroll (3 s on lavapipe).
  let lanes = min(WG, params.width);
  var part = 0.0;
  for (var c = local.x; c < params.width; c += WG) {
    part += x[base + c];
  }
  sums[local.x] = part;
  workgroupBarrier();
  var mean = 0.0;
  for (var l = 0u; l < lanes; l++) {
    mean += sums[l];
  }
  mean /= f32(params.width);
  part = 0.0;
  for (var c = local.x; c < params.width; c += WG) {
    let centred = x[base + c] - mean;
    part += centred * centred;
  }
  squares[local.x] = part;
  workgroupBarrier();
  var variance = 0.0;
  for (var l = 0u; l < lanes; l++) {
    variance += squares[l];
  }
  let scale = 1.0 / sqrt(variance / f32(params.width) + params.eps);
  for (var c = local.x; c < params.width; c += WG) {
    y[base + c] = (x[base + c] - mean) * scale * weight[c] + bias[c];
  }
}
