// Dense form, Adam on the latents' scalars (b_enc, or b_gate, r_mag, b_mag), in place; w of a record, its run or its correction, is kept.
// One invocation a latent; grid ceil(latents/64) folded. Runs that are not live or take the sparse form are skipped.

override MOMENTUM : bool = false;

struct Params {
  latents : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> sums : array<vec4<f32>>;          // [latents]: xyz = gradient
@group(0) @binding(3) var<storage, read_write> records : array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> active_set : Active;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.latents) {
    return;
  }
  let latent = records[i];
  let r = u32(latent.w);
  let run = runs.run[r];
  if (run.live == 0u || active_set.dense[r] == 0u || i >= run.first + run.width) {
    return;
  }
  let g = sums[i].xyz;
  let kept = records[params.latents + i];
  let second = run.beta2 * kept.xyz + (1.0 - run.beta2) * g * g;
  records[params.latents + i] = vec4(second, kept.w);
  var first = g;
  if (MOMENTUM) {
    first = run.beta1 * records[3u * params.latents + i].xyz + (1.0 - run.beta1) * g;
    records[3u * params.latents + i] = vec4(first, 0.0);
  }
  let change = (run.lr * run.correction1) * first / (sqrt(second * run.correction2) + run.eps);
  records[i] = vec4(latent.xyz - change, latent.w);
}
