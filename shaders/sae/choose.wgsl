// Which form each run takes this step, from the size of its active set: dense above `share` of its latents. A function of the run
// alone, so that no other run leaves a trace in its bits. Sets the counts to zero for the next step, and the sizes of the dense form's
// indirect dispatches: as planned, or nothing when no run needs them.
// One workgroup of 64; grid (1).
// needs: sae/common

struct Params {
  runs : u32,       // R
  batch : u32,      // B
  dispatches : u32, // of the dense form
  share : f32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read_write> counts : array<u32>;    // [R]
@group(0) @binding(3) var<storage, read> grids : array<u32>;           // [dispatches, 3]
@group(0) @binding(4) var<storage, read_write> active_set : Active;
@group(0) @binding(5) var<storage, read_write> grids_now : array<u32>; // [dispatches, 3]

var<workgroup> any : atomic<u32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) t : u32) {
  if (t < params.runs) {
    let run = runs.run[t];
    let dense = run.live != 0u && f32(counts[t]) > params.share * f32(run.width) * f32(params.batch);
    active_set.form[t] = select(SPARSE, DENSE, dense);
    counts[t] = 0u;
    if (dense) {
      atomicOr(&any, 1u);
    }
  }
  workgroupBarrier();
  let keep = atomicLoad(&any);
  for (var k = t; k < 3u * params.dispatches; k += 64u) {
    grids_now[k] = grids[k] * keep;
  }
}
