// Adam on b_dec of every run, in place. One invocation a (vec4 column, run); grid (ceil(Q/64), R).
// needs: sae/common, sae/adam

struct Params {
  quads : u32, // Q
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> grad_b_dec : array<vec4<f32>>;    // [R, Q]
@group(0) @binding(3) var<storage, read_write> b_dec : array<vec4<f32>>;   // [R + 1, Q]: b_dec of each run, then the mean (kept)
@group(0) @binding(4) var<storage, read_write> b_dec_v : array<vec4<f32>>; // [R, Q]
@group(0) @binding(5) var<storage, read_write> b_dec_m : array<vec4<f32>>; // [R, Q] with MOMENTUM, else unused

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  if (id.x >= params.quads) {
    return;
  }
  let run = runs.run[id.y];
  if (run.live == 0u || is(run, FIXED_BIAS)) {
    return;
  }
  let at = id.y * params.quads + id.x;
  let g = grad_b_dec[at] * run.clip;
  var before = AdamState(b_dec[at], b_dec_v[at], vec4(0.0));
  if (MOMENTUM) { before.m = b_dec_m[at]; }
  let after = adam(run, before, g);
  b_dec[at] = after.w;
  b_dec_v[at] = after.v;
  if (MOMENTUM) { b_dec_m[at] = after.m; }
}
