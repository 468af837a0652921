// Rows since each latent of a selecting run was last kept (y of its parameters), this batch included; which latents are dead, four a word;
// how many. u32 atomics, whose order leaves no trace.
// One invocation a group of 4 latents; grid `latents / (4 INVOCATIONS)` folded. Runs that are not live or select nothing are skipped.
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

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let column = (group.x + group.y * groups.x) * INVOCATIONS + t;
  if (column >= params.latents / 4u) {
    return;
  }
  // The same for all four, padding included.
  let r = u32(latent_params[4u * column].w);
  let run = runs.run[r];
  if (run.live == 0u || !is(run, SELECTS_ROW | SELECTS_BATCH)) {
    return;
  }
  let at = params.row_groups * (params.latents / 4u + column);
  var kept = 0u;
  for (var k = 0u; k < params.row_groups; k++) {
    kept |= active_set.words[at + k];
  }
  var died = 0u;
  for (var k = 0u; k < 4u; k++) {
    let i = 4u * column + k;
    if (i < run.first + run.width) {
      let is_kept = ((kept >> (4u * k)) & 15u) != 0u;
      let rows = select(latent_params[i].y + f32(params.batch), 0.0, is_kept);
      latent_params[i].y = rows;
      died |= select(0u, 1u << k, rows >= run.dead_after);
    }
  }
  dead[column] = died;
  if (died != 0u) {
    atomicAdd(&selection[r * SELECTION + DEAD_COUNT], countOneBits(died));
  }
}
