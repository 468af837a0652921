// Gradient pursuit, one round of one row (paper App. A; Blumensath & Davies 2008): with c = r W_decᵀ
//   S <- S + argmax c (signed, the first of equals; it may be in S already)      g = c on S
//   d = g W_dec      step = <d, r>/<d, d>      w <- max(0, w + step g)      r <- y - w W_dec
// A latent whose weight is clipped to 0 stays in S. Where d is 0 nothing changes.
//
// One workgroup of 64 a row; grid (rows). S and w are lists in the order of picking. Sums over columns are added up lane by lane, in order.

const MOST = 512u; // picks: MAX_PICKS of src/sae/pursuit.ts

struct Params {
  quads : u32,   // Q
  latents : u32, // rows of W_dec, a multiple of 4
  width : u32,   // latents of the dictionary
  round : u32,   // rounds done before
  capacity : u32, // of the lists of a row
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> scores : array<vec4<f32>>;      // [rows, latents/4]: c
@group(0) @binding(2) var<storage, read> w_dec : array<vec4<f32>>;       // [latents, Q]
@group(0) @binding(3) var<storage, read> target_ : array<vec4<f32>>;     // [rows, Q]: y = x - b_dec
@group(0) @binding(4) var<storage, read_write> left : array<vec4<f32>>;  // [rows, Q]: r
@group(0) @binding(5) var<storage, read_write> picks : array<u32>;       // [rows, capacity]: the latent of each round
@group(0) @binding(6) var<storage, read_write> support : array<u32>;     // [rows, capacity + 1]: how many, then S
@group(0) @binding(7) var<storage, read_write> weights : array<f32>;     // [rows, capacity]: w

var<workgroup> best : array<f32, 64>;
var<workgroup> place : array<u32, 64>;
var<workgroup> count : u32;
var<workgroup> latents_of : array<u32, MOST>;
var<workgroup> gradients : array<f32, MOST>;
var<workgroup> own : array<f32, MOST>;
var<workgroup> sums : array<vec2<f32>, 64>;

fn score_at(row : u32, i : u32) -> f32 {
  return scores[row * (params.latents / 4u) + i / 4u][i % 4u];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let row = group.x;
  // Each lane the first of the largest of its latents.
  var most = 0.0;
  var at = 0xffffffffu;
  for (var i = t; i < params.width; i += 64u) {
    let c = score_at(row, i);
    if (at == 0xffffffffu || c > most) {
      most = c;
      at = i;
    }
  }
  best[t] = most;
  place[t] = at;
  let list = row * (params.capacity + 1u);
  let before = select(support[list], 0u, params.round == 0u);
  workgroupBarrier();
  if (t == 0u) {
    for (var lane = 1u; lane < 64u; lane++) {
      let better = best[lane] > most || (best[lane] == most && place[lane] < at);
      if (place[lane] != 0xffffffffu && better) {
        most = best[lane];
        at = place[lane];
      }
    }
    picks[row * params.capacity + params.round] = at;
    var n = before;
    var known = false;
    for (var j = 0u; j < before; j++) {
      known = known || support[list + 1u + j] == at;
    }
    if (!known) {
      support[list + 1u + n] = at;
      n++;
    }
    support[list] = n;
    count = n;
    for (var j = 0u; j < n; j++) {
      latents_of[j] = support[list + 1u + j];
      gradients[j] = score_at(row, latents_of[j]);
      if (j < before) {
        own[j] = weights[row * params.capacity + j];
      } else {
        own[j] = 0.0;
      }
    }
  }
  let n = workgroupUniformLoad(&count);
  var dots = vec2(0.0); // <d, r>, <d, d>
  for (var q = t; q < params.quads; q += 64u) {
    var d = vec4(0.0);
    for (var j = 0u; j < n; j++) {
      d += gradients[j] * w_dec[latents_of[j] * params.quads + q];
    }
    dots += vec2(dot(d, left[row * params.quads + q]), dot(d, d));
  }
  sums[t] = dots;
  workgroupBarrier();
  var all = sums[0];
  for (var lane = 1u; lane < 64u; lane++) {
    all += sums[lane];
  }
  let step = select(0.0, all.x / all.y, all.y > 0.0);
  workgroupBarrier();
  for (var j = t; j < n; j += 64u) {
    let w = max(0.0, own[j] + step * gradients[j]);
    own[j] = w;
    weights[row * params.capacity + j] = w;
  }
  workgroupBarrier();
  for (var q = t; q < params.quads; q += 64u) {
    var r = target_[row * params.quads + q];
    for (var j = 0u; j < n; j++) {
      r -= own[j] * w_dec[latents_of[j] * params.quads + q];
    }
    left[row * params.quads + q] = r;
  }
}
