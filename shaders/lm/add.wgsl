// Residual addition.
//
//   y[i] = a[i] + b[i]
//
// params   count of elements
// a, b, y  [count] f32; y is neither a nor b, because the state before the addition is kept for later continuations
//
// Dispatch: one invocation an element, workgroups folded into x and y; surplus invocations return.
override WG : u32 = 64u;

struct Params {
  count : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> a : array<f32>;
@group(0) @binding(2) var<storage, read> b : array<f32>;
@group(0) @binding(3) var<storage, read_write> y : array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let i = (group.x + group.y * groups.x) * WG + local.x;
  if (i < params.count) {
    y[i] = a[i] + b[i];
  }
}
