// Encoder matmul of the whole sweep: u = x W_encᵀ - c, [rows, latents], written twice: by rows (for the split and decode)
// and by latents (for the backward pass).
//
// Register tile: one invocation owns 4 rows x 4 latents in four named vec4 accumulators, K in steps of one vec4; an 8 x 8
// workgroup owns 32 x 32, whose operands the caches share. No workgroup memory and no barrier.
// Grid (ceil(latents of the dispatch/32), ceil(rows/32)). f32 accumulation in the order of k, the same for every position of the tile, so a
// run's bits don't depend on the other runs. Loads beyond the last row or latent are clamped to it; such results are not
// written, except into the padding of `u` and `ut`.

struct Params {
  rows : u32,       // of this block
  first_row : u32,  // of this block in x
  latents : u32,
  quads : u32,      // Q
  u_stride : u32,   // vec4s a row of u: ceil(latents/4)
  ut_stride : u32,  // vec4s a row of ut: ceil(block rows/4)
  from_latent : u32, // first latent of this dispatch, a multiple of 4: long products are cut into several
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<vec4<f32>>;          // [B, Q]
@group(0) @binding(2) var<storage, read> w_enc : array<vec4<f32>>;      // [latents, Q]
@group(0) @binding(3) var<storage, read> correction : array<vec4<f32>>; // [ceil(latents/4)]
@group(0) @binding(4) var<storage, read_write> u : array<vec4<f32>>;    // [block rows, u_stride]
@group(0) @binding(5) var<storage, read_write> ut : array<vec4<f32>>;   // [latents, ut_stride]

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let latent = params.from_latent + id.x * 4u;
  let column = latent / 4u;
  let row = id.y * 4u;
  if (latent >= params.latents || row >= params.rows) {
    return;
  }
  let last_latent = params.latents - 1u;
  let last_row = params.rows - 1u;
  let w0 = min(latent, last_latent) * params.quads;
  let w1 = min(latent + 1u, last_latent) * params.quads;
  let w2 = min(latent + 2u, last_latent) * params.quads;
  let w3 = min(latent + 3u, last_latent) * params.quads;
  let x0 = (params.first_row + min(row, last_row)) * params.quads;
  let x1 = (params.first_row + min(row + 1u, last_row)) * params.quads;
  let x2 = (params.first_row + min(row + 2u, last_row)) * params.quads;
  let x3 = (params.first_row + min(row + 3u, last_row)) * params.quads;
  var acc0 = vec4(0.0);
  var acc1 = vec4(0.0);
  var acc2 = vec4(0.0);
  var acc3 = vec4(0.0);
  for (var q = 0u; q < params.quads; q++) {
    let a = w_enc[w0 + q];
    let b = w_enc[w1 + q];
    let c = w_enc[w2 + q];
    let d = w_enc[w3 + q];
    let r0 = x[x0 + q];
    acc0 += vec4(dot(r0, a), dot(r0, b), dot(r0, c), dot(r0, d));
    let r1 = x[x1 + q];
    acc1 += vec4(dot(r1, a), dot(r1, b), dot(r1, c), dot(r1, d));
    let r2 = x[x2 + q];
    acc2 += vec4(dot(r2, a), dot(r2, b), dot(r2, c), dot(r2, d));
    let r3 = x[x3 + q];
    acc3 += vec4(dot(r3, a), dot(r3, b), dot(r3, c), dot(r3, d));
  }
  let shift = correction[column];
  acc0 -= shift;
  acc1 -= shift;
  acc2 -= shift;
  acc3 -= shift;
  u[row * params.u_stride + column] = acc0;
  if (row + 1u < params.rows) { u[(row + 1u) * params.u_stride + column] = acc1; }
  if (row + 2u < params.rows) { u[(row + 2u) * params.u_stride + column] = acc2; }
  if (row + 3u < params.rows) { u[(row + 3u) * params.u_stride + column] = acc3; }
  ut[latent * params.ut_stride + id.y] = vec4(acc0.x, acc1.x, acc2.x, acc3.x);
  if (latent + 1u < params.latents) { ut[(latent + 1u) * params.ut_stride + id.y] = vec4(acc0.y, acc1.y, acc2.y, acc3.y); }
  if (latent + 2u < params.latents) { ut[(latent + 2u) * params.ut_stride + id.y] = vec4(acc0.z, acc1.z, acc2.z, acc3.z); }
  if (latent + 3u < params.latents) { ut[(latent + 3u) * params.ut_stride + id.y] = vec4(acc0.w, acc1.w, acc2.w, acc3.w); }
}
