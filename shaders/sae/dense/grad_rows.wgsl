// Dense form, gradient of one matrix: `[latents of a run, K] x [K, D]`, K = the rows of the block. Two uses, chosen by ENCODER:
//   W_dec: g_dec (+)= (2/B) (fᵀ e + weight gateᵀ e_aux, where the auxiliary path trains it)
//   W_enc: g_enc (+)= (1/B) g_uᵀ x   (x centred; `adam_rows` adds what b_dec contributes); `mate`: of the second encoder matrix
//
// Register tile: one invocation owns 4 latents x 1 vec4 column in four named vec4 accumulators, four rows a step (eight vec4 loads, 64
// multiply-adds); an 8 x 8 workgroup owns 32 latents x 32 columns. No workgroup memory and no barrier. Grid (ceil(Q/8), ceil(widest
// run/32), R); tiles beyond a narrower run return. f32 accumulation in the order of the batch's rows, going on from what is stored, so that
// row blocks leave no trace in the bits. No row beyond the block is read; loads beyond the run's last latent are clamped to it and their
// results not written. Four latents that lie in several prefixes of a nested run go through the product once for each. A run that is not live or takes the sparse form is skipped: its gradients are left as they were.
// needs: sae/common

override ENCODER : bool = false;
override NESTED : bool = false;
override TRAINED : bool = false;

struct Params {
  rows : u32,
  first_row : u32,  // of this block in x
  quads : u32,      // Q
  stride : u32,     // vec4s a row of coefficients: ceil(block rows/4)
  batch : u32,      // B: rows of one slot of `residuals`
  accumulate : u32, // 0: the first block of a step, overwrite
  mate : u32,       // 1: second encoder matrices
  scale : f32,      // 1 before the last block, where it is 2/B or 1/B
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> coefficients : array<vec4<f32>>;   // [latents, stride]: f, or with ENCODER g_u
@group(0) @binding(3) var<storage, read> vectors : array<vec4<f32>>;        // residuals [slots, B, Q], or x [B, Q]
@group(0) @binding(4) var<storage, read> active_set : Active;
@group(0) @binding(5) var<storage, read_write> gradient : array<vec4<f32>>; // [latents, Q]
@group(0) @binding(6) var<storage, read> gates : array<vec4<f32>>;          // [latents, stride]

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let run = runs.run[id.z];
  let q = id.x;
  let k = id.y * 4u;
  if (!takes_part(run, active_set.form[id.z], DENSE) || q >= params.quads || k >= run.width) {
    return;
  }
  if (params.mate != 0u && run.mate == 0u) {
    return;
  }
  let first = run.first + select(0u, run.mate, params.mate != 0u);
  let last = run.width - 1u;
  let c0 = (first + k) * params.stride;
  let c1 = (first + min(k + 1u, last)) * params.stride;
  let c2 = (first + min(k + 2u, last)) * params.stride;
  let c3 = (first + min(k + 3u, last)) * params.stride;
  var parts = vec4(0u);
  if (NESTED && !ENCODER) {
    parts = vec4(part_of(run, k), part_of(run, min(k + 1u, last)), part_of(run, min(k + 2u, last)), part_of(run, min(k + 3u, last)));
  }
  let trains = TRAINED && !ENCODER && is(run, AUX_TRAINED);
  let second = (run.aux_slot * params.batch + params.first_row) * params.quads + q;
  let one = params.quads;
  let to = (first + k) * params.quads + q;
  for (var part = parts.x; part <= parts.w; part++) {
    let base = (select((run.main_slot + part) * params.batch, 0u, ENCODER) + params.first_row) * params.quads + q;
    var acc0 = vec4(0.0);
    var acc1 = vec4(0.0);
    var acc2 = vec4(0.0);
    var acc3 = vec4(0.0);
    if (params.accumulate != 0u) {
      acc0 = gradient[to];
      if (k + 1u < run.width) { acc1 = gradient[to + one]; }
      if (k + 2u < run.width) { acc2 = gradient[to + 2u * one]; }
      if (k + 3u < run.width) { acc3 = gradient[to + 3u * one]; }
    }
    let whole = params.rows / 4u;
    var v = base;
    for (var quad = 0u; quad < whole; quad++) {
      let a = coefficients[c0 + quad];
      let b = coefficients[c1 + quad];
      let c = coefficients[c2 + quad];
      let d = coefficients[c3 + quad];
      let v0 = vectors[v];
      acc0 += a.x * v0;
      acc1 += b.x * v0;
      acc2 += c.x * v0;
      acc3 += d.x * v0;
      let v1 = vectors[v + one];
      acc0 += a.y * v1;
      acc1 += b.y * v1;
      acc2 += c.y * v1;
      acc3 += d.y * v1;
      let v2 = vectors[v + 2u * one];
      acc0 += a.z * v2;
      acc1 += b.z * v2;
      acc2 += c.z * v2;
      acc3 += d.z * v2;
      let v3 = vectors[v + 3u * one];
      acc0 += a.w * v3;
      acc1 += b.w * v3;
      acc2 += c.w * v3;
      acc3 += d.w * v3;
      v += 4u * one;
      if (trains) {
        for (var row = 0u; row < 4u; row++) {
          let value = run.aux_weight * vectors[second + (4u * quad + row) * one];
          acc0 += gates[c0 + quad][row] * value;
          acc1 += gates[c1 + quad][row] * value;
          acc2 += gates[c2 + quad][row] * value;
          acc3 += gates[c3 + quad][row] * value;
        }
      }
    }
    for (var row = whole * 4u; row < params.rows; row++) {
      let value = vectors[base + row * one];
      acc0 += coefficients[c0 + whole][row % 4u] * value;
      acc1 += coefficients[c1 + whole][row % 4u] * value;
      acc2 += coefficients[c2 + whole][row % 4u] * value;
      acc3 += coefficients[c3 + whole][row % 4u] * value;
    }
    for (var row = whole * 4u; trains && row < params.rows; row++) {
      let value = run.aux_weight * vectors[second + row * one];
      acc0 += gates[c0 + whole][row % 4u] * value;
      acc1 += gates[c1 + whole][row % 4u] * value;
      acc2 += gates[c2 + whole][row % 4u] * value;
      acc3 += gates[c3 + whole][row % 4u] * value;
    }
    // Of a latent that lies in another prefix the sum is another one.
    if (parts.x == part) { gradient[to] = acc0 * params.scale; }
    if (parts.y == part && k + 1u < run.width) { gradient[to + one] = acc1 * params.scale; }
    if (parts.z == part && k + 2u < run.width) { gradient[to + 2u * one] = acc2 * params.scale; }
    if (parts.w == part && k + 3u < run.width) { gradient[to + 3u * one] = acc3 * params.scale; }
  }
}
