// Rotary position embedding, in place, on the query and key heads of a packed projection (half-split pairs, as in Llama).
//
//   with a = v[j], b = v[j + p], p = pairs, t = r mod T:
//   v[j] = a·cos[t, j] - b·sin[t, j],   v[j + p] = b·cos[t, j] + a·sin[t, j]
//
// params  sizes; `heads` counts query and key heads, which come first in a row of qkv; values are left alone, and so are the
//         dimensions of a head from 2·pairs on (pairs is head_dim / 2 unless a part of each head is rotated only)
// table   [>= T, pairs, 2] f32: (cos, sin) of t·frequency_j, computed on the host in float64, because WGSL promises no
//         accuracy for the sine of a large angle
// qkv     [rows, stride] f32, rotated in place
//
// Dispatch: one invocation a pair (row, head, j), workgroups folded into x and y; surplus invocations return.
override WG : u32 = 64u;

struct Params {
  rows : u32,
  stride : u32,
  heads : u32,
  head_dim : u32,
  pairs : u32,
  sequence : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> table : array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> qkv : array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let i = (group.x + group.y * groups.x) * WG + local.x;
  let pairs = params.pairs;
  if (i >= params.rows * params.heads * pairs) {
    return;
  }
  let j = i % pairs;
  let head = (i / pairs) % params.heads;
  let row = i / (pairs * params.heads);
  let turn = table[(row % params.sequence) * pairs + j];
  let first = row * params.stride + head * params.head_dim + j;
  let a = qkv[first];
  let b = qkv[first + pairs];
  qkv[first] = a * turn.x - b * turn.y;
  qkv[first + pairs] = b * turn.x + a * turn.y;
}
