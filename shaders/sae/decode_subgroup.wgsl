// What decode.wgsl does, for rows that the registers of one subgroup hold (registers.wgsl): x of the row is loaded once, W_dec of each active
// latent once, W_enc only where the encoder did not keep u, and all 8 lanes walk the bits of the row together, so no list is needed.
//
// One workgroup, one subgroup, a (row, run); grid (rows of the dispatch, R).

struct Params {
  rows : u32,       // rows of one slot of `errors`, and of `stats`
  quads : u32,      // Q, at most 64
  latents : u32,    // of the segment
  row_groups : u32, // ceil(rows of the buffer/4)
  runs : u32,       // R
  from_row : u32,   // first row of this dispatch
  first : u32,      // 1: first segment
  last : u32,       // 1: last segment
}

@group(0) @binding(0) var<uniform> params : Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(subgroup_invocation_id) t : u32) {
  let row = params.from_row + group.x;
  let r = group.y;
  let run = runs.run[r];
  if (run.live == 0u || active_set.dense[r] != 0u) {
    return;
  }
  let columns = (params.quads + LANES - 1u) / LANES;
  let s = (row * params.runs + r) * STATS;
  var own = Row();
  var hat = Row();
  var aux = Row();
  var l1 = 0.0;
  var l0 = 0.0;
  for (var c = 0u; c < columns; c++) {
    let q = c * LANES + t;
    if (q < params.quads) {
      own = with_column(own, c, x[row * params.quads + q]);
      if (params.first == 0u) {
        hat = with_column(hat, c, before(run.main_slot, row, q));
        aux = with_column(aux, c, before(run.aux_slot, row, q));
      }
    }
  }
  if (params.first == 0u) {
    l1 = stats[s + 2u];
    l0 = stats[s + 3u];
  }
  let words = (run.width + 3u) / 4u;
  let base = (row / 4u) * (params.latents / 4u) + run.first / 4u;
  for (var start = 0u; start < words; start += LANES) {
    // Each lane one word; then together through those that are not 0.
    var word = 0u;
    var first = 0u; // the bit whose u was kept, where it is of this row
    var kept = 0.0;
    if (start + t < words) {
      let all = active_set.words[base + start + t];
      word = row_bits(all, row);
      first = row_bits(all & (~all + 1u), row);
    }
    if (first != 0u) {
      kept = bitcast<f32>(active_set.words[params.row_groups * (params.latents / 2u) + base + start + t]);
    }
    var lanes = subgroupBallot(word != 0u).x;
    while (lanes != 0u) {
      let lane = firstTrailingBit(lanes);
      lanes &= lanes - 1u;
      var bits = subgroupShuffle(word, lane);
      let known = subgroupShuffle(first, lane);
      let kept_u = subgroupShuffle(kept, lane);
      while (bits != 0u) {
        let bit = bits & (~bits + 1u);
        bits &= bits - 1u;
        let i = run.first + 4u * (start + lane) + firstTrailingBit(bit) / 4u;
        let at = i * params.quads;
        var direction = Row();
        for (var c = 0u; c < columns; c++) {
          let q = c * LANES + t;
          if (q < params.quads) {
            direction = with_column(direction, c, dec[at + q]);
          }
        }
        // No `if`: these drivers execute both of its sides, but end a loop.
        var products = vec4(0.0);
        for (var c = 0u; c < select(columns, 0u, bit == known); c++) {
          let q = c * LANES + t;
          if (q < params.quads) {
            products += column(own, c) * enc[at + q];
          }
        }
        var latent = vec4(0.0);
        var correction = 0.0;
        if (t == 0u) {
          latent = records[i];
          correction = records[params.latents + i].w;
        }
        let formed = over_lanes(vec4(dot(products, vec4(1.0)) - correction, 0.0, 0.0, 0.0)).x;
        let act = activate(run.arch, select(formed, kept_u, bit == known), subgroupBroadcast(latent, 0u));
        l1 += act.gate;
        l0 += select(0.0, 1.0, act.f > 0.0);
        hat = plus(hat, act.f, direction);
        aux = plus(aux, act.gate, direction);
      }
    }
  }
  var all : Sums;
  for (var c = 0u; c < columns; c++) {
    finish(&all, c * LANES + t, row, r, run, column(hat, c), column(aux, c));
  }
  let sums = over_lanes(vec4(all.e, all.aux, all.hat, all.cross));
  let self_ = over_lanes(vec4(all.self_, 0.0, 0.0, 0.0)).x;
  if (t == 0u) {
    stats[s] = sums.x;
    stats[s + 1u] = sums.y;
    stats[s + 2u] = l1;
    stats[s + 3u] = l0;
    stats[s + 4u] = sums.z;
    stats[s + 5u] = sums.w;
    stats[s + 6u] = self_;
  }
}
