// The second half of the cross-entropy: joins the vocabulary tiles of unembed_cross_entropy.wgsl.
//
//   ce[p] = m + log Σ_tile s_tile·exp(m_tile - m) - picked[p],   m = max_tile m_tile     (nats)
//
// params        sizes
// partial_sums  [tiles, predictions] vec2f: (m_tile, s_tile)
// picked        [predictions] f32: the target's logit
// ce            [predictions] f32
//
// Dispatch: one invocation a prediction, workgroups folded into x and y; surplus invocations return.
// Numerics: f32, tiles in order, the maximum first.
override WG : u32 = 64u;

struct Params {
  predictions : u32,
  tiles : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> partial_sums : array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> picked : array<f32>;
@group(0) @binding(3) var<storage, read_write> ce : array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let p = (group.x + group.y * groups.x) * WG + local.x;
  if (p >= params.predictions) {
    return;
  }
  var top = partial_sums[p].x;
  for (var tile = 1u; tile < params.tiles; tile++) {
    top = max(top, partial_sums[tile * params.predictions + p].x);
  }
  var total = 0.0;
  for (var tile = 0u; tile < params.tiles; tile++) {
    let state = partial_sums[tile * params.predictions + p];
    total += state.y * exp(state.x - top);
  }
  ce[p] = log(total) + (top - picked[p]);
}
