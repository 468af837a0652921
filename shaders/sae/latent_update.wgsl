// Backward pass and optimiser of one latent at a time. Its column of the active set is listed; for every row in it one round of
// dot products gives u, <e, W_dec_i> and <e_aux, W_dec_i>, hence the gradients of u and of the latent's scalars; then
//   dW_dec_i = (2/B) sum_b f_b e_b        dW_enc_i = (1/B) sum_b g_u,b x_b - s_i (b_dec - mean),  s_i = (1/B) sum_b g_u,b
// (x is centred by the mean, hence the second term). The decoder's loses its component along the row; Adam on both rows and the scalars;
// the decoder row is divided by its norm (paper D.1.1; neither where the architecture's decoder is free). The gradients exist in registers
// alone (but see below).
//
// One workgroup of WIDTH invocations a group of 8 latents of a run, one after the other, so that s_i W_enc_i (old rows), which
// the gradient of b_dec wants, can be added up to one row of `shares` a group. Grid: the groups of the dispatch, folded.
// The list holds CAPACITY rows at a time, in the order of the batch: any density is exact, and no density overflows it. LANES invocations
// share a dot product. An invocation owns up to four vec4 columns in named accumulators; rows of more than 4·WIDTH vec4s go chunk by
// chunk, the gradients of the latent in hand waiting in two more rows of `shares` a group. No atomics; every sum has a fixed order, which
// depends on the run alone. Runs that are not live or take the dense form are skipped.
// needs: sae/common, architectures, sae/adam, sae/point, sae/latent

override WIDTH : u32 = 64u;
const CAPACITY = 256u;
const LANES = 8u;

struct Params {
  batch : u32,       // B
  quads : u32,       // Q
  latents : u32,     // of the segment
  row_groups : u32,  // ceil(B/4)
  runs : u32,        // R
  chunks : u32,      // ceil(Q / 4·WIDTH)
  from_group : u32,  // this dispatch works on the groups [from_group, to_group)
  to_group : u32,
  per_row : f32,     // 1/B
  width : u32,       // WIDTH, as a number no compiler knows: it would unroll the sums over lanes, and software drivers compile for half a minute
}

@group(0) @binding(0) var<uniform> params : Params;

var<workgroup> tally : array<vec4<u32>, WIDTH>;
var<workgroup> counted : vec4<u32>;
var<workgroup> entries : array<vec4<u32>, CAPACITY>;      // row, then as f32 the gradient of u and 2 f, both times 1/B
var<workgroup> others : array<vec2<f32>, CAPACITY>;       // gradient of `second` and 2 gate aux_weight, both times 1/B
var<workgroup> partial : array<vec4<f32>, WIDTH>;         // u, we, wa, second; later sums over columns
// What each of the invocations that finish dot products adds up over its entries: gradients of the scalars (xyz) and of u (w); rows fired on.
var<workgroup> sums : array<vec4<f32>, WIDTH / LANES>;
// Rows fired on; gradients of `second` and of the decoder row's norm.
var<workgroup> more_sums : array<vec3<f32>, WIDTH / LANES>;

// Sum over the workgroup; every invocation forms the same total in the same order (one barrier, no tree).
fn workgroup_sum(t : u32, value : vec2<f32>) -> vec2<f32> {
  workgroupBarrier();
  partial[t] = vec4(value, 0.0, 0.0);
  workgroupBarrier();
  var total = partial[0].xy;
  for (var other = 1u; other < params.width; other++) {
    total += partial[other].xy;
  }
  return total;
}

// One of four, by number.
fn pick(which : u32, a : vec4<f32>, b : vec4<f32>, c : vec4<f32>, d : vec4<f32>) -> vec4<f32> {
  return select(select(d, c, which == 2u), select(b, a, which == 0u), which < 2u);
}

// Gradients of one vec4 column, for when all chunks are known.
fn keep(g : u32, q : u32, g_enc : vec4<f32>, g_dec : vec4<f32>, g_second : vec4<f32>) {
  if (q < params.quads) {
    let plane = params.latents / GROUP * params.quads;
    let at = plane + g * params.quads + q;
    shares[at] = g_enc;
    shares[at + plane] = g_dec;
    if (SECOND) { shares[at + 2u * plane] = g_second; }
  }
}

