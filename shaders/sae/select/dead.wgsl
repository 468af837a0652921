// Rows since each latent of a selecting run was last kept (y of its parameters), this batch included; which latents are dead, four a word;
// how many. u32 atomics, whose order leaves no trace.
// One workgroup of INVOCATIONS (4 at least) a group of 4 latents; grid `latents / 4` folded. Runs that are not live or select nothing are skipped.
// needs: sae/common, sae/select/state

override INVOCATIONS : u32 = 64u;

struct Params {
  batch : u32,      // B
  latents : u32,    // of the segment
  row_groups : u32, // ceil(B/4)
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> active_set : Active;
@group(0) @binding(3) var<storage, read_write> latent_params : array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dead : array<u32>; // [latents/4]
@group(0) @binding(5) var<storage, read_write> selection : array<atomic<u32>>;

var<workgroup> owner : u32;
var<workgroup> kept : atomic<u32>;
var<workgroup> died : atomic<u32>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let column = group.x + group.y * groups.x;
  if (column >= params.latents / 4u) {
    return;
  }
  // The same for all four, padding included.
  if (t == 0u) {
    owner = u32(latent_params[4u * column].w);
  }
  let r = workgroupUniformLoad(&owner);
  let run = runs.run[r];
  if (run.live == 0u || !is(run, SELECTS_ROW | SELECTS_BATCH)) {
    return;
  }
  let at = params.row_groups * (params.latents / 4u + column);
  var bits = 0u;
  for (var k = t; k < params.row_groups; k += INVOCATIONS) {
    bits |= active_set.words[at + k];
  }
  atomicOr(&kept, bits);
  workgroupBarrier();
  let i = 4u * column + t;
  if (t < 4u && i < run.first + run.width) {
    let is_kept = ((atomicLoad(&kept) >> (4u * t)) & 15u) != 0u;
    let rows = select(latent_params[i].y + f32(params.batch), 0.0, is_kept);
    latent_params[i].y = rows;
    atomicOr(&died, select(0u, 1u << t, rows >= run.dead_after));
  }
  workgroupBarrier();
  if (t == 0u) {
    let all = atomicLoad(&died);
    dead[column] = all;
    if (all != 0u) {
      atomicAdd(&selection[r * SELECTION + DEAD_COUNT], countOneBits(all));
    }
  }
}
