// Gradient pursuit, epilogue of the matmul (core: shaders/matmul): c = r W_decᵀ, how well each latent's decoder row explains what is left of each
// row, `[rows, latents/4]` vec4s. Rows of W_dec beyond the dictionary are zero.

struct Params {
  rows : u32,
  quads : u32,   // Q
  latents : u32, // rows of W_dec, a multiple of 4
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> left : array<vec4<f32>>;        // [rows, Q]: r
@group(0) @binding(2) var<storage, read> w_dec : array<vec4<f32>>;       // [latents, Q]
@group(0) @binding(3) var<storage, read_write> scores : array<vec4<f32>>; // [rows, latents/4]

fn sizes() -> vec3<u32> {
  return vec3(params.rows, params.latents, params.quads);
}

fn a_row(row : u32) -> u32 {
  return row * params.quads;
}

fn a_at(i : u32) -> vec4<f32> {
  return left[i];
}

fn b_row(column : u32) -> u32 {
  return column * params.quads;
}

fn b_at(i : u32) -> vec4<f32> {
  return w_dec[i];
}

fn wanted(row : u32, column : u32) -> bool {
  return true;
}

fn finish(row : u32, column : u32, r0 : vec4<f32>, r1 : vec4<f32>, r2 : vec4<f32>, r3 : vec4<f32>) {
  let groups = params.latents / 4u;
  let at = row * groups + column / 4u;
  scores[at] = r0;
  if (row + 1u < params.rows) { scores[at + groups] = r1; }
  if (row + 2u < params.rows) { scores[at + 2u * groups] = r2; }
  if (row + 3u < params.rows) { scores[at + 3u * groups] = r3; }
}