// Lists the rows [window, window + CAPACITY) of latent i's column, of which this invocation has `own` from `place` on.
fn list_rows(words : u32, from_word : u32, to_word : u32, nibble : u32, window : u32, place : u32, own : u32) {
  if (place >= window + CAPACITY || place + own <= window) {
    return;
  }
  var at = place;
  for (var k = from_word; k < to_word; k++) {
    var bits = (active_set.words[words + k] >> nibble) & 15u;
    while (bits != 0u) {
      if (at >= window && at < window + CAPACITY) {
        entries[at - window].x = 4u * k + firstTrailingBit(bits);
      }
      at++;
      bits &= bits - 1u;
    }
  }
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let g = params.from_group + group.x + group.y * groups.x;
  if (g >= params.to_group) {
    return;
  }
  let begin = g * GROUP;
  // The same for all eight, padding included. Not workgroup-uniform to the compiler, hence the broadcast through `counted`.
  if (t == 0u) {
    let owner = u32(latent_params[begin].w);
    counted = vec4(owner, active_set.form[owner], 0u, 0u);
  }
  let owner = workgroupUniformLoad(&counted);
  let r = owner.x;
  let run = runs.run[r];
  if (!is_wanted(run, owner.y)) {
    return;
  }
  let aux = is(run, AUX);
  let is_unit = is(run, UNIT) && !is(run, FIXED_DEC);
  let trains = TRAINED && is(run, AUX_TRAINED);
  let mated = SECOND && run.mate > 0u;
  let second = run.aux_slot * params.batch;
  let last = min(begin + GROUP, run.first + run.width);
  let share = (params.row_groups + WIDTH - 1u) / WIDTH;
  let from_word = min(t * share, params.row_groups);
  let to_word = min(from_word + share, params.row_groups);
  let end = params.quads - 1u;
  let shift0 = shift_at(run, r, min(t, end));
  let shift1 = shift_at(run, r, min(t + WIDTH, end));
  let shift2 = shift_at(run, r, min(t + 2u * WIDTH, end));
  let shift3 = shift_at(run, r, min(t + 3u * WIDTH, end));
  var words = 0u;
  var own = vec4(0u);
  var place = vec4(0u);
  var counts = vec4(0u);
  for (var i = begin; i < last; i++) {
    if (i % 4u == 0u) {
      // Four latents share their words: count all four columns at once.
      words = params.row_groups * (params.latents / 4u) + (i / 4u) * params.row_groups;
      own = vec4(0u);
      for (var k = from_word; k < to_word; k++) {
        let word = active_set.words[words + k];
        own += countOneBits((vec4(word) >> vec4(0u, 4u, 8u, 12u)) & vec4(15u));
      }
      tally[t] = own;
      workgroupBarrier();
      place = vec4(0u);
      for (var other = 0u; other < t; other++) {
        place += tally[other];
      }
      if (t == WIDTH - 1u) {
        counted = place + own;
      }
      counts = workgroupUniformLoad(&counted);
    }
    let count = counts[i % 4u];
    let row0 = i * params.quads;
    let mate0 = (i + run.mate) * params.quads;
    let main_ = (run.main_slot + part_of(run, run.before + i - run.first)) * params.batch;
    var sum = vec4(0.0);
    var more = vec3(0.0);
    var enc0 : vec4<f32>;
    var enc1 : vec4<f32>;
    var enc2 : vec4<f32>;
    var enc3 : vec4<f32>;
    var dec0 : vec4<f32>;
    var dec1 : vec4<f32>;
    var dec2 : vec4<f32>;
    var dec3 : vec4<f32>;
    var mag0 : vec4<f32>;
    var mag1 : vec4<f32>;
    var mag2 : vec4<f32>;
    var mag3 : vec4<f32>;
    for (var chunk = 0u; chunk < params.chunks; chunk++) {
      let q0 = chunk * 4u * WIDTH + t;
      let q1 = q0 + WIDTH;
      let q2 = q1 + WIDTH;
      let q3 = q2 + WIDTH;
      enc0 = vec4(0.0);
      enc1 = vec4(0.0);
      enc2 = vec4(0.0);
      enc3 = vec4(0.0);
      dec0 = vec4(0.0);
      dec1 = vec4(0.0);
      dec2 = vec4(0.0);
      dec3 = vec4(0.0);
      mag0 = vec4(0.0);
      mag1 = vec4(0.0);
      mag2 = vec4(0.0);
      mag3 = vec4(0.0);
      for (var window = 0u; window < count; window += CAPACITY) {
        let here = min(CAPACITY, count - window);
        if (chunk == 0u || count > CAPACITY) {
          list_rows(words, from_word, to_word, 4u * (i % 4u), window, place[i % 4u], own[i % 4u]);
          workgroupBarrier();
          for (var round = 0u; round < here; round += WIDTH / LANES) {
            let entry = round + t / LANES;
            var u = vec4(0.0);
            var we = vec4(0.0);
            var wa = vec4(0.0);
            var u2 = vec4(0.0);
            if (entry < here) {
              let row = entries[entry].x;
              let at = row * params.quads;
              let e = (main_ + row) * params.quads;
              let ea = (second + row) * params.quads;
              for (var q = t % LANES; q < params.quads; q += LANES) {
                u += x[at + q] * w_enc[row0 + q];
                let direction = w_dec[row0 + q];
                we += residuals[e + q] * direction;
                if (aux) { wa += residuals[ea + q] * direction; }
                if (mated) { u2 += x[at + q] * w_enc[mate0 + q]; }
              }
            }
            partial[t] = vec4(dot(u, vec4(1.0)), dot(we, vec4(1.0)), dot(wa, vec4(1.0)), dot(u2, vec4(1.0)));
            workgroupBarrier();
            if (t < WIDTH / LANES && round + t < here) {
              var all = vec4(0.0);
              for (var lane = 0u; lane < LANES; lane++) {
                all += partial[t * LANES + lane];
              }
              let latent = latent_params[i];
              let point = point_of(run, i, all.xw);
              let act = activate(run, point, latent);
              let p = backward(run, point, latent, act, all.y, run.aux_weight * all.z);
              let scaled = vec4(p.vectors, p.u) * params.per_row;
              let f2 = 2.0 * act.f * params.per_row;
              entries[round + t] = vec4(entries[round + t].x, bitcast<u32>(scaled.w), bitcast<u32>(f2), 0u);
              if (SECOND || TRAINED) {
                others[round + t] = vec2(p.second, 2.0 * run.aux_weight * act.gate) * params.per_row;
              }
              if (chunk == 0u) {
                sum += scaled;
                more += vec3(select(0.0, 1.0, act.f != 0.0), vec2(p.second, p.norm) * params.per_row);
              }
            }
            workgroupBarrier();
          }
        }
        for (var k = 0u; k < here; k++) {
          let entry = entries[k];
          let at = entry.x * params.quads;
          let e = (main_ + entry.x) * params.quads;
          let gu = bitcast<f32>(entry.y);
          let f2 = bitcast<f32>(entry.z);
          if (q0 < params.quads) {
            enc0 += gu * x[at + q0];
            dec0 += f2 * residuals[e + q0];
          }
          if (q1 < params.quads) {
            enc1 += gu * x[at + q1];
            dec1 += f2 * residuals[e + q1];
          }
          if (q2 < params.quads) {
            enc2 += gu * x[at + q2];
            dec2 += f2 * residuals[e + q2];
          }
          if (q3 < params.quads) {
            enc3 += gu * x[at + q3];
            dec3 += f2 * residuals[e + q3];
          }
          if (trains) {
            let ea = (second + entry.x) * params.quads;
            let gate2 = others[k].y;
            if (q0 < params.quads) { dec0 += gate2 * residuals[ea + q0]; }
            if (q1 < params.quads) { dec1 += gate2 * residuals[ea + q1]; }
            if (q2 < params.quads) { dec2 += gate2 * residuals[ea + q2]; }
            if (q3 < params.quads) { dec3 += gate2 * residuals[ea + q3]; }
          }
          if (mated) {
            let gs = others[k].x;
            if (q0 < params.quads) { mag0 += gs * x[at + q0]; }
            if (q1 < params.quads) { mag1 += gs * x[at + q1]; }
            if (q2 < params.quads) { mag2 += gs * x[at + q2]; }
            if (q3 < params.quads) { mag3 += gs * x[at + q3]; }
          }
        }
        workgroupBarrier();
      }
      if (params.chunks > 1u) {
        keep(g, q0, enc0, dec0, mag0);
        keep(g, q1, enc1, dec1, mag1);
        keep(g, q2, enc2, dec2, mag2);
        keep(g, q3, enc3, dec3, mag3);
      }
    }
    if (t < WIDTH / LANES) {
      sums[t] = sum;
      more_sums[t] = more;
    }
    // One copy of the optimiser in the program, walked by column: compilers copy a function wherever it is called.
    let plane = params.latents / GROUP * params.quads;
    let several = params.chunks > 1u;
    var column = 0u;
    var dots = vec2(0.0);
    for (var q = t; q < params.quads; q += WIDTH) {
      var g_dec = pick(column, dec0, dec1, dec2, dec3);
      if (several) {
        g_dec = shares[2u * plane + g * params.quads + q];
      }
      let w = w_dec[row0 + q];
      dots += vec2(dot(w, g_dec), dot(w, w));
      column++;
    }
    let both = workgroup_sum(t, dots); // its barriers make `sums` visible too
    var total = sums[0];
    more = more_sums[0];
    for (var lane = 1u; lane < params.width / LANES; lane++) {
      total += sums[lane];
      more += more_sums[lane];
    }
    let s = total.w;
    let along = along_row(run, both, more.z);
    let scalars = scalar_gradients(run, i, total.xyz, more.x);
    var square = 0.0;
    column = 0u;
    for (var q = t; q < params.quads; q += WIDTH) {
      var g_enc = pick(column, enc0, enc1, enc2, enc3);
      var g_dec = pick(column, dec0, dec1, dec2, dec3);
      var shift = pick(column, shift0, shift1, shift2, shift3);
      if (several) {
        g_enc = shares[plane + g * params.quads + q];
        g_dec = shares[2u * plane + g * params.quads + q];
        shift = shift_at(run, r, q);
      }
      let old = w_enc[row0 + q];
      var own = s * old;
      var g_second = vec4(0.0);
      if (mated) {
        g_second = pick(column, mag0, mag1, mag2, mag3);
        if (several) {
          g_second = shares[3u * plane + g * params.quads + q];
        }
        g_second -= more.y * shift;
        own += more.y * w_enc[mate0 + q];
      }
      let share = g * params.quads + q;
      if (i == begin) {
        shares[share] = own;
      } else {
        shares[share] += own;
      }
      let w = w_dec[row0 + q];
      if (MEASURE) {
        let enc = select(g_enc - s * shift, vec4(0.0), is(run, FIXED_ENC));
        let dec = select(g_dec - along * w, vec4(0.0), is(run, FIXED_DEC));
        square += dot(enc, enc) + dot(dec, dec) + select(dot(g_second, g_second), 0.0, is(run, FIXED_ENC));
        column++;
        continue;
      }
      update_enc(run, row0 + q, old, g_enc - s * shift);
      if (mated) {
        update_enc(run, mate0 + q, w_enc[mate0 + q], g_second);
      }
      let value = update_dec(run, row0 + q, w, g_dec - along * w);
      square += dot(value, value);
      if (several) {
        w_dec[row0 + q] = value;
      } else {
        dec0 = select(dec0, value, column == 0u);
        dec1 = select(dec1, value, column == 1u);
        dec2 = select(dec2, value, column == 2u);
        dec3 = select(dec3, value, column == 3u);
      }
      column++;
    }
    let length2 = workgroup_sum(t, vec2(square, 0.0)).x;
    if (MEASURE) {
      if (t == 0u) {
        latent_params[2u * params.latents + i].z = length2 + dot(scalars, scalars);
      }
      workgroupBarrier();
      continue;
    }
    let length = select(1.0, sqrt(length2), is_unit);
    column = 0u;
    for (var q = t; q < params.quads; q += WIDTH) {
      var value = pick(column, dec0, dec1, dec2, dec3);
      if (several) {
        value = w_dec[row0 + q];
      }
      w_dec[row0 + q] = value / length;
      column++;
    }
    if (t == 0u) {
      update_scalars(run, i, scalars, more.x);
    }
    // The next latent overwrites `partial`, `sums` and `more_sums`.
    workgroupBarrier();
  }
}
