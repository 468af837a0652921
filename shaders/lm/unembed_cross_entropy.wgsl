// Unembedding and the first half of the cross-entropy in one: logits live in registers and are never stored.
//
//   for prediction p (sequence s = ⌊p / (T-1)⌋, row r = p + s, target y = tokens[r + 1]) and each tile of the vocabulary:
//   partial_sums[tile, p] = (m, Σ_v exp(l_v - m)),  l_v = x[r]·w[v],  m = max over the tile's v of l_v
//   picked[p] = l_y, written by the tile that holds y
//
// params   sizes; predictions p0 .. p_end; this buffer of w holds rows v0 .. v0 + part of the vocabulary, cut into tiles
//          of `tile` rows (a multiple of 4) that are numbered from tile0 over all buffers; this dispatch starts at the
//          buffer's tile `first`
// x        [rows, ins] f32 as vec4: the residual stream after the final norm
// w        [part, ins] f32 as vec4
// tokens   [rows] u32
// partial_sums [tiles, predictions] vec2f
// picked   [predictions] f32: the target's logit
//
// Dispatch: grid (⌈(p_end - p0) / 4·WG⌉, tiles of this dispatch); an invocation owns 4 predictions of one tile and walks it
// 4 vocabulary rows at a time; all lanes of a workgroup read the same w.
// Numerics: f32; running maximum and sum, vocabulary in order.
// Out of bounds: predictions past p_end follow the last one and are not stored; vocabulary rows past the end count as e^-1e30.
override WG : u32 = 32u;

struct Params {
  p0 : u32,
  p_end : u32,
  predictions : u32,
  sequence : u32,
  ins : u32,
  part : u32,
  v0 : u32,
  tile : u32,
  tile0 : u32,
  first : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> tokens : array<u32>;
@group(0) @binding(4) var<storage, read_write> partial_sums : array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> picked : array<f32>;

const LOWEST = -1e30;

// (running maximum, running sum) after four more logits.
fn merge(state : vec2<f32>, logits : vec4<f32>) -> vec2<f32> {
  let top = max(state.x, max(max(logits.x, logits.y), max(logits.z, logits.w)));
  let e = exp(logits - top);
  return vec2<f32>(top, state.y * exp(state.x - top) + (e.x + e.y) + (e.z + e.w));
}

fn pick(p : u32, target_row : u32, v : u32, logits : vec4<f32>) {
  let at = target_row - v; // wraps above 3 when the target comes before
  if (at > 3u || p >= params.p_end) {
    return;
  }
  picked[p] = select(select(logits.x, logits.y, at == 1u), select(logits.z, logits.w, at == 3u), at >= 2u);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let p = params.p0 + (group.x * WG + local.x) * 4u;
  if (p >= params.p_end) {
    return;
  }
  let steps = params.ins / 4u;
  let last = params.p_end - 1u;
  let span = params.sequence - 1u;
  let p1 = min(p + 1u, last);
  let p2 = min(p + 2u, last);
  let p3 = min(p + 3u, last);
  let r0 = p + p / span;
  let r1 = p1 + p1 / span;
  let r2 = p2 + p2 / span;
  let r3 = p3 + p3 / span;
  let t0 = tokens[r0 + 1u] - params.v0;
  let t1 = tokens[r1 + 1u] - params.v0;
  let t2 = tokens[r2 + 1u] - params.v0;
  let t3 = tokens[r3 + 1u] - params.v0;
  var state0 = vec2<f32>(LOWEST, 0.0);
  var state1 = vec2<f32>(LOWEST, 0.0);
  var state2 = vec2<f32>(LOWEST, 0.0);
  var state3 = vec2<f32>(LOWEST, 0.0);
  let tile = params.first + group.y;
  let begin = tile * params.tile;
  let end = min(begin + params.tile, params.part);
  let last_row = params.part - 1u;
  for (var v = begin; v < end; v += 4u) {
    let w0 = v * steps;
    let w1 = min(v + 1u, last_row) * steps;
    let w2 = min(v + 2u, last_row) * steps;
    let w3 = min(v + 3u, last_row) * steps;
    var l0 = vec4<f32>();
    var l1 = vec4<f32>();
    var l2 = vec4<f32>();
    var l3 = vec4<f32>();
    for (var k = 0u; k < steps; k++) {
      let u0 = w[w0 + k];
      let u1 = w[w1 + k];
      let u2 = w[w2 + k];
      let u3 = w[w3 + k];
      let x0 = x[r0 * steps + k];
      let x1 = x[r1 * steps + k];
      let x2 = x[r2 * steps + k];
      let x3 = x[r3 * steps + k];
      l0 += vec4<f32>(dot(x0, u0), dot(x0, u1), dot(x0, u2), dot(x0, u3));
      l1 += vec4<f32>(dot(x1, u0), dot(x1, u1), dot(x1, u2), dot(x1, u3));
      l2 += vec4<f32>(dot(x2, u0), dot(x2, u1), dot(x2, u2), dot(x2, u3));
      l3 += vec4<f32>(dot(x3, u0), dot(x3, u1), dot(x3, u2), dot(x3, u3));
    }
    let outside = vec4<u32>(v, v + 1u, v + 2u, v + 3u) >= vec4<u32>(params.part);
    l0 = select(l0, vec4<f32>(LOWEST), outside);
    l1 = select(l1, vec4<f32>(LOWEST), outside);
    l2 = select(l2, vec4<f32>(LOWEST), outside);
    l3 = select(l3, vec4<f32>(LOWEST), outside);
    state0 = merge(state0, l0);
    state1 = merge(state1, l1);
    state2 = merge(state2, l2);
    state3 = merge(state3, l3);
    pick(p, t0, v, l0);
    pick(p + 1u, t1, v, l1);
    pick(p + 2u, t2, v, l2);
    pick(p + 3u, t3, v, l3);
  }
  let base = (params.tile0 + tile) * params.predictions + p;
  partial_sums[base] = state0;
  if (p < last) { partial_sums[base + 1u] = state1; }
  if (p + 1u < last) { partial_sums[base + 2u] = state2; }
  if (p + 2u < last) { partial_sums[base + 3u] = state3; }
}
