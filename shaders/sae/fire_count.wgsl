// Rows on which each latent fires (f > 0), added to a running count: for evaluation, where no backward pass counts them.
// One invocation a latent, walking its column of u; grid ceil(latents/64) folded. Runs that are not live are
// skipped, so that one evaluated in several passes is counted once.

struct Params {
  rows : u32,
  latents : u32,
  ut_stride : u32, // values a row of ut
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> ut : array<f32>;             // [latents, ut_stride]
@group(0) @binding(3) var<storage, read> latents : array<Latent>;     // [latents]
@group(0) @binding(4) var<storage, read_write> fires : array<u32>;    // [latents]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.latents) {
    return;
  }
  let latent = latents[i];
  let run = runs.run[u32(latent.w)];
  if (run.live == 0u) {
    return;
  }
  var count = 0u;
  for (var row = 0u; row < params.rows; row++) {
    count += select(0u, 1u, activate(run.arch, ut[i * params.ut_stride + row], latent).f > 0.0);
  }
  fires[i] += count;
}
