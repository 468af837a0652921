// Dense form, Adam on the rows of one matrix, in place. Two uses, chosen by DECODER:
//   W_dec: the gradient loses its component along the row, Adam, the row is divided by its norm (paper D.1.1), but for an architecture
//   whose decoder is free, where neither happens; where formulas use the row's norm its gradient comes in;
//   W_enc: the gradient first gains what b_dec contributes, - s_i (b_dec - mean), because the batch is centred by the mean; `mate`: of the
//   second encoder matrix.
// With MEASURE nothing is updated: of runs that are clipped the squared norms of the gradients go into `squares`.
//
// One workgroup of WIDTH invocations a latent; grid `latents` folded. Runs that are not live or take the sparse form are skipped, and so are
// padding (its rows are zero) and matrices that do not learn.
// needs: sae/common, architectures, sae/gradients, sae/adam

override WIDTH : u32 = 64u;
override DECODER : bool = false;
override MEASURE : bool = false;

struct Params {
  latents : u32,
  quads : u32, // Q
  runs : u32,  // R
  mate : u32,  // 1: second encoder matrices
  width : u32, // WIDTH, as a number no compiler knows (see ../latent_update.wgsl)
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> latent_params : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> latent_grads : array<vec4<f32>>; // [latents]: w = s_i; second plane: x = gradient of the norm
@group(0) @binding(4) var<storage, read> b_dec : array<vec4<f32>>;        // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(5) var<storage, read> gradient : array<vec4<f32>>;     // [latents, Q]
@group(0) @binding(6) var<storage, read_write> w : array<vec4<f32>>;      // the matrix, v, m: planes of [latents, Q]
@group(0) @binding(7) var<storage, read> active_set : Active;

@group(0) @binding(8) var<storage, read_write> squares : array<vec4<f32>>; // [latents]: W_dec's, W_enc's, the second encoder matrix's

var<workgroup> lanes : array<vec2<f32>, WIDTH>;

// Sum over the workgroup; every invocation forms the same total in the same order (one barrier, no tree).
fn workgroup_sum(t : u32, value : vec2<f32>) -> vec2<f32> {
  lanes[t] = value;
  workgroupBarrier();
  var total = lanes[0];
  for (var other = 1u; other < params.width; other++) {
    total += lanes[other];
  }
  workgroupBarrier();
  return total;
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let i = group.x + group.y * groups.x;
  if (i >= params.latents) {
    return;
  }
  let r = u32(latent_params[i].w);
  let run = runs.run[r];
  if (i >= run.first + run.width || !takes_part(run, active_set.form[r], DENSE) || (MEASURE && run.clip_norm <= 0.0)) {
    return;
  }
  let is_fixed = is(run, select(FIXED_ENC, FIXED_DEC, DECODER));
  if ((is_fixed && !MEASURE) || (params.mate != 0u && run.mate == 0u)) {
    return;
  }
  let own = i + select(0u, run.mate, params.mate != 0u);
  let row = own * params.quads;
  let plane = params.latents * params.quads;
  let is_unit = DECODER && is(run, UNIT) && !is_fixed;
  var along = 0.0;
  if (DECODER && (is_unit || is(run, NORMS))) {
    var dots = vec2(0.0);
    for (var q = t; q < params.quads; q += WIDTH) {
      dots += vec2(dot(w[row + q], gradient[row + q]), dot(w[row + q], w[row + q]));
    }
    let both = workgroup_sum(t, dots);
    var norm_gradient = 0.0;
    if (is(run, NORMS)) { norm_gradient = latent_grads[params.latents + i].x; }
    along = along_row(run, both, norm_gradient);
  }
  let s = latent_grads[own].w;
  var square = 0.0;
  for (var q = t; q < params.quads && !(MEASURE && is_fixed); q += WIDTH) {
    let at = row + q;
    var g = gradient[at];
    if (DECODER) {
      g -= along * w[at];
    } else {
      g -= s * shift_of(run, b_dec[r * params.quads + q], b_dec[params.runs * params.quads + q]);
    }
    if (MEASURE) {
      square += dot(g, g);
      continue;
    }
    var before = AdamState(w[at], w[plane + at], vec4(0.0));
    if (MOMENTUM) { before.m = w[2u * plane + at]; }
    let after = adam(run, before, g * run.clip);
    w[at] = after.w;
    w[plane + at] = after.v;
    if (MOMENTUM) { w[2u * plane + at] = after.m; }
    square += dot(after.w, after.w);
  }
  if (MEASURE) {
    let total = workgroup_sum(t, vec2(square, 0.0)).x;
    if (t == 0u) {
      squares[i][select(1u + params.mate, 0u, DECODER)] = total;
    }
  } else if (is_unit) {
    let length = sqrt(workgroup_sum(t, vec2(square, 0.0)).x);
    for (var q = t; q < params.quads; q += WIDTH) {
      w[row + q] /= length;
    }
  }
}
