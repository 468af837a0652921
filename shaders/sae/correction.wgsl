// c_i = <W_enc row i, b_dec of its run - mean>: what the shared, centred x lacks of each run's own x - b_dec, so that
// u = W_enc (x_raw - b_dec) = W_enc x - c although all runs read the same x; with 0 for b_dec where the encoder sees x itself. Into w of plane
// 1 of `latent_params`. And where formulas use it the norm of W_dec row i, into y of plane 2.
// One invocation a latent; grid ceil(latents/64) folded.
// needs: sae/common

struct Params {
  latents : u32,
  quads : u32,  // Q
  runs : u32,   // R: row R of `bias` is the mean
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> w_enc : array<vec4<f32>>; // W_enc, first plane
@group(0) @binding(2) var<storage, read> b_dec : array<vec4<f32>>; // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(3) var<storage, read_write> latent_params : array<vec4<f32>>;
@group(0) @binding(4) var<uniform> runs : Runs;
@group(0) @binding(5) var<storage, read> w_dec : array<vec4<f32>>; // W_dec, first plane

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.latents) {
    return;
  }
  let r = u32(latent_params[i].w);
  let run = runs.run[r];
  let b = r * params.quads;
  let m = params.runs * params.quads;
  var sum = 0.0;
  for (var q = 0u; q < params.quads; q++) {
    sum += dot(w_enc[i * params.quads + q], shift_of(run, b_dec[b + q], b_dec[m + q]));
  }
  latent_params[params.latents + i].w = sum;
  if (is(run, NORMS)) {
    var square = 0.0;
    for (var q = 0u; q < params.quads; q++) {
      square += dot(w_dec[i * params.quads + q], w_dec[i * params.quads + q]);
    }
    latent_params[2u * params.latents + i].y = sqrt(square);
  }
}
