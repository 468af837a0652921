// Column sums of blocks of rows, for the mean of a hook's value.
//
//   sums[b, c] = Σ x[r, c] over rows r of block b (rows b·BLOCK .. (b+1)·BLOCK)
//
// params  sizes
// x       [rows, width] f32
// sums    [⌈rows / BLOCK⌉, width] f32; the host adds the blocks in float64
//
// Dispatch: one invocation a (block, column), workgroups folded into x and y; surplus invocations return.
override WG : u32 = 64u;
override BLOCK : u32 = 64u;

struct Params {
  rows : u32,
  width : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read_write> sums : array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let i = (group.x + group.y * groups.x) * WG + local.x;
  let block = i / params.width;
  let column = i % params.width;
  if (block * BLOCK >= params.rows) {
    return;
  }
  let end = min(params.rows, (block + 1u) * BLOCK);
  var total = 0.0;
  for (var row = block * BLOCK; row < end; row++) {
    total += x[row * params.width + column];
  }
  sums[i] = total;
}
