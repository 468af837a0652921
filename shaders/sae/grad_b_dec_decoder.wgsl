// First half of b_dec's gradient, from the decoder: grad_b_dec[r] = (2/B) sum_b e_b. (The second half: grad_b_dec_encoder.wgsl.)
// One workgroup of 16 columns x LANES invocations, which share 16 row lanes, a (16 vec4 columns, run); grid (ceil(Q/16), R). A lane sums a
// group of 32 consecutive rows, the groups are added in order.
// The auxiliary error does not appear: its decoder, b_dec included, is frozen (eq. 8).
// needs: sae/common

struct Params {
  batch : u32,      // B
  quads : u32,      // Q
  scale : f32,      // 2/B
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> residuals : array<vec4<f32>>;        // [slots, B, Q]
@group(0) @binding(3) var<storage, read_write> grad_b_dec : array<vec4<f32>>; // [R, Q]

override LANES : u32 = 16u;
const GROUP = 32u;

var<workgroup> lanes : array<vec4<f32>, 256>;

@compute @workgroup_size(16, LANES)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) t : vec3<u32>) {
  let run = runs.run[group.y];
  if (run.live == 0u) {
    return;
  }
  let q = group.x * 16u + t.x;
  let at = group.y * params.quads + q;
  var total = vec4(0.0);
  for (var base = 0u; base < params.batch; base += 16u * GROUP) {
    for (var lane = t.y; lane < 16u; lane += LANES) {
      var sum = vec4(0.0);
      let first = base + lane * GROUP;
      for (var row = first; row < min(first + GROUP, params.batch) && q < params.quads; row++) {
        sum += residuals[(run.main_slot * params.batch + row) * params.quads + q];
      }
      lanes[lane * 16u + t.x] = sum;
    }
    workgroupBarrier();
    if (t.y == 0u) {
      for (var lane = 0u; lane < 16u; lane++) {
        total += lanes[lane * 16u + t.x] * params.scale;
      }
    }
    workgroupBarrier();
  }
  if (t.y == 0u && q < params.quads) {
    grad_b_dec[at] = total;
  }
}
