// Decoder, main and auxiliary together: x_hat = b_dec + sum_i f_i W_dec_i and x_aux = b_dec + sum_i gate_i W_dec_i over the
// row's active list, each W_dec row read once for both; writes the errors x_hat - x and x_aux - x and the row's statistics.
//
// One workgroup of WIDTH invocations a (row, run, chunk of 4·WIDTH vec4 columns); grid (rows of the dispatch, R, chunks). An invocation owns up
// to four vec4 columns, t, t + WIDTH, …, in named accumulators. All sums run in the order of the list.
// The statistics are added up by one invocation: WIDTH is small, and one barrier costs less than a tree of them.
// A run that is not active is skipped; its errors and statistics are left as they were.

override WIDTH : u32 = 64u;

struct Params {
  rows : u32,
  first_row : u32, // of this block in x
  quads : u32,     // Q
  u_stride : u32,  // latents rounded up to 4
  runs : u32,      // R
  block_rows : u32, // rows of one slot of `errors`
  from_row : u32,  // first row of this dispatch in the block
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> x : array<vec4<f32>>;          // [B, Q]
@group(0) @binding(3) var<storage, read> w_dec : array<vec4<f32>>;      // [latents, Q]
@group(0) @binding(4) var<storage, read> entries : array<u32>;          // [block rows, u_stride, ENTRY]
@group(0) @binding(5) var<storage, read> counts : array<u32>;           // [block rows, R]
@group(0) @binding(6) var<storage, read> bias : array<vec4<f32>>;       // [R + 1, Q]: b_dec of each run, then the mean
@group(0) @binding(7) var<storage, read_write> errors : array<vec4<f32>>; // [slots, block rows, Q]
@group(0) @binding(8) var<storage, read_write> stats : array<f32>;      // [chunks, block rows, R, STATS]

struct Sums {
  e : f32,
  aux : f32,
  hat : f32,
  cross : f32,
  self_ : f32,
}
var<workgroup> sums : array<Sums, WIDTH>;

// Errors and statistics of one vec4 column.
fn finish(total : ptr<function, Sums>, q : u32, row : u32, run : Run, main_ : vec4<f32>, aux : vec4<f32>) {
  if (q >= params.quads) {
    return;
  }
  let centred = x[(params.first_row + row) * params.quads + q];
  let mean = bias[params.runs * params.quads + q];
  let e = main_ - centred;
  let hat = main_ + mean;
  let raw = centred + mean;
  errors[(run.main_slot * params.block_rows + row) * params.quads + q] = e;
  (*total).e += dot(e, e);
  (*total).hat += dot(hat, hat);
  (*total).cross += dot(hat, raw);
  (*total).self_ += dot(raw, raw);
  if (has_aux(run.arch)) {
    let a = aux - centred;
    errors[(run.aux_slot * params.block_rows + row) * params.quads + q] = a;
    (*total).aux += dot(a, a);
  }
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let row = params.from_row + group.x;
  let run = runs.run[group.y];
  if (run.live == 0u) {
    return;
  }
  let q0 = group.z * 4u * WIDTH + t;
  let q1 = q0 + WIDTH;
  let q2 = q1 + WIDTH;
  let q3 = q2 + WIDTH;
  let last = params.quads - 1u;
  let aux = has_aux(run.arch);
  var m0 = vec4(0.0);
  var m1 = vec4(0.0);
  var m2 = vec4(0.0);
  var m3 = vec4(0.0);
  var a0 = vec4(0.0);
  var a1 = vec4(0.0);
  var a2 = vec4(0.0);
  var a3 = vec4(0.0);
  var l1 = 0.0;
  var l0 = 0.0;
  let list = (row * params.u_stride + run.first) * ENTRY;
  let count = counts[row * params.runs + group.y];
  for (var k = 0u; k < count; k++) {
    let at = list + k * ENTRY;
    let w = (run.first + entries[at]) * params.quads;
    let f = bitcast<f32>(entries[at + 1u]);
    let gate = bitcast<f32>(entries[at + 2u]);
    l1 += gate;
    l0 += select(0.0, 1.0, f > 0.0);
    let w0 = w_dec[w + min(q0, last)];
    m0 += f * w0;
    if (aux) { a0 += gate * w0; }
    if (q1 <= last) {
      let w1 = w_dec[w + q1];
      m1 += f * w1;
      if (aux) { a1 += gate * w1; }
    }
    if (q2 <= last) {
      let w2 = w_dec[w + q2];
      m2 += f * w2;
      if (aux) { a2 += gate * w2; }
    }
    if (q3 <= last) {
      let w3 = w_dec[w + q3];
      m3 += f * w3;
      if (aux) { a3 += gate * w3; }
    }
  }
  let b = group.y * params.quads;
  let m = params.runs * params.quads;
  let shift0 = bias[b + min(q0, last)] - bias[m + min(q0, last)];
  let shift1 = bias[b + min(q1, last)] - bias[m + min(q1, last)];
  let shift2 = bias[b + min(q2, last)] - bias[m + min(q2, last)];
  let shift3 = bias[b + min(q3, last)] - bias[m + min(q3, last)];
  var total : Sums;
  finish(&total, q0, row, run, m0 + shift0, a0 + shift0);
  finish(&total, q1, row, run, m1 + shift1, a1 + shift1);
  finish(&total, q2, row, run, m2 + shift2, a2 + shift2);
  finish(&total, q3, row, run, m3 + shift3, a3 + shift3);
  sums[t] = total;
  workgroupBarrier();
  if (t == 0u) {
    let s = ((group.z * params.block_rows + row) * params.runs + group.y) * STATS;
    var all = sums[0];
    for (var other = 1u; other < WIDTH; other++) {
      all.e += sums[other].e;
      all.aux += sums[other].aux;
      all.hat += sums[other].hat;
      all.cross += sums[other].cross;
      all.self_ += sums[other].self_;
    }
    stats[s] = all.e;
    stats[s + 1u] = all.aux;
    stats[s + 2u] = select(0.0, l1, group.z == 0u);
    stats[s + 3u] = select(0.0, l0, group.z == 0u);
    stats[s + 4u] = all.hat;
    stats[s + 5u] = all.cross;
    stats[s + 6u] = all.self_;
  }
}
