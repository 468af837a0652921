// Dense form, decoder of each run: x_hat = b_dec + sum_i f_i W_dec_i and, where there is an auxiliary loss, x_aux = b_dec + sum_i gate_i
// W_dec_i over all latents of the run (`[rows, K] x [K, D]`, K = the run's width), each W_dec row read once for both; writes the residuals
// x_hat - x and x_aux - x, of a nested run each prefix's x_hat - x, of AuxK sum_i gate_i W_dec_i + x_hat - x.
//
// Register tile: one invocation owns 4 rows x 1 vec4 column in four named vec4 accumulators a path, one latent a step (16 multiply-adds a
// path); an 8 x 8 workgroup owns 32 rows x 32 columns. No workgroup memory and no barrier. Grid (ceil(Q/8), ceil(rows/32), R). f32
// accumulation in the order of the run's latents, whatever the other runs. Nothing is read outside the run's latents; rows and columns
// beyond the block are not written. A run that is not live or takes the sparse form is skipped.
// needs: sae/common, architectures

struct Params {
  rows : u32,
  first_row : u32,  // of this block in x
  quads : u32,      // Q
  stride : u32,     // vec4s a row of acts
  runs : u32,       // R
  batch : u32,      // B: rows of one slot of `residuals`
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> x : array<vec4<f32>>;               // [B, Q]
@group(0) @binding(3) var<storage, read> w_dec : array<vec4<f32>>;           // [latents, Q]
@group(0) @binding(4) var<storage, read> acts : array<vec4<f32>>;            // [latents, stride]: f
@group(0) @binding(5) var<storage, read> gates : array<vec4<f32>>;           // [latents, stride], of runs with an auxiliary loss
@group(0) @binding(6) var<storage, read> b_dec : array<vec4<f32>>;           // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(7) var<storage, read> active_set : Active;
@group(0) @binding(8) var<storage, read_write> residuals : array<vec4<f32>>; // [slots, B, Q]

override NESTED : bool = false;

// Errors of one row and column, both paths, or (not whole) those of a prefix.
fn finish(run : Run, part : u32, is_whole : bool, row : u32, q : u32, shift : vec4<f32>, main_ : vec4<f32>, aux : vec4<f32>) {
  if (row < params.rows) {
    let centred = x[(params.first_row + row) * params.quads + q];
    let e = main_ + shift - centred;
    residuals[((run.main_slot + part) * params.batch + params.first_row + row) * params.quads + q] = e;
    if (is_whole && is(run, AUX)) {
      let given = select(aux + shift - centred, aux + e, is(run, AUX_ERROR));
      residuals[(run.aux_slot * params.batch + params.first_row + row) * params.quads + q] = given;
    }
  }
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let run = runs.run[id.z];
  let q = id.x;
  let row = id.y * 4u;
  if (!takes_part(run, active_set.form[id.z], DENSE) || q >= params.quads || row >= params.rows) {
    return;
  }
  var f = run.first * params.stride + id.y;
  var w = run.first * params.quads + q;
  let shift = b_dec[id.z * params.quads + q] - b_dec[params.runs * params.quads + q];
  var acc0 = vec4(0.0);
  var acc1 = vec4(0.0);
  var acc2 = vec4(0.0);
  var acc3 = vec4(0.0);
  var aux0 = vec4(0.0);
  var aux1 = vec4(0.0);
  var aux2 = vec4(0.0);
  var aux3 = vec4(0.0);
  let parts = select(1u, run.parts, NESTED);
  var i = 0u;
  for (var part = 0u; part < parts; part++) {
    let is_whole = part + 1u == parts;
    let end = select(run.width, end_of(run, part), NESTED && !is_whole);
    if (is(run, AUX)) {
      for (; i < end; i++) {
        let direction = w_dec[w];
        let a = acts[f];
        acc0 += a.x * direction;
        acc1 += a.y * direction;
        acc2 += a.z * direction;
        acc3 += a.w * direction;
        let g = gates[f];
        aux0 += g.x * direction;
        aux1 += g.y * direction;
        aux2 += g.z * direction;
        aux3 += g.w * direction;
        f += params.stride;
        w += params.quads;
      }
    } else {
      for (; i < end; i++) {
        let direction = w_dec[w];
        let a = acts[f];
        acc0 += a.x * direction;
        acc1 += a.y * direction;
        acc2 += a.z * direction;
        acc3 += a.w * direction;
        f += params.stride;
        w += params.quads;
      }
    }
    finish(run, part, is_whole, row, q, shift, acc0, aux0);
    finish(run, part, is_whole, row + 1u, q, shift, acc1, aux1);
    finish(run, part, is_whole, row + 2u, q, shift, acc2, aux2);
    finish(run, part, is_whole, row + 3u, q, shift, acc3, aux3);
  }
}
