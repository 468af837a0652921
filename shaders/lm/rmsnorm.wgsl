// RMSNorm of each row (Llama).
//
//   y[r, c] = x[r, c] / sqrt(mean_c x[r, c]² + eps) · weight[c]
//
// params  sizes and eps
// x       [rows, width] f32
// weight  [width] f32
// y       [rows, width] f32
//
// Dispatch: one workgroup a row, workgroups folded into x and y; lane l owns columns l, l + WG, ….
// Numerics: f32; lanes' partial sums added in lane order by every lane.
override WG : u32 = 32u;

struct Params {
  rows : u32,
  width : u32,
  eps : f32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read> weight : array<f32>;
@group(0) @binding(3) var<storage, read_write> y : array<f32>;

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
    part += x[base + c] * x[base + c];
  }
  squares[local.x] = part;
  workgroupBarrier();
  var total = 0.0;
  for (var l = 0u; l < lanes; l++) {
    total += squares[l];
  }
  let scale = 1.0 / sqrt(total / f32(params.width) + params.eps);
  for (var c = local.x; c < params.width; c += WG) {
    y[base + c] = x[base + c] * scale * weight[c];
  }
}
