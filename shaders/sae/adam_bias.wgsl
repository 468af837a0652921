// Adam on b_dec of every run, in place. One invocation a (vec4 column, run); grid (ceil(Q/64), R).

override MOMENTUM : bool = false;

struct Params {
  quads : u32, // Q
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> g_bias : array<vec4<f32>>;     // [R, Q]
@group(0) @binding(3) var<storage, read_write> bias : array<vec4<f32>>; // [R + 1, Q]: b_dec of each run, then the mean (kept)
@group(0) @binding(4) var<storage, read_write> v : array<vec4<f32>>;    // [R, Q]
@group(0) @binding(5) var<storage, read_write> m : array<vec4<f32>>;    // [R, Q] with MOMENTUM, else unused

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  if (id.x >= params.quads) {
    return;
  }
  let run = runs.run[id.y];
  if (run.live == 0u) {
    return;
  }
  let at = id.y * params.quads + id.x;
  let g = g_bias[at];
  let second = run.beta2 * v[at] + (1.0 - run.beta2) * g * g;
  v[at] = second;
  var first = g;
  if (MOMENTUM) {
    first = run.beta1 * m[at] + (1.0 - run.beta1) * g;
    m[at] = first;
  }
  bias[at] -= (run.lr * run.correction1) * first / (sqrt(second * run.correction2) + run.eps);
}
