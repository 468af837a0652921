// What ../latent_update.wgsl does, for rows that the registers of one subgroup hold (registers.wgsl): both rows of the latent are loaded
// once, and of each row on which it is active x, e and e_aux once, which serve the dot products and then the gradients. All 8 lanes walk
// the bits of the latent's column together and keep the list each for itself, CAPACITY rows at a time, so nothing waits at a barrier. The
// sums over rows run in the order of the batch.
//
// One workgroup, one subgroup, a group of 8 latents; grid: the groups of the dispatch, folded. Loops that carry rows of registers along copy
// them once more for each level of nesting: hence a list first, then its entries.
// needs: subgroups, sae/common, architectures, sae/processor/registers, sae/adam, sae/latent

struct Params {
  batch : u32,       // B
  quads : u32,       // Q, at most 64
  latents : u32,     // of the segment
  row_groups : u32,  // ceil(B/4)
  runs : u32,        // R
  from_group : u32,  // this dispatch works on the groups [from_group, to_group)
  to_group : u32,
  per_row : f32,     // 1/B
}

@group(0) @binding(0) var<uniform> params : Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(subgroup_invocation_id) t : u32) {
  let g = params.from_group + group.x + group.y * groups.x;
  if (g >= params.to_group) {
    return;
  }
  let begin = g * GROUP;
  let r = u32(latent_params[begin].w); // the same for all eight, padding included
  let run = runs.run[r];
  if (!takes_part(run, active_set.form[r], SPARSE)) {
    return;
  }
  let aux = has_aux(run.arch);
  let is_unit = has_unit_decoder(run.arch);
  let main_ = run.main_slot * params.batch;
  let second = run.aux_slot * params.batch;
  let last = min(begin + GROUP, run.first + run.width);
  let columns = (params.quads + LANES - 1u) / LANES;
  var shift = Row();
  for (var c = 0u; c < columns; c++) {
    shift = with_column(shift, c, shift_at(r, min(c * LANES + t, params.quads - 1u)));
  }
  var share = Row();
  for (var i = begin; i < last; i++) {
    let row0 = i * params.quads;
    let latent = latent_params[i];
    let correction = latent_params[params.latents + i].w;
    var enc_row = Row();
    var dec_row = Row();
    for (var c = 0u; c < columns; c++) {
      let q = c * LANES + t;
      if (q < params.quads) {
        enc_row = with_column(enc_row, c, w_enc[row0 + q]);
        dec_row = with_column(dec_row, c, w_dec[row0 + q]);
      }
    }
    var g_enc = Row();
    var g_dec = Row();
    var total = vec4(0.0); // gradients of the scalars (xyz) and of u (w), over B
    var fires = 0.0;
    let at_words = params.row_groups * (params.latents / 4u) + (i / 4u) * params.row_groups;
    let walk = Walk(at_words, params.row_groups, 4u * (i % 4u), 15u, 0u);
    var count = 0u;
    for (var window = 0u; window == 0u || window < count; window += CAPACITY) {
      count = list_entries(walk, window, t);
      let here = min(CAPACITY, count - window);
      for (var k = 0u; k < here; k++) {
        let row = listed[k] & ~FIRST;
        let at = row * params.quads;
        let e_at = (main_ + row) * params.quads;
        let aux_at = (second + row) * params.quads;
        var u4 = vec4(0.0);
        var we4 = vec4(0.0);
        var wa4 = vec4(0.0);
        var x_row = Row();
        var e_row = Row();
        for (var c = 0u; c < columns; c++) {
          let q = c * LANES + t;
          if (q < params.quads) {
            let value = x[at + q];
            let e = residuals[e_at + q];
            let direction = column(dec_row, c);
            u4 += value * column(enc_row, c);
            we4 += e * direction;
            if (aux) {
              wa4 += residuals[aux_at + q] * direction;
            }
            x_row = with_column(x_row, c, value);
            e_row = with_column(e_row, c, e);
          }
        }
        let dots = over_lanes(vec4(dot(u4, vec4(1.0)), dot(we4, vec4(1.0)), dot(wa4, vec4(1.0)), 0.0));
        let u = dots.x - correction;
        let f = activate(run, u, latent).f;
        let p = backward(run, u, latent, f, dots.y, dots.z);
        let scaled = vec4(p.vectors, p.u) * params.per_row;
        total += scaled;
        fires += select(0.0, 1.0, f != 0.0);
        g_enc = plus(g_enc, scaled.w, x_row);
        g_dec = plus(g_dec, 2.0 * f * params.per_row, e_row);
      }
    }
    let s = total.w;
    share = plus(share, s, enc_row);
    var dots = vec4(0.0);
    for (var c = 0u; c < columns; c++) {
      let w = column(dec_row, c);
      dots += vec4(dot(w, column(g_dec, c)), dot(w, w), 0.0, 0.0);
    }
    let both = over_lanes(dots);
    let along = select(0.0, both.x / both.y, is_unit);
    var square = 0.0;
    for (var c = 0u; c < columns; c++) {
      let q = c * LANES + t;
      if (q < params.quads) {
        update_enc(run, row0 + q, column(enc_row, c), column(g_enc, c) - s * column(shift, c));
        let w = column(dec_row, c);
        let value = update_dec(run, row0 + q, w, column(g_dec, c) - along * w);
        square += dot(value, value);
        dec_row = with_column(dec_row, c, value);
      }
    }
    let length = select(1.0, sqrt(over_lanes(vec4(square, 0.0, 0.0, 0.0)).x), is_unit);
    for (var c = 0u; c < columns; c++) {
      let q = c * LANES + t;
      if (q < params.quads) {
        w_dec[row0 + q] = column(dec_row, c) / length;
      }
    }
    if (t == 0u) {
      update_scalars(run, i, total.xyz, fires);
    }
  }
  for (var c = 0u; c < columns; c++) {
    let q = c * LANES + t;
    if (q < params.quads) {
      shares[g * params.quads + q] = column(share, c);
    }
  }
}
