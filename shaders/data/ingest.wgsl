// Uploaded rows -> rows of the pool:   pool[slots[r], c] = f32(raw[r, c]),   0 for d <= c < stride.
//
// raw    [rows, d]          packed values of `dtype` as they lie in the file: 0 = f32, 1 = f16, 2 = bf16; two halves a
//                           word, the lower first. With odd d a row may begin in the middle of a word.
// slots  [rows]             row of the pool for each uploaded row, all different
// pool   [capacity, stride] f32 as bits, four a vec4; stride = 4·quads, the multiple of 4 above d
//
// One thread a quad (4 neighbouring columns of one row), quads of a row next to each other; a 1-D grid folded into two
// dimensions, surplus threads leave at once. Each output is written by exactly one thread.
// Numerics: exact for every bit pattern, subnormals, infinities and NaN included. The work is done on integers because
// float instructions may flush subnormals and unpack2x16float is allowed to.

override WORKGROUP : u32 = 256;

struct Params {
  rows : u32,
  d : u32,
  quads : u32,
  dtype : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> raw : array<u32>;
@group(0) @binding(2) var<storage, read> slots : array<u32>;
@group(0) @binding(3) var<storage, read_write> pool : array<vec4<u32>>;

fn half_at(i : u32) -> u32 {
  return (raw[i >> 1u] >> ((i & 1u) << 4u)) & 0xffffu;
}

fn f16_bits_to_f32_bits(h : u32) -> u32 {
  let sign = (h & 0x8000u) << 16u;
  let exponent = (h >> 10u) & 31u;
  let fraction = h & 1023u;
  if (exponent == 31u) {
    return sign | 0x7f800000u | (fraction << 13u);
  }
  if (exponent == 0u) {
    // fraction · 2^-24: zero, or a normal f32 (1.f · 2^p, p the place of the fraction's highest bit).
    let top = firstLeadingBit(fraction);
    let value = ((top + 103u) << 23u) | ((fraction << (23u - (top & 31u))) & 0x7fffffu);
    return sign | select(value, 0u, fraction == 0u);
  }
  return sign | ((exponent + 112u) << 23u) | (fraction << 13u);
}

fn value_bits(i : u32) -> u32 {
  switch params.dtype {
    case 0u: { return raw[i]; }
    case 1u: { return f16_bits_to_f32_bits(half_at(i)); }
    default: { return half_at(i) << 16u; }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let index = (group.x + group.y * groups.x) * WORKGROUP + local;
  let row = index / params.quads;
  if (row >= params.rows) {
    return;
  }
  let quad = index % params.quads;
  var bits = vec4<u32>(0u);
  for (var k = 0u; k < 4u; k++) {
    let column = quad * 4u + k;
    if (column < params.d) {
      bits[k] = value_bits(row * params.d + column);
    }
  }
  pool[slots[row] * params.quads + quad] = bits;
}
