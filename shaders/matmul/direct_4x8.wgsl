// Matmul core (see direct.wgsl), 4 rows x 8 columns an invocation, no workgroup memory: fewer loads an output than 4x4, more registers.
// Grid (⌈columns / 8·WG_X⌉, ⌈rows / 4·WG_Y⌉).
override WG_X : u32 = 8u;
override WG_Y : u32 = 8u;

@compute @workgroup_size(WG_X, WG_Y)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let size = sizes();
  let row = (group.y * WG_Y + local.y) * 4u;
  let column = (group.x * WG_X + local.x) * 8u;
  if (row >= size.x || column >= size.y) {
    return;
  }
  let beside = column + 4u < size.y && wanted(row, column + 4u);
  if (!(wanted(row, column) || beside)) {
    return;
  }
  let last_row = size.x - 1u;
  let last_column = size.y - 1u;
  let a0 = a_row(row);
  let a1 = a_row(min(row + 1u, last_row));
  let a2 = a_row(min(row + 2u, last_row));
  let a3 = a_row(min(row + 3u, last_row));
  let b0 = b_row(column);
  let b1 = b_row(min(column + 1u, last_column));
  let b2 = b_row(min(column + 2u, last_column));
  let b3 = b_row(min(column + 3u, last_column));
  let b4 = b_row(min(column + 4u, last_column));
  let b5 = b_row(min(column + 5u, last_column));
  let b6 = b_row(min(column + 6u, last_column));
  let b7 = b_row(min(column + 7u, last_column));
  var r0a = vec4(0.0);
  var r0b = vec4(0.0);
  var r1a = vec4(0.0);
  var r1b = vec4(0.0);
  var r2a = vec4(0.0);
  var r2b = vec4(0.0);
  var r3a = vec4(0.0);
  var r3b = vec4(0.0);
  for (var q = 0u; q < size.z; q++) {
    let w0 = b_at(b0 + q);
    let w1 = b_at(b1 + q);
    let w2 = b_at(b2 + q);
    let w3 = b_at(b3 + q);
    let w4 = b_at(b4 + q);
    let w5 = b_at(b5 + q);
    let w6 = b_at(b6 + q);
    let w7 = b_at(b7 + q);
    let x0 = a_at(a0 + q);
    r0a += vec4(dot(x0, w0), dot(x0, w1), dot(x0, w2), dot(x0, w3));
    r0b += vec4(dot(x0, w4), dot(x0, w5), dot(x0, w6), dot(x0, w7));
    let x1 = a_at(a1 + q);
    r1a += vec4(dot(x1, w0), dot(x1, w1), dot(x1, w2), dot(x1, w3));
    r1b += vec4(dot(x1, w4), dot(x1, w5), dot(x1, w6), dot(x1, w7));
    let x2 = a_at(a2 + q);
    r2a += vec4(dot(x2, w0), dot(x2, w1), dot(x2, w2), dot(x2, w3));
    r2b += vec4(dot(x2, w4), dot(x2, w5), dot(x2, w6), dot(x2, w7));
    let x3 = a_at(a3 + q);
    r3a += vec4(dot(x3, w0), dot(x3, w1), dot(x3, w2), dot(x3, w3));
    r3b += vec4(dot(x3, w4), dot(x3, w5), dot(x3, w6), dot(x3, w7));
  }
  if (wanted(row, column)) {
    finish(row, column, r0a, r1a, r2a, r3a);
  }
  if (column + 4u < size.y && wanted(row, column + 4u)) {
    finish(row, column + 4u, r0b, r1b, r2b, r3b);
  }
}
