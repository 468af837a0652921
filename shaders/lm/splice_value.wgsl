// What a hook's value is replaced by in an ablation.
//
//   y[r, c] = scale · x[r, c] + shift[c]      half: scale = 1/2, shift = 0   mean: scale = 0, shift = mean   zero: both 0
//
// params  sizes and scale; scale = 0 does not read x at all, so that a NaN there cannot pass
// x       [rows, width] f32
// shift   [width] f32
// y       [rows, width] f32, not x
//
// Dispatch: one invocation an element, workgroups folded into x and y; surplus invocations return.
override WG : u32 = 64u;

struct Params {
  rows : u32,
  width : u32,
  scale : f32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read> shift : array<f32>;
@group(0) @binding(3) var<storage, read_write> y : array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let i = (group.x + group.y * groups.x) * WG + local.x;
  if (i >= params.rows * params.width) {
    return;
  }
  var value = shift[i % params.width];
  if (params.scale != 0.0) {
    value += params.scale * x[i];
  }
  y[i] = value;
}
