// Rows of the pool -> the batch, scaled and centred: x[b] = pool[slots[b]]·scale - mean. With HALF, rounded to f16 and stored
// a second time, packed, for the encoder.
// One invocation a vec4; grid ceil(rows·Q/64) folded in two dimensions. Every element is written.

override HALF : bool = false;

struct Params {
  batch : u32, // B
  quads : u32,  // Q
  scale : f32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> pool : array<vec4<f32>>;         // [capacity, Q]
@group(0) @binding(2) var<storage, read> slots : array<u32>;              // [B]
@group(0) @binding(3) var<storage, read> mean : array<vec4<f32>>;         // [Q], of the scaled activations
@group(0) @binding(4) var<storage, read_write> x : array<vec4<f32>>;      // [B, Q]
@group(0) @binding(5) var<storage, read_write> x_half : array<vec2<u32>>; // [B, Q] with HALF, else unused

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.batch * params.quads) {
    return;
  }
  let row = i / params.quads;
  let q = i % params.quads;
  var value = pool[slots[row] * params.quads + q] * params.scale - mean[q];
  if (HALF) {
    // Rounded before it is packed: Mesa takes unpacking what was packed for nothing at all.
    value = quantizeToF16(value);
    x_half[i] = vec2(pack2x16float(value.xy), pack2x16float(value.zw));
  }
  x[i] = value;
}
