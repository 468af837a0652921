// Reconstructions of one run in the units of the raw activations, without padding, as a language model takes them:
// raw_hat[b, k] = (e + x + mean) / scale, since e = x_hat - x and x is centred and scaled.
// One invocation a value; grid ceil(rows·D/64) folded.

struct Params {
  rows : u32,
  quads : u32,      // Q
  d : u32,          // D
  batch : u32,      // B: rows of one slot of `residuals`
  slot : u32,       // the run's block of `residuals`
  first_row : u32,  // first row of `raw_hat`
  runs : u32,       // R: row of the mean in `b_dec`
  unscale : f32,    // 1/scale
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> residuals : array<f32>;     // [slots, B, 4Q]
@group(0) @binding(2) var<storage, read> x : array<f32>;             // [B, 4Q]
@group(0) @binding(3) var<storage, read> b_dec : array<f32>;         // [R + 1, 4Q]
@group(0) @binding(4) var<storage, read_write> raw_hat : array<f32>; // [*, D]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.rows * params.d) {
    return;
  }
  let row = i / params.d;
  let k = i % params.d;
  let stride = 4u * params.quads;
  let e = residuals[(params.slot * params.batch + row) * stride + k];
  raw_hat[params.first_row * params.d + i] = (e + x[row * stride + k] + b_dec[params.runs * stride + k]) * params.unscale;
}
