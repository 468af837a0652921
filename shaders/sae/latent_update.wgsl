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
// needs: sae/common, architectures, sae/adam, sae/latent

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
var<workgroup> partial : array<vec3<f32>, WIDTH>;         // u, we, wa; later sums over columns
// What each of the invocations that finish dot products adds up over its entries: gradients of the scalars (xyz) and of u (w); rows fired on.
var<workgroup> sums : array<vec4<f32>, WIDTH / LANES>;
var<workgroup> fired : array<f32, WIDTH / LANES>;

// Sum over the workgroup; every invocation forms the same total in the same order (one barrier, no tree).
fn workgroup_sum(t : u32, value : vec2<f32>) -> vec2<f32> {
  workgroupBarrier();
  partial[t] = vec3(value, 0.0);
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
fn keep(g : u32, q : u32, g_enc : vec4<f32>, g_dec : vec4<f32>) {
  if (q < params.quads) {
    let plane = params.latents / GROUP * params.quads;
    let at = plane + g * params.quads + q;
    shares[at] = g_enc;
    shares[at + plane] = g_dec;
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
  if (!takes_part(run, owner.y, SPARSE)) {
    return;
  }
  let aux = has_aux(run.arch);
  let is_unit = has_unit_decoder(run.arch);
  let main_ = run.main_slot * params.batch;
  let second = run.aux_slot * params.batch;
  let last = min(begin + GROUP, run.first + run.width);
  let share = (params.row_groups + WIDTH - 1u) / WIDTH;
  let from_word = min(t * share, params.row_groups);
  let to_word = min(from_word + share, params.row_groups);
  let end = params.quads - 1u;
  let shift0 = shift_at(r, min(t, end));
  let shift1 = shift_at(r, min(t + WIDTH, end));
  let shift2 = shift_at(r, min(t + 2u * WIDTH, end));
  let shift3 = shift_at(r, min(t + 3u * WIDTH, end));
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
    var sum = vec4(0.0);
    var fires = 0.0;
    var enc0 : vec4<f32>;
    var enc1 : vec4<f32>;
    var enc2 : vec4<f32>;
    var enc3 : vec4<f32>;
    var dec0 : vec4<f32>;
    var dec1 : vec4<f32>;
    var dec2 : vec4<f32>;
    var dec3 : vec4<f32>;
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
              }
            }
            partial[t] = vec3(dot(u, vec4(1.0)), dot(we, vec4(1.0)), dot(wa, vec4(1.0)));
            workgroupBarrier();
            if (t < WIDTH / LANES && round + t < here) {
              var all = vec3(0.0);
              for (var lane = 0u; lane < LANES; lane++) {
                all += partial[t * LANES + lane];
              }
              let latent = latent_params[i];
              let pre = all.x - latent_params[params.latents + i].w;
              let f = activate(run, pre, latent).f;
              let p = backward(run, pre, latent, f, all.y, all.z);
              let scaled = vec4(p.vectors, p.u) * params.per_row;
              let f2 = 2.0 * f * params.per_row;
              entries[round + t] = vec4(entries[round + t].x, bitcast<u32>(scaled.w), bitcast<u32>(f2), 0u);
              if (chunk == 0u) {
                sum += scaled;
                fires += select(0.0, 1.0, f != 0.0);
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
        }
        workgroupBarrier();
      }
      if (params.chunks > 1u) {
        keep(g, q0, enc0, dec0);
        keep(g, q1, enc1, dec1);
        keep(g, q2, enc2, dec2);
        keep(g, q3, enc3, dec3);
      }
    }
    if (t < WIDTH / LANES) {
      sums[t] = sum;
      fired[t] = fires;
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
    let along = select(0.0, both.x / both.y, is_unit);
    var total = sums[0];
    for (var lane = 1u; lane < params.width / LANES; lane++) {
      total += sums[lane];
    }
    let s = total.w;
    var square = 0.0;
    column = 0u;
    for (var q = t; q < params.quads; q += WIDTH) {
      var g_enc = pick(column, enc0, enc1, enc2, enc3);
      var g_dec = pick(column, dec0, dec1, dec2, dec3);
      var shift = pick(column, shift0, shift1, shift2, shift3);
      if (several) {
        g_enc = shares[plane + g * params.quads + q];
        g_dec = shares[2u * plane + g * params.quads + q];
        shift = shift_at(r, q);
      }
      let old = w_enc[row0 + q];
      update_enc(run, row0 + q, old, g_enc - s * shift);
      let share = g * params.quads + q;
      if (i == begin) {
        shares[share] = s * old;
      } else {
        shares[share] += s * old;
      }
      let w = w_dec[row0 + q];
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
    let length = select(1.0, sqrt(workgroup_sum(t, vec2(square, 0.0)).x), is_unit);
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
      for (var lane = 1u; lane < params.width / LANES; lane++) {
        fires += fired[lane];
      }
      update_scalars(run, i, total.xyz, fires);
    }
    // The next latent overwrites `partial`, `sums` and `fired`.
    workgroupBarrier();
  }
}
