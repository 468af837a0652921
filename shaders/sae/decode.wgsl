// Gate/magnitude split and decoder of one row, main and auxiliary path together: the row's active latents are listed from the
// bits the encoder left, u of each is formed (one dot product), f and gate from that, and
//   x_hat = b_dec + sum_i f_i W_dec_i      x_aux = b_dec + sum_i gate_i W_dec_i
// with each W_dec row read once for both. Writes the residuals x_hat - x and x_aux - x and the row's statistics.
//
// One workgroup of WIDTH invocations a (row, run, chunk of 4·WIDTH vec4 columns); grid (rows of the dispatch, R, chunks). The list
// lives in workgroup memory, CAPACITY at a time, in the order of the latents: no density overflows it. LANES invocations share
// a dot product. An invocation owns up to four vec4 columns in named accumulators. All sums run in the order of the list.
// A run in several segments goes on from what the segment before left (`first`, `last`).
// Runs that are not live or take the dense form are skipped; their residuals and statistics are left as they were.
// needs: sae/common, architectures, sae/point, sae/row

override WIDTH : u32 = 64u;
const CAPACITY = 256u;
const LANES = 8u;

struct Params {
  batch : u32,      // B: rows of one slot of `residuals`, and of `stats`
  quads : u32,      // Q
  latents : u32,    // of the segment
  runs : u32,       // R
  from_row : u32,   // first row of this dispatch
  first : u32,      // 1: first segment
  last : u32,       // 1: last segment
  width : u32,      // WIDTH, as a number no compiler knows (see latent_update.wgsl)
}

@group(0) @binding(0) var<uniform> params : Params;

