// Dense form, second half of the sums over rows: adds up what `backward` left for each tile of 32 rows. latent_grads[i] (+)= sum over tiles
// of (gradient of the latent's scalars, of u), times 1/B after the last block; firing counts are added to those already there.
//
// One invocation a latent; grid ceil(latents/64) folded. Tiles in order, going on from what is stored: row
// blocks, multiples of 32, leave no trace in the bits. Padding and latents of a run that is not live or takes the sparse form keep what they have.
// needs: sae/common, architectures, sae/gradients

struct Params {
  tiles : u32,      // ceil(rows/32)
  latents : u32,
  accumulate : u32, // 0: the first block of a step, overwrite
  batch : u32,      // B
  ends : u32,       // 1: the last block of a step
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read_write> latent_params : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> tile_sums : array<vec4<f32>>;          // [row tiles, latents, 2], as in backward.wgsl
@group(0) @binding(4) var<storage, read_write> latent_grads : array<vec4<f32>>; // [latents]: gradient of the scalars (xyz), s = mean of g_u (w); where norms are used a second plane: x = of the norm
@group(0) @binding(5) var<storage, read> active_set : Active;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.latents) {
    return;
  }
  let r = u32(latent_params[i].w);
  let run = runs.run[r];
  if (!takes_part(run, active_set.form[r], DENSE) || i >= run.first + run.width) {
    return;
  }
  let goes_on = params.accumulate != 0u;
  var sum = select(vec4(0.0), latent_grads[i], goes_on);
  var fired = 0.0;
  var second = 0.0;
  var norm = 0.0;
  if (goes_on) {
    fired = latent_params[2u * params.latents + i].w;
    if (run.mate > 0u) { second = latent_grads[i + run.mate].w; }
    if (is(run, NORMS)) { norm = latent_grads[params.latents + i].x; }
  }
  for (var tile = 0u; tile < params.tiles; tile++) {
    let at = 2u * (tile * params.latents + i);
    sum += tile_sums[at];
    let other = tile_sums[at + 1u];
    fired += other.x;
    second += other.y;
    norm += other.z;
  }
  let scale = select(1.0, 1.0 / f32(params.batch), params.ends != 0u);
  sum *= scale;
  if (params.ends != 0u) {
    sum = vec4(final_scalars(run, latent_params[i], sum.xyz, fired / f32(params.batch)), sum.w);
    latent_params[2u * params.latents + i].x += fired;
  }
  latent_params[2u * params.latents + i].w = fired;
  latent_grads[i] = sum;
  if (run.mate > 0u) { latent_grads[i + run.mate].w = second * scale; }
  if (is(run, NORMS)) { latent_grads[params.latents + i].x = norm * scale; }
}
