// A linear layer whose input width is a multiple of 4. (Other widths: linear_ragged.wgsl.)
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
// Dispatch: grid (⌈outs / 4·WG_X⌉, ⌈(row_end - row0) / 4·WG_Y⌉); an invocation owns a 4x4 block of y.
// Numerics: f32, terms in order of i, four at a time.
// Out of bounds: rows and columns past the end are computed from the last valid one and not stored.
override WG_X: u32 = 8u;
override WG_Y: u32 = 8u;

struct Params {
  row0: u32,
  row_end: u32,
  ins: u32,
  outs: u32,
  out0: u32,
  stride: u32,
  has_bias: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn store(row: u32, column: u32, sums: vec4f, shift: vec4f) {
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

@compute @workgroup_size(WG_X, WG_Y)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let row = params.row0 + (group.y * WG_Y + local.y) * 4u;
  let column = (group.x * WG_X + local.x) * 4u;
  if (row >= params.row_end || column >= params.outs) {
    return;
  }
  let steps = params.ins / 4u;
  let last_row = params.row_end - 1u;
  let last_column = params.outs - 1u;
  let x0 = row * steps;
  let x1 = min(row + 1u, last_row) * steps;
  let x2 = min(row + 2u, last_row) * steps;
  let x3 = min(row + 3u, last_row) * steps;
  let w0 = column * steps;
  let w1 = min(column + 1u, last_column) * steps;
  let w2 = min(column + 2u, last_column) * steps;
  let w3 = min(column + 3u, last_column) * steps;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var k = 0u; k < steps; k++) {
    let u0 = w[w0 + k];
    let u1 = w[w1 + k];
    let u2 = w[w2 + k];
    let u3 = w[w3 + k];
    let v0 = x[x0 + k];
    let v1 = x[x1 + k];
    let v2 = x[x2 + k];
    let v3 = x[x3 + k];
    s0 += vec4f(dot(v0, u0), dot(v0, u1), dot(v0, u2), dot(v0, u3));
    s1 += vec4f(dot(v1, u0), dot(v1, u1), dot(v1, u2), dot(v1, u3));
    s2 += vec4f(dot(v2, u0), dot(v2, u1), dot(v2, u2), dot(v2, u3));
    s3 += vec4f(dot(v3, u0), dot(v3, u1), dot(v3, u2), dot(v3, u3));
  }
  var shift = vec4f();
  if (params.has_bias != 0u) {
    let b = params.out0;
    shift = vec4f(bias[b + column], bias[b + min(column + 1u, last_column)], bias[b + min(column + 2u, last_column)], bias[b + min(column + 3u, last_column)]);
  }
  store(row, column, s0, shift);
  store(row + 1u, column, s1, shift);
  store(row + 2u, column, s2, shift);
  store(row + 3u, column, s3, shift);
}
