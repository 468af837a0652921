// Dense form, second half of the sums over rows: adds up what `backward` left for each tile of 32 rows. latent_grads[i] (+)= sum over tiles
// of (gradient of the latent's scalars, of u), times 1/B after the last block; firing counts are added to those already there.
//
// One invocation a latent; grid ceil(latents/64) folded. Tiles in order, going on from what is stored: row
// blocks, multiples of 32, leave no trace in the bits. Latents of a run that is not live or takes the sparse form keep their sums.
// needs: sae/common

struct Params {
  tiles : u32,      // ceil(rows/32)
  latents : u32,
  accumulate : u32, // 0: the first block of a step, overwrite
  scale : f32,      // 1 before the last block, where it is 1/B
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read_write> latent_params : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> tile_sums : array<vec4<f32>>;          // [row tiles, latents, 2], as in backward.wgsl
@group(0) @binding(4) var<storage, read_write> latent_grads : array<vec4<f32>>; // [latents]: gradient of the scalars (xyz), s = mean of g_u (w)
@group(0) @binding(5) var<storage, read> active_set : Active;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.latents) {
    return;
  }
  let r = u32(latent_params[i].w);
  if (!takes_part(runs.run[r], active_set.form[r], DENSE)) {
    return;
  }
  var sum = select(vec4(0.0), latent_grads[i], params.accumulate != 0u);
  var fired = 0.0;
  for (var tile = 0u; tile < params.tiles; tile++) {
    let at = 2u * (tile * params.latents + i);
    sum += tile_sums[at];
    fired += tile_sums[at + 1u].x;
  }
  latent_grads[i] = sum * params.scale;
  latent_params[2u * params.latents + i].x += fired;
  latent_params[2u * params.latents + i].w = fired + select(0.0, latent_params[2u * params.latents + i].w, params.accumulate != 0u);
}
