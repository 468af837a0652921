// Matmul core (see direct.wgsl) with tiles in workgroup memory: 4x4 outputs an invocation, 4·WG x 4·WG a workgroup, K in steps of 4 vec4s.
// For GPUs with fast workgroup memory. Grid (⌈columns / 4·WG⌉, ⌈rows / 4·WG⌉); 512·WG bytes of workgroup memory.
//
// A tile row r lies at slot (r % 4)·(tile / 4) + r / 4, so that neighbouring invocations, which
// read rows 4 apart, read neighbouring vec4s. Beyond K both tiles hold zeros: those steps add +0 to sums that are never -0.
// `sizes` must be uniform over the workgroup: there are barriers.
override WG : u32 = 16u;

const TILE_STEP = 4u;
override TILE_ROWS = WG * 4u;
override TILE_COLUMNS = WG * 4u;
override TILE_INVOCATIONS = WG * WG;

var<workgroup> tile_a : array<vec4<f32>, TILE_STEP * TILE_ROWS>;
var<workgroup> tile_b : array<vec4<f32>, TILE_STEP * TILE_COLUMNS>;

@compute @workgroup_size(WG, WG)
fn main(
  @builtin(workgroup_id) group : vec3<u32>,
  @builtin(local_invocation_id) local : vec3<u32>,
  @builtin(local_invocation_index) index : u32,
) {
  let size = sizes();
  let row0 = group.y * TILE_ROWS;
  let column0 = group.x * TILE_COLUMNS;
  let last_row = size.x - 1u;
  let last_column = size.y - 1u;
  var r0 = vec4(0.0);
  var r1 = vec4(0.0);
  var r2 = vec4(0.0);
  var r3 = vec4(0.0);
  for (var q0 = 0u; q0 < size.z; q0 += TILE_STEP) {
    // Four neighbours load the four vec4s of a row.
    for (var i = index; i < TILE_STEP * TILE_ROWS; i += TILE_INVOCATIONS) {
      let r = i / TILE_STEP;
      let q = i % TILE_STEP;
      var value = vec4(0.0);
      if (q0 + q < size.z) {
        value = a_at(a_row(min(row0 + r, last_row)) + q0 + q);
      }
      tile_a[q * TILE_ROWS + (r % 4u) * (TILE_ROWS / 4u) + r / 4u] = value;
    }
    for (var i = index; i < TILE_STEP * TILE_COLUMNS; i += TILE_INVOCATIONS) {
      let r = i / TILE_STEP;
      let q = i % TILE_STEP;
      var value = vec4(0.0);
      if (q0 + q < size.z) {
        value = b_at(b_row(min(column0 + r, last_column)) + q0 + q);
      }
      tile_b[q * TILE_COLUMNS + (r % 4u) * (TILE_COLUMNS / 4u) + r / 4u] = value;
    }
    workgroupBarrier();
    for (var q = 0u; q < TILE_STEP; q++) {
      let a = q * TILE_ROWS + local.y;
      let b = q * TILE_COLUMNS + local.x;
      let w0 = tile_b[b];
      let w1 = tile_b[b + WG];
      let w2 = tile_b[b + 2u * WG];
      let w3 = tile_b[b + 3u * WG];
      let x0 = tile_a[a];
      r0 += vec4(dot(x0, w0), dot(x0, w1), dot(x0, w2), dot(x0, w3));
      let x1 = tile_a[a + WG];
      r1 += vec4(dot(x1, w0), dot(x1, w1), dot(x1, w2), dot(x1, w3));
      let x2 = tile_a[a + 2u * WG];
      r2 += vec4(dot(x2, w0), dot(x2, w1), dot(x2, w2), dot(x2, w3));
      let x3 = tile_a[a + 3u * WG];
      r3 += vec4(dot(x3, w0), dot(x3, w1), dot(x3, w2), dot(x3, w3));
    }
    workgroupBarrier();
  }
  let row = row0 + 4u * local.y;
  let column = column0 + 4u * local.x;
  if (row >= size.x || column >= size.y) {
    return;
  }
  if (wanted(row, column)) {
    finish(row, column, r0, r1, r2, r3);
  }
}
