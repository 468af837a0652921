// What ../decode.wgsl does, for processors (registers.wgsl): a workgroup is one subgroup, whose lanes walk the bits of the row together and
// keep the list each for itself, so nothing waits at a barrier. W_enc of an active latent is loaded only where the encoder did not keep u.
//
// One workgroup a (row, run); grid (rows of the dispatch, R). The list holds CAPACITY latents at a time; a longer row goes on from what the
// pass before left in `residuals`, as a run in several segments does. Loops that carry rows of registers along are the expensive ones: each
// level of nesting copies them once more. Hence a list first, then its entries.
// needs: subgroups, sae/common, architectures, sae/processor/registers, sae/row

struct Params {
  batch : u32,      // B: rows of one slot of `residuals`, and of `stats`
  quads : u32,      // Q
  latents : u32,    // of the segment
  row_groups : u32, // ceil(rows of the buffer/4)
  runs : u32,       // R
  from_row : u32,   // first row of this dispatch
  first : u32,      // 1: first segment
  last : u32,       // 1: last segment
}

override SECOND : bool = false;

@group(0) @binding(0) var<uniform> params : Params;

var<private> fs : array<f32, CAPACITY>;
var<private> gates : array<f32, CAPACITY>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(subgroup_invocation_id) t : u32) {
  let row = params.from_row + group.x;
  let r = group.y;
  let run = runs.run[r];
  if (!takes_part(run, active_set.form[r], SPARSE)) {
    return;
  }
  let end = params.quads - 1u;
  let base = (row / 4u) * (params.latents / 4u) + run.first / 4u;
  // The row's latents, counted from the run's first; u of the first of each word was kept.
  let walk = Walk(base, (run.width + 3u) / 4u, row % 4u, 0x1111u, 2u);
  let kept = params.row_groups * (params.latents / 2u) + base;
  let s = (row * params.runs + r) * STATS;
  var penalty = 0.0;
  var extra = 0.0;
  var l0 = 0.0;
  if (params.first == 0u) {
    penalty = stats[s + STAT_PENALTY];
    extra = stats[s + STAT_EXTRA];
    l0 = stats[s + STAT_L0];
  }
  var all : Sums;
  var count = 0u;
  var reached = 0u;
  for (var window = 0u; window == 0u || window < count; window += CAPACITY) {
    count = list_entries(walk, window, t);
    let here = min(CAPACITY, count - window);
    for (var k = 0u; k < here; k++) {
      let entry = listed[k];
      let latent = entry & ~FIRST;
      let i = run.first + latent;
      let is_known = entry != latent;
      var products = vec4(0.0);
      for (var q = select(0u, params.quads, is_known); q < params.quads; q += LANES) {
        if (q + t < params.quads) {
          products += x[row * params.quads + q + t] * w_enc[i * params.quads + q + t];
        }
      }
      var seconds = vec4(0.0);
      for (var q = select(params.quads, 0u, SECOND && run.mate > 0u); q < params.quads; q += LANES) {
        if (q + t < params.quads) {
          seconds += x[row * params.quads + q + t] * w_enc[(i + run.mate) * params.quads + q + t];
        }
      }
      // One lane loads for all.
      var u = 0.0;
      var correction = 0.0;
      var second = dot(seconds, vec4(1.0));
      var scalars = vec4(0.0);
      var norm = 1.0;
      if (t == 0u) {
        scalars = latent_params[i];
        correction = latent_params[params.latents + i].w;
        if (is_known) {
          u = bitcast<f32>(active_set.words[kept + latent / 4u]);
        }
        if (SECOND && run.mate > 0u) {
          second -= latent_params[params.latents + i + run.mate].w;
        }
        if (is(run, NORMS)) {
          norm = latent_params[2u * params.latents + i].y;
        }
      }
      let sums = over_lanes(vec4(dot(products, vec4(1.0)), correction, u, second));
      let at = Point(select(sums.x - sums.y, sums.z, is_known), sums.w, subgroupBroadcast(norm, 0u));
      let act = activate(run, at, subgroupBroadcast(scalars, 0u));
      fs[k] = act.f;
      gates[k] = act.gate;
      penalty += act.penalty;
      extra += act.extra;
      l0 += select(0.0, 1.0, act.f != 0.0);
    }
    let is_first = params.first != 0u && window == 0u;
    let is_last = params.last != 0u && window + CAPACITY >= count;
    for (var q = t; q < params.quads + t; q += 4u * LANES) {
      var m0 = vec4(0.0);
      var m1 = vec4(0.0);
      var m2 = vec4(0.0);
      var m3 = vec4(0.0);
      var a0 = vec4(0.0);
      var a1 = vec4(0.0);
      var a2 = vec4(0.0);
      var a3 = vec4(0.0);
      if (!is_first) {
        m0 = before(whole_slot(run), row, q);
        m1 = before(whole_slot(run), row, q + LANES);
        m2 = before(whole_slot(run), row, q + 2u * LANES);
        m3 = before(whole_slot(run), row, q + 3u * LANES);
        a0 = before(run.aux_slot, row, q);
        a1 = before(run.aux_slot, row, q + LANES);
        a2 = before(run.aux_slot, row, q + 2u * LANES);
        a3 = before(run.aux_slot, row, q + 3u * LANES);
      }
      // Prefixes that ended before the last latent of the window before are kept already.
      var part = part_of(run, reached);
      for (var k = 0u; k < here; k++) {
        while (NESTED && part + 1u < run.parts && (listed[k] & ~FIRST) >= end_of(run, part)) {
          keep_prefix(part, q, row, run, m0);
          keep_prefix(part, q + LANES, row, run, m1);
          keep_prefix(part, q + 2u * LANES, row, run, m2);
          keep_prefix(part, q + 3u * LANES, row, run, m3);
          part++;
        }
        let at = (run.first + (listed[k] & ~FIRST)) * params.quads;
        let f = fs[k];
        let gate = gates[k];
        let w0 = w_dec[at + min(q, end)];
        m0 += f * w0;
        a0 += gate * w0;
        if (q + LANES <= end) {
          let w1 = w_dec[at + q + LANES];
          m1 += f * w1;
          a1 += gate * w1;
        }
        if (q + 2u * LANES <= end) {
          let w2 = w_dec[at + q + 2u * LANES];
          m2 += f * w2;
          a2 += gate * w2;
        }
        if (q + 3u * LANES <= end) {
          let w3 = w_dec[at + q + 3u * LANES];
          m3 += f * w3;
          a3 += gate * w3;
        }
      }
      for (; NESTED && is_last && part + 1u < run.parts; part++) {
        keep_prefix(part, q, row, run, m0);
        keep_prefix(part, q + LANES, row, run, m1);
        keep_prefix(part, q + 2u * LANES, row, run, m2);
        keep_prefix(part, q + 3u * LANES, row, run, m3);
      }
      // One copy of `finish` in the program: compilers copy a function wherever it is called.
      for (var column = 0u; column < 4u; column++) {
        let m = select(select(m3, m2, column == 2u), select(m1, m0, column == 0u), column < 2u);
        let a = select(select(a3, a2, column == 2u), select(a1, a0, column == 0u), column < 2u);
        finish(&all, q + column * LANES, row, r, run, is_last, m, a);
      }
    }
    if (NESTED && here > 0u) {
      reached = listed[here - 1u] & ~FIRST;
    }
  }
  let sums = over_lanes(vec4(all.e, all.aux, all.hat, all.cross));
  let others = over_lanes(vec4(all.self_, all.nested, 0.0, 0.0));
  if (t == 0u) {
    stats[s + STAT_ERROR] = sums.x;
    stats[s + STAT_AUX] = sums.y;
    stats[s + STAT_PENALTY] = penalty;
    stats[s + STAT_L0] = l0;
    stats[s + STAT_HAT] = sums.z;
    stats[s + STAT_CROSS] = sums.w;
    stats[s + STAT_X] = others.x;
    stats[s + STAT_EXTRA] = extra;
    stats[s + STAT_NESTED] = others.y;
  }
}
