// First half of b_dec's gradient, from the decoder: grad_b_dec[r] = (2/B) sum_b e_b. (The second half: grad_b_dec_encoder.wgsl.)
// One workgroup of 16 columns x LANES invocations, which share 16 row lanes, a (16 vec4 columns, run); grid (ceil(Q/16), R). A lane sums a
// group of 32 consecutive rows, the groups are added in order.
// The auxiliary error does not appear where its decoder, b_dec included, is frozen (eq. 8). Of a nested run the first block is the sum that
// b_dec sees. For AuxK the column means of e itself are wanted too, `error_mean`: its loss is relative to the variance of e.
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
@group(0) @binding(4) var<storage, read_write> error_mean : array<vec4<f32>>; // [R, Q]

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
  var total = sum_of(run.main_slot, params.scale, q, t);
  if (is(run, AUX_TRAINED) && !is(run, AUX_ERROR)) {
    total += sum_of(run.aux_slot, params.scale, q, t);
  }
  if (t.y == 0u && q < params.quads) {
    grad_b_dec[at] = total;
  }
  if (is(run, AUX_ERROR)) {
    let last = run.parts - 1u;
    let factor = 0.5 * params.scale / select(weight_of(run, last), 1.0, last == 0u);
    let mean = sum_of(run.main_slot + last, factor, q, t);
    if (t.y == 0u && q < params.quads) {
      error_mean[at] = mean;
    }
  }
}

// Sum over the batch of column q of a block of `residuals`, times a factor.
fn sum_of(slot : u32, scale : f32, q : u32, t : vec3<u32>) -> vec4<f32> {
  var total = vec4(0.0);
  for (var base = 0u; base < params.batch; base += 16u * GROUP) {
    for (var lane = t.y; lane < 16u; lane += LANES) {
      var sum = vec4(0.0);
      let first = base + lane * GROUP;
      for (var row = first; row < min(first + GROUP, params.batch) && q < params.quads; row++) {
        sum += residuals[(slot * params.batch + row) * params.quads + q];
      }
      lanes[lane * 16u + t.x] = sum;
    }
    workgroupBarrier();
    if (t.y == 0u) {
      for (var lane = 0u; lane < 16u; lane++) {
        total += lanes[lane * 16u + t.x] * scale;
      }
    }
    workgroupBarrier();
  }
  return total;
}
