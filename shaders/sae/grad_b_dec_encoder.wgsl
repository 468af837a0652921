// Second half of b_dec's gradient, through the encoder's x - b_dec: grad_b_dec[r] -= sum_i s_i W_enc_i with s_i = mean_b g_u, from what
// latent_update left of each group of 8 latents. It is not stopped in the auxiliary term (paper App. G; dictionary_learning does the same).
// One workgroup of 16 columns x LANES invocations, which share 16 lanes, a (16 vec4 columns, run); grid (ceil(Q/16), R). Fixed order of
// summation: a lane adds up every 16th group of the run. A run in several segments goes on from what the lanes left in `carry`, so that
// cuts leave no trace in the bits. Runs that are not live or take the dense form are skipped, and those whose encoder does not see b_dec.
// needs: sae/common

override LANES : u32 = 16u;
const GROUP = 8u;

struct Params {
  quads : u32, // Q
  first : u32, // 1: first segment
  last : u32,  // 1: last segment
  clipped : u32, // 1: of runs whose gradients are clipped, after they were measured; 0: of the others
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> active_set : Active;
@group(0) @binding(3) var<storage, read> shares : array<vec4<f32>>;           // [latents / GROUP, Q]
@group(0) @binding(4) var<storage, read_write> grad_b_dec : array<vec4<f32>>; // [R, Q]
@group(0) @binding(5) var<storage, read_write> carry : array<vec4<f32>>;      // [R, 16, Q] with several segments

var<workgroup> lanes : array<vec4<f32>, 256>;

@compute @workgroup_size(16, LANES)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) t : vec3<u32>) {
  let run = runs.run[group.y];
  if (!takes_part(run, active_set.form[group.y], SPARSE) || !is(run, PRE_BIAS) || (run.clip_norm > 0.0) != (params.clipped != 0u)) {
    return;
  }
  let q = group.x * 16u + t.x;
  for (var lane = t.y; lane < 16u && q < params.quads; lane += LANES) {
    let kept = (group.y * 16u + lane) * params.quads + q;
    var sum = vec4(0.0);
    if (params.first == 0u) {
      sum = carry[kept];
    }
    for (var k = (lane + 16u - (run.before / GROUP) % 16u) % 16u; k < (run.width + GROUP - 1u) / GROUP; k += 16u) {
      sum += shares[(run.first / GROUP + k) * params.quads + q];
    }
    if (params.last == 0u) {
      carry[kept] = sum;
    }
    lanes[lane * 16u + t.x] = sum;
  }
  if (params.last == 0u) {
    return;
  }
  workgroupBarrier();
  if (t.y == 0u && q < params.quads) {
    var sum = lanes[t.x];
    for (var lane = 1u; lane < 16u; lane++) {
      sum += lanes[lane * 16u + t.x];
    }
    grad_b_dec[group.y * params.quads + q] -= sum;
  }
}
