// The batch as the encoder reads it: f32.
// needs: sae/encode
@group(0) @binding(2) var<storage, read> x : array<vec4<f32>>; // [B, Q]

fn x_at(i : u32) -> vec4<f32> {
  return x[i];
}
