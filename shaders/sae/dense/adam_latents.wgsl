// Dense form, Adam on the latents' scalars (b_enc, or b_gate, r_mag, b_mag), in place; w of a record, its run or its correction, is kept.
// With MEASURE the squares of all gradients of a latent are added up instead, of runs that are clipped.
// One invocation a latent; grid ceil(latents/64) folded. Runs that are not live or take the sparse form are skipped.
// needs: sae/common, sae/adam

override MEASURE : bool = false;

struct Params {
  latents : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> latent_grads : array<vec4<f32>>; // [latents]: xyz = gradient
@group(0) @binding(3) var<storage, read_write> latent_params : array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> active_set : Active;
@group(0) @binding(5) var<storage, read> squares : array<vec4<f32>>;      // [latents], as in adam_rows.wgsl

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.latents) {
    return;
  }
  let latent = latent_params[i];
  let r = u32(latent.w);
  let run = runs.run[r];
  if (!takes_part(run, active_set.form[r], DENSE) || i >= run.first + run.width) {
    return;
  }
  if (MEASURE) {
    let g = latent_grads[i].xyz;
    let rows = squares[i];
    let second = select(0.0, rows.z, run.mate > 0u);
    if (run.clip_norm > 0.0) { latent_params[2u * params.latents + i].z = dot(g, g) + rows.x + rows.y + second; }
    return;
  }
  let kept = latent_params[params.latents + i];
  var before = AdamState(latent, vec4(kept.xyz, 0.0), vec4(0.0));
  if (MOMENTUM) { before.m = latent_params[3u * params.latents + i]; }
  let after = adam(run, before, vec4(latent_grads[i].xyz * run.clip, 0.0));
  latent_params[i] = vec4(after.w.xyz, latent.w);
  latent_params[params.latents + i] = vec4(after.v.xyz, kept.w);
  if (MOMENTUM) { latent_params[3u * params.latents + i] = vec4(after.m.xyz, 0.0); }
}
