// Raw activations `[rows, D]` without padding (a language model's hook, held-out rows) -> x, scaled, centred, padded:
// x[b, k] = raw[b, k]·scale - mean[k], 0 for k >= D. With HALF as in gather.wgsl.
// One invocation a vec4; grid ceil(rows·Q/64) folded in two dimensions.

override HALF : bool = false;

struct Params {
  rows : u32,
  quads : u32,  // Q
  d : u32,      // D
  first_row : u32, // first row of `raw`
  scale : f32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> raw : array<f32>;                // [*, D]
@group(0) @binding(2) var<storage, read> mean : array<vec4<f32>>;         // [Q]
@group(0) @binding(3) var<storage, read_write> x : array<vec4<f32>>;      // [B, Q]
@group(0) @binding(4) var<storage, read_write> x_half : array<vec2<u32>>; // [B, Q] with HALF, else unused

fn value(row : u32, k : u32) -> f32 {
  if (k >= params.d) {
    return 0.0;
  }
  return raw[(params.first_row + row) * params.d + k] * params.scale - mean[k / 4u][k % 4u];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.rows * params.quads) {
    return;
  }
  let row = i / params.quads;
  let k = 4u * (i % params.quads);
  var four = vec4(value(row, k), value(row, k + 1u), value(row, k + 2u), value(row, k + 3u));
  if (HALF) {
    four = quantizeToF16(four);
    x_half[i] = vec2(pack2x16float(four.xy), pack2x16float(four.zw));
  }
  x[i] = four;
}
