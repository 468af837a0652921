// Dense form, statistics of a row that come from its residuals: all but the penalty and L0 (activate.wgsl) and the cosine
// (reduce_stats.wgsl). x_hat = e + x + mean, since x is centred. Of a nested run the prefixes' errors become what the latents of each see of the
// loss, E_p = sum over the prefixes g >= p of weight_g e_g.
//
// One workgroup of WIDTH invocations a (row, run); grid (rows, R). An invocation takes every WIDTH-th vec4 column; one of them adds
// up the lanes in a fixed order. A run that is not live or takes the sparse form is skipped.
// needs: sae/common, architectures

override WIDTH : u32 = 64u;
override NESTED : bool = false;

struct Params {
  rows : u32,
  first_row : u32,  // of this block in x
  quads : u32,      // Q
  runs : u32,       // R
  batch : u32,      // B: rows of one slot of `residuals`
  width : u32,      // WIDTH, as a number no compiler knows (see ../latent_update.wgsl)
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> x : array<vec4<f32>>;         // [B, Q]
@group(0) @binding(3) var<storage, read> b_dec : array<vec4<f32>>;     // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(4) var<storage, read_write> residuals : array<vec4<f32>>; // [slots, B, Q]
@group(0) @binding(5) var<storage, read> active_set : Active;
@group(0) @binding(6) var<storage, read_write> stats : array<f32>;     // [B, R, STATS]

var<workgroup> norms : array<vec4<f32>, WIDTH>; // ‖e‖², ‖x_hat‖², x_hat·x, ‖x‖²
var<workgroup> second : array<vec2<f32>, WIDTH>; // ‖e_aux‖², weighted sum of the prefixes' ‖e‖²

// One column of the errors of a nested reconstruction, of which `block` is the first prefix's and `whole` the last one's, to what each prefix's latents see; returns
// its part in the weighted sum of their squares.
fn nest(run : Run, block : u32, whole : vec4<f32>) -> f32 {
  var part = run.parts - 1u;
  var seen = weight_of(run, part) * whole;
  var square = weight_of(run, part) * dot(whole, whole);
  residuals[block + part * params.batch * params.quads] = seen;
  while (part > 0u) {
    part--;
    let at = block + part * params.batch * params.quads;
    let e = residuals[at];
    seen += weight_of(run, part) * e;
    square += weight_of(run, part) * dot(e, e);
    residuals[at] = seen;
  }
  return square;
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let row = group.x;
  let run = runs.run[group.y];
  if (!takes_part(run, active_set.form[group.y], DENSE)) {
    return;
  }
  let aux = is(run, AUX);
  let at = (params.first_row + row) * params.quads;
  let main_ = (run.main_slot * params.batch + params.first_row + row) * params.quads;
  let other_ = (run.aux_slot * params.batch + params.first_row + row) * params.quads;
  var norm = vec4(0.0);
  var square = vec2(0.0);
  let is_nested = NESTED && run.parts > 1u;
  let whole = select(0u, (run.parts - 1u) * params.batch * params.quads, is_nested);
  for (var q = t; q < params.quads; q += WIDTH) {
    let raw = x[at + q] + b_dec[params.runs * params.quads + q];
    let e = residuals[main_ + whole + q];
    let hat = e + raw;
    norm += vec4(dot(e, e), dot(hat, hat), dot(hat, raw), dot(raw, raw));
    if (aux) {
      let a = residuals[other_ + q];
      square.x += dot(a, a);
    }
    if (is_nested) { square.y += nest(run, main_ + q, e); }
  }
  norms[t] = norm;
  second[t] = square;
  workgroupBarrier();
  if (t == 0u) {
    for (var other = 1u; other < params.width; other++) {
      norm += norms[other];
      square += second[other];
    }
    let s = ((params.first_row + row) * params.runs + group.y) * STATS;
    stats[s + STAT_ERROR] = norm.x;
    stats[s + STAT_AUX] = square.x;
    stats[s + STAT_HAT] = norm.y;
    stats[s + STAT_CROSS] = norm.z;
    stats[s + STAT_X] = norm.w;
    stats[s + STAT_NESTED] = select(norm.x, square.y, is_nested);
  }
}
