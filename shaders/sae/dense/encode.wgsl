// Dense form, epilogue of the encoder matmul (core: shaders/matmul): u = x W_encᵀ - c by latents, [latents, stride], of the runs
// that go through the dense form. Rows beyond the block are written as they come, up to the next multiple of 4.
// needs: sae/common

struct Params {
  rows : u32,
  first_row : u32, // of this block in x
  quads : u32,     // Q
  latents : u32,
  stride : u32,    // vec4s a row of pre_acts
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> x : array<vec4<f32>>;              // [B, Q]
@group(0) @binding(3) var<storage, read> w_enc : array<vec4<f32>>;          // W_enc, first plane
@group(0) @binding(4) var<storage, read> latent_params : array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> active_set : Active;
@group(0) @binding(6) var<storage, read_write> pre_acts : array<vec4<f32>>; // [latents, stride]

fn sizes() -> vec3<u32> {
  return vec3(params.rows, params.latents, params.quads);
}

fn a_row(row : u32) -> u32 {
  return (params.first_row + row) * params.quads;
}

fn a_at(i : u32) -> vec4<f32> {
  return x[i];
}

fn b_row(column : u32) -> u32 {
  return column * params.quads;
}

fn b_at(i : u32) -> vec4<f32> {
  return w_enc[i];
}

fn wanted(row : u32, column : u32) -> bool {
  let run = u32(latent_params[column].w);
  return takes_part(runs.run[run], active_set.form[run], DENSE);
}

fn finish(row : u32, column : u32, r0 : vec4<f32>, r1 : vec4<f32>, r2 : vec4<f32>, r3 : vec4<f32>) {
  let c = params.latents + column;
  let at = column * params.stride + row / 4u;
  pre_acts[at] = vec4(r0.x, r1.x, r2.x, r3.x) - vec4(latent_params[c].w);
  pre_acts[at + params.stride] = vec4(r0.y, r1.y, r2.y, r3.y) - vec4(latent_params[c + 1u].w);
  pre_acts[at + 2u * params.stride] = vec4(r0.z, r1.z, r2.z, r3.z) - vec4(latent_params[c + 2u].w);
  pre_acts[at + 3u * params.stride] = vec4(r0.w, r1.w, r2.w, r3.w) - vec4(latent_params[c + 3u].w);
}
