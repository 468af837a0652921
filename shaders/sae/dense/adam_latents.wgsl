// Adam on the latents' scalars (b_enc, or b_gate, r_mag, b_mag), in place; w of a latent, its run, is kept.
// One invocation a latent; grid ceil(latents/64) folded. Runs that are not live are skipped.

override MOMENTUM : bool = false;

struct Params {
  latents : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> sums : array<vec4<f32>>;         // [latents, 2]: xyz of the first = gradient
@group(0) @binding(3) var<storage, read_write> latents : array<Latent>;   // [latents]
@group(0) @binding(4) var<storage, read_write> v : array<vec4<f32>>;      // [latents]
@group(0) @binding(5) var<storage, read_write> m : array<vec4<f32>>;      // [latents] with MOMENTUM, else unused

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
  let g = vec4(sums[2u * i].xyz, 0.0);
  let second = run.beta2 * v[i] + (1.0 - run.beta2) * g * g;
  v[i] = second;
  var first = g;
  if (MOMENTUM) {
    first = run.beta1 * m[i] + (1.0 - run.beta1) * g;
    m[i] = first;
  }
  let change = (run.lr * run.correction1) * first / (sqrt(second * run.correction2) + run.eps);
  latents[i] = vec4(latent.xyz - change.xyz, latent.w);
}
