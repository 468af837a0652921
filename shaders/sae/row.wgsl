// Bindings of the decoders (decode.wgsl, processor/decode.wgsl), and what becomes of one vec4 column of a row when its latents are added up.
// `params` is the kernel's own; of it batch (B), quads (Q) and runs (R) are used here.

@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> active_set : Active;
@group(0) @binding(3) var<storage, read> x : array<vec4<f32>>;               // [B, Q]
@group(0) @binding(4) var<storage, read> w_enc : array<vec4<f32>>;           // W_enc, first plane
@group(0) @binding(5) var<storage, read> w_dec : array<vec4<f32>>;           // W_dec, first plane
@group(0) @binding(6) var<storage, read> latent_params : array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> b_dec : array<vec4<f32>>;           // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(8) var<storage, read_write> residuals : array<vec4<f32>>; // [slots, rows, Q]
@group(0) @binding(9) var<storage, read_write> stats : array<f32>;           // [chunks, rows, R, STATS]

override NESTED : bool = false;

struct Sums {
  nested : f32,
  e : f32,
  aux : f32,
  hat : f32,
  cross : f32,
  self_ : f32,
}

// One column of a nested reconstruction: the prefixes' sums, kept in their blocks, become what the latents of each prefix see of the loss,
// E_p = sum over the prefixes g >= p of weight_g e_g. Returns the column's part in the weighted sum of ‖e_g‖².
fn nest(q : u32, row : u32, run : Run, whole : vec4<f32>, minus_x : vec4<f32>) -> f32 {
  var part = run.parts - 1u;
  var seen = weight_of(run, part) * whole;
  var square = weight_of(run, part) * dot(whole, whole);
  residuals[((run.main_slot + part) * params.batch + row) * params.quads + q] = seen;
  while (part > 0u) {
    part--;
    let at = ((run.main_slot + part) * params.batch + row) * params.quads + q;
    let e = residuals[at] + minus_x;
    seen += weight_of(run, part) * e;
    square += weight_of(run, part) * dot(e, e);
    residuals[at] = seen;
  }
  return square;
}

// The block that a row's whole sum is kept in while it is formed.
fn whole_slot(run : Run) -> u32 {
  return run.main_slot + run.parts - 1u;
}

// Keeps the sum of a prefix's latents for `nest`.
fn keep_prefix(part : u32, q : u32, row : u32, run : Run, sum : vec4<f32>) {
  if (q < params.quads) {
    residuals[((run.main_slot + part) * params.batch + row) * params.quads + q] = sum;
  }
}

// Errors and statistics of one vec4 column, or (not is_last) the sums so far, for `before`.
fn finish(all : ptr<function, Sums>, q : u32, row : u32, r : u32, run : Run, is_last : bool, main_ : vec4<f32>, aux : vec4<f32>) {
  if (q >= params.quads) {
    return;
  }
  let at = (whole_slot(run) * params.batch + row) * params.quads + q;
  let at_aux = (run.aux_slot * params.batch + row) * params.quads + q;
  if (!is_last) {
    residuals[at] = main_;
    if (is(run, AUX)) {
      residuals[at_aux] = aux;
    }
    return;
  }
  let centred = x[row * params.quads + q];
  let mean = b_dec[params.runs * params.quads + q];
  let shift = b_dec[r * params.quads + q] - mean;
  let e = main_ + shift - centred;
  let hat = main_ + shift + mean;
  let raw = centred + mean;
  if (NESTED && run.parts > 1u) {
    (*all).nested += nest(q, row, run, e, shift - centred);
  } else {
    residuals[at] = e;
    (*all).nested += dot(e, e);
  }
  (*all).e += dot(e, e);
  (*all).hat += dot(hat, hat);
  (*all).cross += dot(hat, raw);
  (*all).self_ += dot(raw, raw);
  if (is(run, AUX)) {
    let a = aux + select(shift - centred, e, is(run, AUX_ERROR));
    residuals[at_aux] = a;
    (*all).aux += dot(a, a);
  }
}

// What was left of one column: of the main path, or (slot) of the auxiliary one.
fn before(slot : u32, row : u32, q : u32) -> vec4<f32> {
  return residuals[(slot * params.batch + row) * params.quads + min(q, params.quads - 1u)];
}
