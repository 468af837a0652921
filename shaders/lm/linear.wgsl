// A linear layer whose input width is a multiple of 4, as the epilogue of a matmul core (shaders/matmul). (Other widths: linear_ragged.wgsl.)
//
//   y[r, out0 + o] = Σ_i x[r, i] · w[o, i] + (has_bias ? bias[out0 + o] : 0)
//
// params  sizes; rows row0 .. row_end of x and y belong to this dispatch; `outs` rows of the weight are in this buffer and
//         make columns out0 .. out0 + outs of y, so a matrix may be split over buffers
// x       [>= row_end, ins] f32 as vec4 along ins
// w       [outs, ins] f32 as vec4 along ins
// bias    [>= out0 + outs] f32, or any buffer when has_bias = 0
// y       [>= row_end, stride] f32
//
// Dispatch: the core's grid for row_end - row0 rows and `outs` columns.
// Numerics: f32, terms in order of i, four at a time; the bias is added last.
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
@group(0) @binding(1) var<storage, read> x : array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias : array<f32>;
@group(0) @binding(4) var<storage, read_write> y : array<f32>;

fn sizes() -> vec3<u32> { return vec3<u32>(params.row_end - params.row0, params.outs, params.ins / 4u); }
fn a_row(row : u32) -> u32 { return (params.row0 + row) * (params.ins / 4u); }
fn b_row(column : u32) -> u32 { return column * (params.ins / 4u); }
fn a_at(i : u32) -> vec4<f32> { return x[i]; }
fn b_at(i : u32) -> vec4<f32> { return w[i]; }
fn wanted(row : u32, column : u32) -> bool { return true; }

fn store(row : u32, column : u32, sums : vec4<f32>, shift : vec4<f32>) {
  if (row >= params.row_end) {
    return;
  }
  let value = sums + shift;
  let base = row * params.stride + params.out0 + column;
  let left = params.outs - column;
  y[base] = value.x;
  if (left > 1u) { y[base + 1u] = value.y; }
  if (left > 2u) { y[base + 2u] = value.z; }
  if (left > 3u) { y[base + 3u] = value.w; }
}

fn finish(row : u32, column : u32, r0 : vec4<f32>, r1 : vec4<f32>, r2 : vec4<f32>, r3 : vec4<f32>) {
  var shift = vec4<f32>();
  if (params.has_bias != 0u) {
    let b = params.out0;
    let last = params.outs - 1u;
    shift = vec4<f32>(bias[b + column], bias[b + min(column + 1u, last)], bias[b + min(column + 2u, last)], bias[b + min(column + 3u, last)]);
  }
  let first = params.row0 + row;
  store(first, column, r0, shift);
  store(first + 1u, column, r1, shift);
  store(first + 2u, column, r2, shift);
  store(first + 3u, column, r3, shift);
}
