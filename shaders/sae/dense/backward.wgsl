// Dense form, how the loss reaches each latent: the products e W_decᵀ and (where there is an auxiliary loss) e_aux W_decᵀ of a run, and from
// them g_u = dL/du of every latent and row, zero off the active set, `[latents, stride]`; and the sums over 32 rows of the
// gradients of the latents' scalars, of g_u, and of the rows on which a latent fired (`grad_latents` adds those up).
//
// Register tile: one invocation owns 4 rows x 4 latents, one named vec4 accumulator a row and path (each W_dec row read once for
// both paths), K = D in steps of one vec4; an 8 x 8 workgroup owns 32 x 32. Grid (ceil(widest run/32), ceil(rows/32), R); tiles
// beyond a narrower run return. f32 accumulation in the order of k; sums over rows in a fixed order through workgroup memory. Loads beyond
// the last row or the run's last latent are clamped to it; such results count as 0, and are written only into the padding of
// a latent's row up to the next multiple of 4. A run that is not live or takes the sparse form is skipped. Of a nested run each latent sees
// the errors of the prefixes that hold it: a tile that lies in several goes through the product once for each of them. dL/d(second) of a second encoder matrix stands in
// that one's rows of `grad_u`.
// needs: sae/common, architectures, sae/dense/points

