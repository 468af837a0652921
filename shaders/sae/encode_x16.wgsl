// The batch as the encoder reads it: packed f16, four values in two words. The f32 copy holds the same rounded values.
@group(0) @binding(2) var<storage, read> x : array<vec2<u32>>; // [B, Q]

fn x_at(i : u32) -> vec4<f32> {
  let packed = x[i];
  return vec4(unpack2x16float(packed.x), unpack2x16float(packed.y));
}
