// A linear layer of any input width: linear.wgsl without vec4 loads, for the rare model whose width is not a multiple of 4.
//
//   y[r, out0 + o] = Σ_i x[r, i] · w[o, i] + (has_bias ? bias[out0 + o] : 0)
//
// params  as in linear.wgsl: rows row0 .. row_end, columns out0 .. out0 + outs
// x       [>= row_end, ins] f32
// w       [outs, ins] f32
// bias    [>= out0 + outs] f32, or any buffer when has_bias = 0
// y       [>= row_end, stride] f32
//
// Dispatch: grid (⌈outs / WG_X⌉, ⌈(row_end - row0) / 4·WG_Y⌉); an invocation owns one column of 4 rows.
// Numerics: f32, terms in order of i. Out of bounds: rows past the end are computed from the last one and not stored.
override WG_X : u32 = 8u;
override WG_Y : u32 = 8u;

struct Params {
  row0 : u32,
  row_end : u32,
  ins : u32,
  outs : u32,
  out0 : u32,
  stride : u32,
  has_bias : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read> w : array<f32>;
@group(0) @binding(3) var<storage, read> bias : array<f32>;
@group(0) @binding(4) var<storage, read_write> y : array<f32>;

@compute @workgroup_size(WG_X, WG_Y)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let row = params.row0 + (group.y * WG_Y + local.y) * 4u;
  let column = group.x * WG_X + local.x;
  if (row >= params.row_end || column >= params.outs) {
    return;
  }
  let last = params.row_end - 1u;
  let x0 = row * params.ins;
  let x1 = min(row + 1u, last) * params.ins;
  let x2 = min(row + 2u, last) * params.ins;
  let x3 = min(row + 3u, last) * params.ins;
  let w0 = column * params.ins;
  var sums = vec4<f32>();
  for (var i = 0u; i < params.ins; i++) {
    sums += vec4<f32>(x[x0 + i], x[x1 + i], x[x2 + i], x[x3 + i]) * w[w0 + i];
  }
  if (params.has_bias != 0u) {
    sums += bias[params.out0 + column];
  }
  let base = row * params.stride + params.out0 + column;
  y[base] = sums.x;
  if (row < last) { y[base + params.stride] = sums.y; }
  if (row + 1u < last) { y[base + 2u * params.stride] = sums.z; }
  if (row + 2u < last) { y[base + 3u * params.stride] = sums.w; }
}
