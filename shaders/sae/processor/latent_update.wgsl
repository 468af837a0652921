// What ../latent_update.wgsl does, for rows that the registers of one subgroup hold (registers.wgsl): both rows of the latent are loaded
// once, and of each row on which it is active x, e and e_aux once, which serve the dot products and then the gradients. All 8 lanes walk
// the bits of the latent's column together and keep the list each for itself, CAPACITY rows at a time, so nothing waits at a barrier. The
// sums over rows run in the order of the batch.
//
// One workgroup, one subgroup, a group of 8 latents; grid: the groups of the dispatch, folded. Loops that carry rows of registers along copy
// them once more for each level of nesting: hence a list first, then its entries.
// needs: subgroups, sae/common, architectures, sae/processor/registers, sae/adam, sae/point, sae/latent

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
  if (!is_wanted(run, active_set.form[r])) {
    return;
  }
  let aux = is(run, AUX);
  let is_unit = is(run, UNIT) && !is(run, FIXED_DEC);
  let trains = TRAINED && is(run, AUX_TRAINED);
  let mated = SECOND && run.mate > 0u;
  let second = run.aux_slot * params.batch;
  let last = min(begin + GROUP, run.first + run.width);
  let columns = (params.quads + LANES - 1u) / LANES;
  var shift = Row();
  for (var c = 0u; c < columns; c++) {
    shift = with_column(shift, c, shift_at(run, r, min(c * LANES + t, params.quads - 1u)));
  }
  var share = Row();
  for (var i = begin; i < last; i++) {
    let row0 = i * params.quads;
    let mate0 = (i + run.mate) * params.quads;
    let main_ = (run.main_slot + part_of(run, run.before + i - run.first)) * params.batch;
    let latent = latent_params[i];
    var enc_row = Row();
    var dec_row = Row();
    var mag_row = Row();
    for (var c = 0u; c < columns; c++) {
      let q = c * LANES + t;
      if (q < params.quads) {
        enc_row = with_column(enc_row, c, w_enc[row0 + q]);
        dec_row = with_column(dec_row, c, w_dec[row0 + q]);
        if (mated) {
          mag_row = with_column(mag_row, c, w_enc[mate0 + q]);
        }
      }
    }
    var g_enc = Row();
    var g_dec = Row();
    var g_mag = Row();
    var total = vec4(0.0); // gradients of the scalars (xyz) and of u (w), over B
    var more = vec3(0.0);  // rows fired on; gradients of `second` and of the decoder row's norm, over B
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
        var second4 = vec4(0.0);
        var x_row = Row();
        var e_row = Row();
        var aux_row = Row();
        for (var c = 0u; c < columns; c++) {
          let q = c * LANES + t;
          if (q < params.quads) {
            let value = x[at + q];
            let e = residuals[e_at + q];
            let direction = column(dec_row, c);
            u4 += value * column(enc_row, c);
            we4 += e * direction;
            if (aux) {
              let error = residuals[aux_at + q];
              wa4 += error * direction;
              if (trains) {
                aux_row = with_column(aux_row, c, error);
              }
            }
            if (mated) {
              second4 += value * column(mag_row, c);
            }
            x_row = with_column(x_row, c, value);
            e_row = with_column(e_row, c, e);
          }
        }
        let dots = over_lanes(vec4(dot(u4, vec4(1.0)), dot(we4, vec4(1.0)), dot(wa4, vec4(1.0)), dot(second4, vec4(1.0))));
        let point = point_of(run, i, dots.xw);
        let act = activate(run, point, latent);
        let p = backward(run, point, latent, act, dots.y, run.aux_weight * dots.z);
        let scaled = vec4(p.vectors, p.u) * params.per_row;
        total += scaled;
        more += vec3(select(0.0, 1.0, act.f != 0.0), vec2(p.second, p.norm) * params.per_row);
        g_enc = plus(g_enc, scaled.w, x_row);
        g_dec = plus(g_dec, 2.0 * act.f * params.per_row, e_row);
        if (TRAINED) {
          g_dec = plus(g_dec, select(0.0, 2.0 * run.aux_weight * act.gate * params.per_row, trains), aux_row);
        }
        if (SECOND) {
          g_mag = plus(g_mag, p.second * params.per_row, x_row);
        }
      }
    }
    let s = total.w;
    share = plus(share, s, enc_row);
    if (SECOND) {
      share = plus(share, more.y, mag_row);
    }
    var dots = vec4(0.0);
    for (var c = 0u; c < columns; c++) {
      let w = column(dec_row, c);
      dots += vec4(dot(w, column(g_dec, c)), dot(w, w), 0.0, 0.0);
    }
    let both = over_lanes(dots);
    let along = along_row(run, both.xy, more.z);
    let scalars = scalar_gradients(run, i, total.xyz, more.x);
    var square = 0.0;
    for (var c = 0u; c < columns; c++) {
      let q = c * LANES + t;
      if (q < params.quads) {
        let w = column(dec_row, c);
        let enc = column(g_enc, c) - s * column(shift, c);
        let second_ = column(g_mag, c) - more.y * column(shift, c);
        if (MEASURE) {
          let dec = select(column(g_dec, c) - along * w, vec4(0.0), is(run, FIXED_DEC));
          square += dot(dec, dec) + select(dot(enc, enc), 0.0, is(run, FIXED_ENC));
          square += select(0.0, dot(second_, second_), mated && !is(run, FIXED_ENC));
          continue;
        }
        update_enc(run, row0 + q, column(enc_row, c), enc);
        if (mated) {
          update_enc(run, mate0 + q, column(mag_row, c), second_);
        }
        let value = update_dec(run, row0 + q, w, column(g_dec, c) - along * w);
        square += dot(value, value);
        dec_row = with_column(dec_row, c, value);
      }
    }
    let length2 = over_lanes(vec4(square, 0.0, 0.0, 0.0)).x;
    if (MEASURE) {
      if (t == 0u) {
        latent_params[2u * params.latents + i].z = length2 + dot(scalars, scalars);
      }
      continue;
    }
    let length = select(1.0, sqrt(length2), is_unit);
    for (var c = 0u; c < columns; c++) {
      let q = c * LANES + t;
      if (q < params.quads) {
        w_dec[row0 + q] = column(dec_row, c) / length;
      }
    }
    if (t == 0u) {
      update_scalars(run, i, scalars, more.x);
    }
  }
  for (var c = 0u; c < columns; c++) {
    let q = c * LANES + t;
    if (q < params.quads) {
      shares[g * params.quads + q] = column(share, c);
    }
  }
}
