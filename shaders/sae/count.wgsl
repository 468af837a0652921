// Size of each run's active set: counts[r] += bits of the batch. u32 atomics, whose order leaves no trace.
// One workgroup of 64 a (group of 4 rows, run); grid (ceil(B/4), R). Runs that are not live are skipped.
// needs: sae/common

struct Params {
  latents : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> active_set : Active;
@group(0) @binding(3) var<storage, read_write> counts : array<atomic<u32>>; // [R]

var<workgroup> total : atomic<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let run = runs.run[group.y];
  if (run.live == 0u) {
    return;
  }
  var n = 0u;
  let base = group.x * (params.latents / 4u) + run.first / 4u;
  for (var k = t; k < (run.width + 3u) / 4u; k += 64u) {
    n += countOneBits(active_set.words[base + k]);
  }
  atomicAdd(&total, n);
  workgroupBarrier();
  if (t == 0u) {
    atomicAdd(&counts[group.y], atomicLoad(&total));
  }
}
