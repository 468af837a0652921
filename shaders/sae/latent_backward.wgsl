// Backward pass of one latent: walks its column of u, and for the rows where it is active forms the two dot products
// <e, W_dec_i> and <e_aux, W_dec_i>, from them the gradients of u and of the latent's scalars, and accumulates both gradient rows:
//   dW_dec_i = (2/B) sum_b f_b e_b        dW_enc_i = (1/B) sum_b g_u,b x_b   (x centred; `adam_rows` adds what b_dec contributes)
//
// One workgroup of WIDTH invocations a latent; grid: the latents of the dispatch, folded in two dimensions. The active rows are gathered, in the
// order of the batch, into a list in workgroup memory; when it might overflow it is worked off and begun anew, so any density
// is exact. First each invocation takes whole entries (dot products), then whole columns (gradient rows). No atomics, and
// every sum over rows runs strictly in the order of the batch, going on from what is stored: neither the lists nor the
// row blocks leave a trace in the bits, so a run's bits do not depend on the sweep it is in.
// A run that is not live is skipped: its gradients are left as they were.

override WIDTH : u32 = 64u;
const CAPACITY = 512u;
const TILE = 256u;

struct Params {
  rows : u32,
  first_row : u32,  // of this block in x
  quads : u32,      // Q
  ut_stride : u32,  // values a row of ut: block rows rounded up to 4
  block_rows : u32,
  from_latent : u32, // this dispatch works on the latents [from_latent, to_latent)
  to_latent : u32,
  accumulate : u32, // 0: the first block of a step, overwrite
  per_row : f32,    // 1/B
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> ut : array<f32>;              // [latents, ut_stride]
@group(0) @binding(3) var<storage, read> latents : array<Latent>;      // [latents]
@group(0) @binding(4) var<storage, read> x : array<vec4<f32>>;         // [B, Q]
@group(0) @binding(5) var<storage, read> errors : array<vec4<f32>>;    // [slots, block rows, Q]
@group(0) @binding(6) var<storage, read> w_dec : array<vec4<f32>>;     // [latents, Q]
@group(0) @binding(7) var<storage, read_write> g_enc : array<vec4<f32>>; // [latents, Q]
@group(0) @binding(8) var<storage, read_write> g_dec : array<vec4<f32>>; // [latents, Q]
// [latents, 2]: gradient of the latent's scalars (xyz) and of u (w), means over the batch; then x = rows on which the
// latent fired (f > 0), counted on until the host resets it.
@group(0) @binding(9) var<storage, read_write> sums : array<vec4<f32>>;

var<workgroup> row_of : array<u32, CAPACITY>;
var<workgroup> pull_of : array<array<f32, 4>, CAPACITY>; // gradient of the scalars and of u, times 1/B
var<workgroup> f2_of : array<f32, CAPACITY>;  // 2 f / B
var<workgroup> tally : array<u32, WIDTH>;
var<workgroup> totals : array<f32, 4>;
var<workgroup> listed : u32;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let i = params.from_latent + group.x + group.y * groups.x;
  if (i >= params.to_latent) {
    return;
  }
  let latent = latents[i];
  let run = runs.run[u32(latent.w)];
  if (run.live == 0u) {
    return;
  }
  let aux = has_aux(run.arch);
  let column = i * params.ut_stride;
  let w = i * params.quads;
  let main_ = run.main_slot * params.block_rows;
  let second = run.aux_slot * params.block_rows;
  var fresh = params.accumulate == 0u;
  // Invocations 0 to 3 each sum one of the latent's scalars; invocation 0 counts the rows on which it fired.
  var total = 0.0;
  if (t < 4u && !fresh) {
    total = sums[2u * i][t];
  }
  var fires = 0.0;
  var count = 0u;
  var next = 0u;
  loop {
    // Gather: tiles of TILE rows until the batch ends or another tile might not fit.
    while (next < params.rows && count + TILE <= CAPACITY) {
      var mask = 0u;
      for (var p = 0u; p < TILE / WIDTH; p++) {
        let row = next + t * (TILE / WIDTH) + p;
        if (row < params.rows) {
          mask |= select(0u, 1u << p, is_active(ut[column + row], latent.x));
        }
      }
      tally[t] = countOneBits(mask);
      workgroupBarrier();
      var place = count;
      for (var other = 0u; other < t; other++) {
        place += tally[other];
      }
      if (t == WIDTH - 1u) {
        listed = place + countOneBits(mask);
      }
      while (mask != 0u) {
        row_of[place] = next + t * (TILE / WIDTH) + firstTrailingBit(mask);
        place++;
        mask &= mask - 1u;
      }
      count = workgroupUniformLoad(&listed);
      next += TILE;
    }
    // Entries: dot products, gradients of u and of the scalars.
    for (var k = t; k < count; k += WIDTH) {
      let e = (main_ + row_of[k]) * params.quads;
      let ea = (second + row_of[k]) * params.quads;
      var we = vec4(0.0);
      var wa = vec4(0.0);
      for (var q = 0u; q < params.quads; q++) {
        let direction = w_dec[w + q];
        we += errors[e + q] * direction;
        if (aux) { wa += errors[ea + q] * direction; }
      }
      let u = ut[column + row_of[k]];
      let f = activate(run.arch, u, latent).f;
      let p = pull(run.arch, u, latent, f, dot(we, vec4(1.0)), dot(wa, vec4(1.0)), run.lambda);
      let scaled = vec4(p.vectors, p.u) * params.per_row;
      pull_of[k] = array(scaled.x, scaled.y, scaled.z, scaled.w);
      f2_of[k] = 2.0 * f * params.per_row;
    }
    workgroupBarrier();
    if (t < 4u) {
      for (var k = 0u; k < count; k++) {
        total += pull_of[k][t];
        fires += select(0.0, 1.0, f2_of[k] > 0.0);
      }
    }
    // Columns: both gradient rows, four vec4 columns at a time.
    for (var q0 = t; q0 < params.quads; q0 += 4u * WIDTH) {
      let q1 = q0 + WIDTH;
      let q2 = q1 + WIDTH;
      let q3 = q2 + WIDTH;
      var enc0 = vec4(0.0);
      var enc1 = vec4(0.0);
      var enc2 = vec4(0.0);
      var enc3 = vec4(0.0);
      var dec0 = vec4(0.0);
      var dec1 = vec4(0.0);
      var dec2 = vec4(0.0);
      var dec3 = vec4(0.0);
      if (!fresh) {
        enc0 = g_enc[w + q0];
        dec0 = g_dec[w + q0];
        if (q1 < params.quads) {
          enc1 = g_enc[w + q1];
          dec1 = g_dec[w + q1];
        }
        if (q2 < params.quads) {
          enc2 = g_enc[w + q2];
          dec2 = g_dec[w + q2];
        }
        if (q3 < params.quads) {
          enc3 = g_enc[w + q3];
          dec3 = g_dec[w + q3];
        }
      }
      for (var k = 0u; k < count; k++) {
        let at = (params.first_row + row_of[k]) * params.quads;
        let e = (main_ + row_of[k]) * params.quads;
        let gu = pull_of[k][3];
        let f2 = f2_of[k];
        enc0 += gu * x[at + q0];
        dec0 += f2 * errors[e + q0];
        if (q1 < params.quads) {
          enc1 += gu * x[at + q1];
          dec1 += f2 * errors[e + q1];
        }
        if (q2 < params.quads) {
          enc2 += gu * x[at + q2];
          dec2 += f2 * errors[e + q2];
        }
        if (q3 < params.quads) {
          enc3 += gu * x[at + q3];
          dec3 += f2 * errors[e + q3];
        }
      }
      g_enc[w + q0] = enc0;
      g_dec[w + q0] = dec0;
      if (q1 < params.quads) {
        g_enc[w + q1] = enc1;
        g_dec[w + q1] = dec1;
      }
      if (q2 < params.quads) {
        g_enc[w + q2] = enc2;
        g_dec[w + q2] = dec2;
      }
      if (q3 < params.quads) {
        g_enc[w + q3] = enc3;
        g_dec[w + q3] = dec3;
      }
    }
    fresh = false;
    workgroupBarrier();
    count = 0u;
    if (next >= params.rows) {
      break;
    }
  }
  if (t < 4u) {
    totals[t] = total;
  }
  workgroupBarrier();
  if (t == 0u) {
    sums[2u * i] = vec4(totals[0], totals[1], totals[2], totals[3]);
    sums[2u * i + 1u].x += fires;
  }
}
