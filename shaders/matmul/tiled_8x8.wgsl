// Matmul core (see direct.wgsl) with tiles in workgroup memory: 8x8 outputs an invocation, 8·WG x 8·WG a workgroup, K in steps of 4 vec4s.
// For GPUs with fast workgroup memory. Grid (⌈columns / 8·WG⌉, ⌈rows / 8·WG⌉); 1024·WG bytes of workgroup memory.
//
// An invocation's outputs are 4 blocks of 4x4, half a tile apart. A tile row r lies at slot (r % 4)·(tile / 4) + r / 4, so that neighbouring invocations, which
// read rows 4 apart, read neighbouring vec4s. Beyond K both tiles hold zeros: those steps add +0 to sums that are never -0.
// `sizes` must be uniform over the workgroup: there are barriers.
override WG : u32 = 16u;

const TILE_STEP = 4u;
override TILE_ROWS = WG * 8u;
override TILE_COLUMNS = WG * 8u;
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
  var r0a = vec4(0.0);
  var r0b = vec4(0.0);
  var r1a = vec4(0.0);
  var r1b = vec4(0.0);
  var r2a = vec4(0.0);
  var r2b = vec4(0.0);
  var r3a = vec4(0.0);
  var r3b = vec4(0.0);
  var r4a = vec4(0.0);
  var r4b = vec4(0.0);
  var r5a = vec4(0.0);
  var r5b = vec4(0.0);
  var r6a = vec4(0.0);
  var r6b = vec4(0.0);
  var r7a = vec4(0.0);
  var r7b = vec4(0.0);
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
      let w1 = tile_b[b + 2u * WG];
      let w2 = tile_b[b + 4u * WG];
      let w3 = tile_b[b + 6u * WG];
      let w4 = tile_b[b + WG];
      let w5 = tile_b[b + 3u * WG];
      let w6 = tile_b[b + 5u * WG];
      let w7 = tile_b[b + 7u * WG];
      let x0 = tile_a[a];
      r0a += vec4(dot(x0, w0), dot(x0, w1), dot(x0, w2), dot(x0, w3));
      r0b += vec4(dot(x0, w4), dot(x0, w5), dot(x0, w6), dot(x0, w7));
      let x1 = tile_a[a + 2u * WG];
      r1a += vec4(dot(x1, w0), dot(x1, w1), dot(x1, w2), dot(x1, w3));
      r1b += vec4(dot(x1, w4), dot(x1, w5), dot(x1, w6), dot(x1, w7));
      let x2 = tile_a[a + 4u * WG];
      r2a += vec4(dot(x2, w0), dot(x2, w1), dot(x2, w2), dot(x2, w3));
      r2b += vec4(dot(x2, w4), dot(x2, w5), dot(x2, w6), dot(x2, w7));
      let x3 = tile_a[a + 6u * WG];
      r3a += vec4(dot(x3, w0), dot(x3, w1), dot(x3, w2), dot(x3, w3));
      r3b += vec4(dot(x3, w4), dot(x3, w5), dot(x3, w6), dot(x3, w7));
      let x4 = tile_a[a + WG];
      r4a += vec4(dot(x4, w0), dot(x4, w1), dot(x4, w2), dot(x4, w3));
      r4b += vec4(dot(x4, w4), dot(x4, w5), dot(x4, w6), dot(x4, w7));
      let x5 = tile_a[a + 3u * WG];
      r5a += vec4(dot(x5, w0), dot(x5, w1), dot(x5, w2), dot(x5, w3));
      r5b += vec4(dot(x5, w4), dot(x5, w5), dot(x5, w6), dot(x5, w7));
      let x6 = tile_a[a + 5u * WG];
      r6a += vec4(dot(x6, w0), dot(x6, w1), dot(x6, w2), dot(x6, w3));
      r6b += vec4(dot(x6, w4), dot(x6, w5), dot(x6, w6), dot(x6, w7));
      let x7 = tile_a[a + 7u * WG];
      r7a += vec4(dot(x7, w0), dot(x7, w1), dot(x7, w2), dot(x7, w3));
      r7b += vec4(dot(x7, w4), dot(x7, w5), dot(x7, w6), dot(x7, w7));
    }
    workgroupBarrier();
  }
  let row = row0 + 4u * local.y;
  let column = column0 + 4u * local.x;
  if (row >= size.x || column >= size.y) {
    return;
  }
  // A loop that cannot be unrolled, so that a long `finish` is not compiled for every block.
  for (var at = row; at < min(row0 + TILE_ROWS, size.x); at += 4u * WG) {
    if (wanted(at, column)) {
      finish(at, column, r0a, r1a, r2a, r3a);
    }
    if (column + 4u * WG < size.y && wanted(at, column + 4u * WG)) {
      finish(at, column + 4u * WG, r0b, r1b, r2b, r3b);
    }
    r0a = r4a;
    r0b = r4b;
    r1a = r5a;
    r1b = r5b;
    r2a = r6a;
    r2b = r6b;
    r3a = r7a;
    r3b = r7b;
  }
}