var<workgroup> sums : array<Sums, WIDTH>;
var<workgroup> tally : array<u32, WIDTH>;
var<workgroup> total : u32;
var<workgroup> entries : array<vec4<u32>, CAPACITY>; // latent, from the run's first; then f, gate and penalty as f32
var<workgroup> extras : array<f32, CAPACITY>;
var<workgroup> partial : array<vec2<f32>, WIDTH>; // u, and that of the second encoder matrix

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let row = params.from_row + group.x;
  let r = group.y;
  let run = runs.run[r];
  if (!takes_part(run, active_set.form[r], SPARSE)) {
    return;
  }
  let q0 = group.z * 4u * WIDTH + t;
  let q1 = q0 + WIDTH;
  let q2 = q1 + WIDTH;
  let q3 = q2 + WIDTH;
  let end = params.quads - 1u;
  let aux = is(run, AUX);
  let s = ((group.z * params.batch + row) * params.runs + r) * STATS;
  var m0 = vec4(0.0);
  var m1 = vec4(0.0);
  var m2 = vec4(0.0);
  var m3 = vec4(0.0);
  var a0 = vec4(0.0);
  var a1 = vec4(0.0);
  var a2 = vec4(0.0);
  var a3 = vec4(0.0);
  var penalty = 0.0;
  var extra = 0.0;
  var l0 = 0.0;
  var part = 0u;
  if (params.first == 0u) {
    m0 = before(whole_slot(run), row, q0);
    m1 = before(whole_slot(run), row, q1);
    m2 = before(whole_slot(run), row, q2);
    m3 = before(whole_slot(run), row, q3);
    if (aux) {
      a0 = before(run.aux_slot, row, q0);
      a1 = before(run.aux_slot, row, q1);
      a2 = before(run.aux_slot, row, q2);
      a3 = before(run.aux_slot, row, q3);
    }
    penalty = stats[s + STAT_PENALTY];
    extra = stats[s + STAT_EXTRA];
    l0 = stats[s + STAT_L0];
  }
  // Each invocation counts the bits of its share of the row's words, then knows where its own begin in the list.
  let words = (run.width + 3u) / 4u;
  let base = (row / 4u) * (params.latents / 4u) + run.first / 4u;
  let share = (words + WIDTH - 1u) / WIDTH;
  let from_word = min(t * share, words);
  let to_word = min(from_word + share, words);
  var own = 0u;
  for (var k = from_word; k < to_word; k++) {
    own += countOneBits(row_bits(active_set.words[base + k], row));
  }
  tally[t] = own;
  workgroupBarrier();
  var place = 0u;
  for (var other = 0u; other < t; other++) {
    place += tally[other];
  }
  if (t == WIDTH - 1u) {
    total = place + own;
  }
  let count = workgroupUniformLoad(&total);
  for (var window = 0u; window < count; window += CAPACITY) {
    if (place < window + CAPACITY && place + own > window) {
      var at = place;
      for (var k = from_word; k < to_word; k++) {
        var bits = row_bits(active_set.words[base + k], row);
        while (bits != 0u) {
          if (at >= window && at < window + CAPACITY) {
            entries[at - window].x = 4u * k + firstTrailingBit(bits) / 4u;
          }
          at++;
          bits &= bits - 1u;
        }
      }
    }
    workgroupBarrier();
    let here = min(CAPACITY, count - window);
    for (var round = 0u; round < here; round += WIDTH / LANES) {
      let entry = round + t / LANES;
      var products = vec4(0.0);
      var seconds = vec4(0.0);
      if (entry < here) {
        let w = (run.first + entries[entry].x) * params.quads;
        for (var q = t % LANES; q < params.quads; q += LANES) {
          products += x[row * params.quads + q] * w_enc[w + q];
          if (SECOND && run.mate > 0u) {
            seconds += x[row * params.quads + q] * w_enc[w + run.mate * params.quads + q];
          }
        }
      }
      partial[t] = vec2(dot(products, vec4(1.0)), dot(seconds, vec4(1.0)));
      workgroupBarrier();
      if (t < WIDTH / LANES && round + t < here) {
        var u = vec2(0.0);
        for (var lane = 0u; lane < LANES; lane++) {
          u += partial[t * LANES + lane];
        }
        let listed = entries[round + t].x;
        let act = activate(run, point_of(run, run.first + listed, u), latent_params[run.first + listed]);
        entries[round + t] = vec4(listed, bitcast<u32>(act.f), bitcast<u32>(act.gate), bitcast<u32>(act.penalty));
        extras[round + t] = act.extra;
      }
      workgroupBarrier();
    }
    for (var k = 0u; k < here; k++) {
      let entry = entries[k];
      while (NESTED && part + 1u < run.parts && entry.x >= end_of(run, part)) {
        keep_prefix(part, q0, row, run, m0);
        keep_prefix(part, q1, row, run, m1);
        keep_prefix(part, q2, row, run, m2);
        keep_prefix(part, q3, row, run, m3);
        part++;
      }
      let w = (run.first + entry.x) * params.quads;
      let f = bitcast<f32>(entry.y);
      let gate = bitcast<f32>(entry.z);
      penalty += bitcast<f32>(entry.w);
      extra += extras[k];
      l0 += select(0.0, 1.0, f != 0.0);
      let w0 = w_dec[w + min(q0, end)];
      m0 += f * w0;
      if (aux) { a0 += gate * w0; }
      if (q1 <= end) {
        let w1 = w_dec[w + q1];
        m1 += f * w1;
        if (aux) { a1 += gate * w1; }
      }
      if (q2 <= end) {
        let w2 = w_dec[w + q2];
        m2 += f * w2;
        if (aux) { a2 += gate * w2; }
      }
      if (q3 <= end) {
        let w3 = w_dec[w + q3];
        m3 += f * w3;
        if (aux) { a3 += gate * w3; }
      }
    }
    workgroupBarrier();
  }
  for (; NESTED && part + 1u < run.parts; part++) {
    keep_prefix(part, q0, row, run, m0);
    keep_prefix(part, q1, row, run, m1);
    keep_prefix(part, q2, row, run, m2);
    keep_prefix(part, q3, row, run, m3);
  }
  var all : Sums;
  // One copy of `finish` in the program: compilers copy a function wherever it is called.
  for (var column = 0u; column < 4u; column++) {
    let m = select(select(m3, m2, column == 2u), select(m1, m0, column == 0u), column < 2u);
    let a = select(select(a3, a2, column == 2u), select(a1, a0, column == 0u), column < 2u);
    finish(&all, q0 + column * WIDTH, row, r, run, params.last != 0u, m, a);
  }
  sums[t] = all;
  workgroupBarrier();
  if (t == 0u) {
    for (var other = 1u; other < params.width; other++) {
      all.nested += sums[other].nested;
      all.e += sums[other].e;
      all.aux += sums[other].aux;
      all.hat += sums[other].hat;
      all.cross += sums[other].cross;
      all.self_ += sums[other].self_;
    }
    stats[s + STAT_ERROR] = all.e;
    stats[s + STAT_AUX] = all.aux;
    stats[s + STAT_PENALTY] = select(0.0, penalty, group.z == 0u);
    stats[s + STAT_L0] = select(0.0, l0, group.z == 0u);
    stats[s + STAT_HAT] = all.hat;
    stats[s + STAT_CROSS] = all.cross;
    stats[s + STAT_X] = all.self_;
    stats[s + STAT_EXTRA] = select(0.0, extra, group.z == 0u);
    stats[s + STAT_NESTED] = all.nested;
  }
}