struct Params {
  rows : u32,
  quads : u32,      // Q
  stride : u32,     // vec4s a row of pre_acts and grad_u: ceil(block rows/4)
  batch : u32,      // B: rows of one slot of `residuals`
  first_row : u32,  // of this block in the batch
  latents : u32,
  row_groups : u32, // ceil(B/4)
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> pre_acts : array<vec4<f32>>;     // [latents, stride]
@group(0) @binding(3) var<storage, read> latent_params : array<Latent>;
@group(0) @binding(4) var<storage, read> residuals : array<vec4<f32>>;    // [slots, B, Q]
@group(0) @binding(5) var<storage, read> w_dec : array<vec4<f32>>;        // [latents, Q]
@group(0) @binding(6) var<storage, read_write> grad_u : array<vec4<f32>>; // [latents, stride]
@group(0) @binding(7) var<storage, read> active_set : Active;
// [row tiles, latents, 2], sums over the tile's rows: gradient of the latent's scalars (xyz) and of u (w); rows on which it fired (f != 0),
// gradients of `second` and of the decoder row's norm.
@group(0) @binding(8) var<storage, read_write> tile_sums : array<vec4<f32>>;

var<workgroup> sums : array<vec4<f32>, 256>; // [32 latents, 8 row quads]
var<workgroup> others : array<vec4<f32>, 256>;

override NESTED : bool = false;

struct RowSums {
  scalars : vec4<f32>, // of the vectors' gradients, and of u's
  other : vec4<f32>,   // rows fired on, gradients of second and norm
}

// One row: adds to the sums, returns dL/du and dL/d(second).
fn backward_row(run : Run, point : Point, latent : Latent, we : f32, wa : f32, is_on : bool, all : ptr<function, RowSums>) -> vec2<f32> {
  if (!is_on || !touched(run, point.u, latent)) {
    return vec2(0.0);
  }
  let act = activate(run, point, latent);
  let p = backward(run, point, latent, act, we, run.aux_weight * wa);
  (*all).scalars += vec4(p.vectors, p.u);
  (*all).other += vec4(select(0.0, 1.0, act.f != 0.0), p.second, p.norm, 0.0);
  return vec2(p.u, p.second);
}

// Four rows of latent `k` of the run, which stands in place `local` of the workgroup's 32.
fn finish(run : Run, k : u32, local : u32, quad : u32, lane : u32, we : vec4<f32>, wa : vec4<f32>) {
  var all = RowSums();
  let row = quad * 4u;
  if (k < run.width && row < params.rows) {
    let i = run.first + k;
    let latent = latent_params[i];
    let four = four_rows(run, i, quad);
    let is_on = (vec4(row, row + 1u, row + 2u, row + 3u) < vec4(params.rows)) & four.selected;
    let a = backward_row(run, Point(four.u.x, four.second.x, four.norm), latent, we.x, wa.x, is_on.x, &all);
    let b = backward_row(run, Point(four.u.y, four.second.y, four.norm), latent, we.y, wa.y, is_on.y, &all);
    let c = backward_row(run, Point(four.u.z, four.second.z, four.norm), latent, we.z, wa.z, is_on.z, &all);
    let d = backward_row(run, Point(four.u.w, four.second.w, four.norm), latent, we.w, wa.w, is_on.w, &all);
    grad_u[i * params.stride + quad] = vec4(a.x, b.x, c.x, d.x);
    if (SECOND && run.mate > 0u) {
      grad_u[(i + run.mate) * params.stride + quad] = vec4(a.y, b.y, c.y, d.y);
    }
  }
  sums[local * 8u + lane] = all.scalars;
  others[local * 8u + lane] = all.other;
}

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) t : vec3<u32>, @builtin(local_invocation_index) index : u32) {
  let run = runs.run[group.z];
  if (!takes_part(run, active_set.form[group.z], DENSE) || group.x * 32u >= run.width) {
    return;
  }
  let quad = group.y * 8u + t.y;
  let k = group.x * 32u + t.x * 4u;
  let last_row = params.rows - 1u;
  let row0 = min(quad * 4u, last_row) * params.quads;
  let row1 = min(quad * 4u + 1u, last_row) * params.quads;
  let row2 = min(quad * 4u + 2u, last_row) * params.quads;
  let row3 = min(quad * 4u + 3u, last_row) * params.quads;
  let last = run.width - 1u;
  let w0 = (run.first + min(k, last)) * params.quads;
  let w1 = (run.first + min(k + 1u, last)) * params.quads;
  let w2 = (run.first + min(k + 2u, last)) * params.quads;
  let w3 = (run.first + min(k + 3u, last)) * params.quads;
  var acc0 = vec4(0.0);
  var acc1 = vec4(0.0);
  var acc2 = vec4(0.0);
  var acc3 = vec4(0.0);
  var aux0 = vec4(0.0);
  var aux1 = vec4(0.0);
  var aux2 = vec4(0.0);
  var aux3 = vec4(0.0);
  var parts = vec4(0u);
  if (NESTED) {
    parts = vec4(part_of(run, min(k, last)), part_of(run, min(k + 1u, last)), part_of(run, min(k + 2u, last)), part_of(run, min(k + 3u, last)));
  }
  let main_ = ((run.main_slot + parts.x) * params.batch + params.first_row) * params.quads;
  if (quad * 4u < params.rows && k < run.width) {
    if (is(run, AUX)) {
      let second = (run.aux_slot * params.batch + params.first_row) * params.quads;
      for (var q = 0u; q < params.quads; q++) {
        let r0 = w_dec[w0 + q];
        let r1 = w_dec[w1 + q];
        let r2 = w_dec[w2 + q];
        let r3 = w_dec[w3 + q];
        let a = residuals[main_ + row0 + q];
        acc0 += vec4(dot(a, r0), dot(a, r1), dot(a, r2), dot(a, r3));
        let b = residuals[main_ + row1 + q];
        acc1 += vec4(dot(b, r0), dot(b, r1), dot(b, r2), dot(b, r3));
        let c = residuals[main_ + row2 + q];
        acc2 += vec4(dot(c, r0), dot(c, r1), dot(c, r2), dot(c, r3));
        let d = residuals[main_ + row3 + q];
        acc3 += vec4(dot(d, r0), dot(d, r1), dot(d, r2), dot(d, r3));
        let e = residuals[second + row0 + q];
        aux0 += vec4(dot(e, r0), dot(e, r1), dot(e, r2), dot(e, r3));
        let f = residuals[second + row1 + q];
        aux1 += vec4(dot(f, r0), dot(f, r1), dot(f, r2), dot(f, r3));
        let g = residuals[second + row2 + q];
        aux2 += vec4(dot(g, r0), dot(g, r1), dot(g, r2), dot(g, r3));
        let h = residuals[second + row3 + q];
        aux3 += vec4(dot(h, r0), dot(h, r1), dot(h, r2), dot(h, r3));
      }
    } else {
      for (var q = 0u; q < params.quads; q++) {
        let r0 = w_dec[w0 + q];
        let r1 = w_dec[w1 + q];
        let r2 = w_dec[w2 + q];
        let r3 = w_dec[w3 + q];
        let a = residuals[main_ + row0 + q];
        acc0 += vec4(dot(a, r0), dot(a, r1), dot(a, r2), dot(a, r3));
        let b = residuals[main_ + row1 + q];
        acc1 += vec4(dot(b, r0), dot(b, r1), dot(b, r2), dot(b, r3));
        let c = residuals[main_ + row2 + q];
        acc2 += vec4(dot(c, r0), dot(c, r1), dot(c, r2), dot(c, r3));
        let d = residuals[main_ + row3 + q];
        acc3 += vec4(dot(d, r0), dot(d, r1), dot(d, r2), dot(d, r3));
      }
    }
    for (var part = parts.x + 1u; NESTED && part <= parts.w; part++) {
      // The other prefixes that the four latents begin in.
      let error = ((run.main_slot + part) * params.batch + params.first_row) * params.quads;
      var own0 = vec4(0.0);
      var own1 = vec4(0.0);
      var own2 = vec4(0.0);
      var own3 = vec4(0.0);
      for (var q = 0u; q < params.quads; q++) {
        let r0 = w_dec[w0 + q];
        let r1 = w_dec[w1 + q];
        let r2 = w_dec[w2 + q];
        let r3 = w_dec[w3 + q];
        let a = residuals[error + row0 + q];
        own0 += vec4(dot(a, r0), dot(a, r1), dot(a, r2), dot(a, r3));
        let b = residuals[error + row1 + q];
        own1 += vec4(dot(b, r0), dot(b, r1), dot(b, r2), dot(b, r3));
        let c = residuals[error + row2 + q];
        own2 += vec4(dot(c, r0), dot(c, r1), dot(c, r2), dot(c, r3));
        let d = residuals[error + row3 + q];
        own3 += vec4(dot(d, r0), dot(d, r1), dot(d, r2), dot(d, r3));
      }
      let is_own = parts == vec4(part);
      acc0 = select(acc0, own0, is_own);
      acc1 = select(acc1, own1, is_own);
      acc2 = select(acc2, own2, is_own);
      acc3 = select(acc3, own3, is_own);
    }
  }
  // One copy of `finish` in the program: compilers copy a function wherever it is called.
  for (var n = 0u; n < 4u; n++) {
    finish(run, k + n, t.x * 4u + n, quad, t.y, vec4(acc0[n], acc1[n], acc2[n], acc3[n]), vec4(aux0[n], aux1[n], aux2[n], aux3[n]));
  }
  workgroupBarrier();
  let mine = group.x * 32u + index;
  if (index < 32u && mine < run.width) {
    var sum = vec4(0.0);
    var other = vec4(0.0);
    for (var lane = 0u; lane < 8u; lane++) {
      sum += sums[index * 8u + lane];
      other += others[index * 8u + lane];
    }
    let at = 2u * (group.y * params.latents + run.first + mine);
    tile_sums[at] = sum;
    tile_sums[at + 1u] = other;
  }
}
