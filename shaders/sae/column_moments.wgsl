// Sums over rows, per column, of x - pivot and of its square (x scaled and centred): what the variance about the rows' own mean needs.
// The pivot is near that mean, so that nothing cancels: zero where the centre already is.
// One workgroup of 16 columns x 16 row lanes a group of 16 vec4 columns; grid (ceil(Q/16)). Fixed order of summation.

struct Params {
  rows : u32,
  quads : u32, // Q
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<vec4<f32>>;             // [B, Q]
@group(0) @binding(2) var<storage, read> pivot : array<vec4<f32>>;         // [Q]
@group(0) @binding(3) var<storage, read_write> moments : array<vec4<f32>>; // [2, Q]: sums, sums of squares

var<workgroup> firsts : array<vec4<f32>, 256>;
var<workgroup> seconds : array<vec4<f32>, 256>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) t : vec3<u32>) {
  let q = group.x * 16u + t.x;
  var first = vec4(0.0);
  var second = vec4(0.0);
  if (q < params.quads) {
    for (var row = t.y; row < params.rows; row += 16u) {
      let value = x[row * params.quads + q] - pivot[q];
      first += value;
      second += value * value;
    }
  }
  firsts[t.y * 16u + t.x] = first;
  seconds[t.y * 16u + t.x] = second;
  workgroupBarrier();
  if (t.y == 0u && q < params.quads) {
    for (var lane = 1u; lane < 16u; lane++) {
      first += firsts[lane * 16u + t.x];
      second += seconds[lane * 16u + t.x];
    }
    moments[q] = first;
    moments[params.quads + q] = second;
  }
}
