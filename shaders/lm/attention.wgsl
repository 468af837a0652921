// Causal self-attention with grouped key/value heads, by online softmax: scores are never stored.
//
//   z[s, t, h] = Σ_{u <= t} softmax_u(scale · q[s, t, h]·k[s, u, g]) · v[s, u, g],   g = ⌊h · kv_heads / heads⌋
//
// params  sizes; the dispatch covers sequences first .. first + grid z and query blocks block0 .. block0 + grid x; scale is
//         usually 1/√head_dim
// qkv     [sequences·T, heads + 2·kv_heads, head_dim] f32 as vec4: queries, then keys, then values
// z       [sequences·T, heads, head_dim] f32 as vec4; every head's output before W_O, heads concatenated
//
// Dispatch: grid (⌈T / WG⌉ - block0 or fewer, heads · ⌈head_dim / 32⌉, sequences); a workgroup owns WG consecutive queries of one head and
// 32 of its dimensions (8 vec4 accumulators), so that keys and values are the same for all its lanes. Heads wider than
// 32 recompute their scores once for each 32: that costs head_dim/32 times the score arithmetic and saves a barrier.
// Numerics: f32; keys in order, four at a time; the running maximum starts below any score.
// Out of bounds: queries past T follow the last one and are not stored; keys past the query are given weight 0.
override WG : u32 = 32u;

struct Params {
  sequence : u32,
  heads : u32,
  kv_heads : u32,
  // head_dim / 4; no override, because compilers unroll loops of known length (20 s for a head of 64 on lavapipe).
  head4 : u32,
  first : u32,
  block0 : u32,
  scale : f32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> qkv : array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> z : array<vec4<f32>>;

const LOWEST = -1e30;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let head4 = params.head4;
  let chunks = (head4 + 7u) / 8u;
  let head = group.y / chunks;
  let chunk = (group.y % chunks) * 8u;
  let kv = head * params.kv_heads / params.heads;
  let stride = (params.heads + 2u * params.kv_heads) * head4;
  let sequence = params.first + group.z;
  let row0 = sequence * params.sequence;
  let block = params.block0 + group.x;
  let query = block * WG + local.x;
  let t = min(query, params.sequence - 1u);
  let q = (row0 + t) * stride + head * head4;
  let keys = row0 * stride + (params.heads + kv) * head4;
  let values = keys + params.kv_heads * head4;
  let end = min(params.sequence, block * WG + WG);
  // Dimensions of this chunk, the surplus of a narrow head repeating its last one.
  let c0 = chunk;
  let c1 = min(chunk + 1u, head4 - 1u);
  let c2 = min(chunk + 2u, head4 - 1u);
  let c3 = min(chunk + 3u, head4 - 1u);
  let c4 = min(chunk + 4u, head4 - 1u);
  let c5 = min(chunk + 5u, head4 - 1u);
  let c6 = min(chunk + 6u, head4 - 1u);
  let c7 = min(chunk + 7u, head4 - 1u);
  var a0 = vec4<f32>();
  var a1 = vec4<f32>();
  var a2 = vec4<f32>();
  var a3 = vec4<f32>();
  var a4 = vec4<f32>();
  var a5 = vec4<f32>();
  var a6 = vec4<f32>();
  var a7 = vec4<f32>();
  var highest = LOWEST;
  var total = 0.0;
  for (var u = 0u; u < end; u += 4u) {
    let u1 = min(u + 1u, end - 1u);
    let u2 = min(u + 2u, end - 1u);
    let u3 = min(u + 3u, end - 1u);
    var score = vec4<f32>();
    for (var d = 0u; d < head4; d++) {
      let part = qkv[q + d];
      score += vec4<f32>(dot(part, qkv[keys + u * stride + d]), dot(part, qkv[keys + u1 * stride + d]), dot(part, qkv[keys + u2 * stride + d]), dot(part, qkv[keys + u3 * stride + d]));
    }
    let past = vec4<u32>(u, u + 1u, u + 2u, u + 3u) > vec4<u32>(t);
    score = select(score * params.scale, vec4<f32>(LOWEST), past);
    let top = max(highest, max(max(score.x, score.y), max(score.z, score.w)));
    let keep = exp(highest - top);
    let p = select(exp(score - top), vec4<f32>(), past);
    highest = top;
    total = total * keep + (p.x + p.y) + (p.z + p.w);
    let v0 = values + u * stride;
    let v1 = values + u1 * stride;
    let v2 = values + u2 * stride;
    let v3 = values + u3 * stride;
    a0 = a0 * keep + p.x * qkv[v0 + c0] + p.y * qkv[v1 + c0] + p.z * qkv[v2 + c0] + p.w * qkv[v3 + c0];
    a1 = a1 * keep + p.x * qkv[v0 + c1] + p.y * qkv[v1 + c1] + p.z * qkv[v2 + c1] + p.w * qkv[v3 + c1];
    a2 = a2 * keep + p.x * qkv[v0 + c2] + p.y * qkv[v1 + c2] + p.z * qkv[v2 + c2] + p.w * qkv[v3 + c2];
    a3 = a3 * keep + p.x * qkv[v0 + c3] + p.y * qkv[v1 + c3] + p.z * qkv[v2 + c3] + p.w * qkv[v3 + c3];
    a4 = a4 * keep + p.x * qkv[v0 + c4] + p.y * qkv[v1 + c4] + p.z * qkv[v2 + c4] + p.w * qkv[v3 + c4];
    a5 = a5 * keep + p.x * qkv[v0 + c5] + p.y * qkv[v1 + c5] + p.z * qkv[v2 + c5] + p.w * qkv[v3 + c5];
    a6 = a6 * keep + p.x * qkv[v0 + c6] + p.y * qkv[v1 + c6] + p.z * qkv[v2 + c6] + p.w * qkv[v3 + c6];
    a7 = a7 * keep + p.x * qkv[v0 + c7] + p.y * qkv[v1 + c7] + p.z * qkv[v2 + c7] + p.w * qkv[v3 + c7];
  }
  if (query >= params.sequence) {
    return;
  }
  let out = ((row0 + query) * params.heads + head) * head4;
  let left = head4 - chunk;
  let share = 1.0 / total;
  z[out + c0] = a0 * share;
  if (left > 1u) { z[out + c1] = a1 * share; }
  if (left > 2u) { z[out + c2] = a2 * share; }
  if (left > 3u) { z[out + c3] = a3 * share; }
  if (left > 4u) { z[out + c4] = a4 * share; }
  if (left > 5u) { z[out + c5] = a5 * share; }
  if (left > 6u) { z[out + c6] = a6 * share; }
  if (left > 7u) { z[out + c7] = a7 * share; }
}
