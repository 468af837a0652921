// The batch as the encoder reads it: packed f16, four values in two words. The f32 copy holds the same rounded values.
// needs: sae/encode
@group(0) @binding(2) var<storage, read> x_half : array<vec2<u32>>; // [B, Q]

fn x_at(i : u32) -> vec4<f32> {
  let packed = x_half[i];
  return vec4(unpack2x16float(packed.x), unpack2x16float(packed.y));
}
