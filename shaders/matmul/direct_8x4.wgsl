// Matmul core (see direct.wgsl), 8 rows x 4 columns an invocation, no workgroup memory: fewer loads an output than 4x4, more registers.
// Grid (⌈columns / 4·WG_X⌉, ⌈rows / 8·WG_Y⌉).
override WG_X : u32 = 8u;
override WG_Y : u32 = 8u;

@compute @workgroup_size(WG_X, WG_Y)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let size = sizes();
  let row = (group.y * WG_Y + local.y) * 8u;
  let column = (group.x * WG_X + local.x) * 4u;
  if (row >= size.x || column >= size.y) {
    return;
  }
  let below = row + 4u < size.x && wanted(row + 4u, column);
  if (!(wanted(row, column) || below)) {
    return;
  }
  let last_row = size.x - 1u;
  let last_column = size.y - 1u;
  let a0 = a_row(row);
  let a1 = a_row(min(row + 1u, last_row));
  let a2 = a_row(min(row + 2u, last_row));
  let a3 = a_row(min(row + 3u, last_row));
  let a4 = a_row(min(row + 4u, last_row));
  let a5 = a_row(min(row + 5u, last_row));
  let a6 = a_row(min(row + 6u, last_row));
  let a7 = a_row(min(row + 7u, last_row));
  let b0 = b_row(column);
  let b1 = b_row(min(column + 1u, last_column));
  let b2 = b_row(min(column + 2u, last_column));
  let b3 = b_row(min(column + 3u, last_column));
  var r0 = vec4(0.0);
  var r1 = vec4(0.0);
  var r2 = vec4(0.0);
  var r3 = vec4(0.0);
  var r4 = vec4(0.0);
  var r5 = vec4(0.0);
  var r6 = vec4(0.0);
  var r7 = vec4(0.0);
  for (var q = 0u; q < size.z; q++) {
    let w0 = b_at(b0 + q);
    let w1 = b_at(b1 + q);
    let w2 = b_at(b2 + q);
    let w3 = b_at(b3 + q);
    let x0 = a_at(a0 + q);
    r0 += vec4(dot(x0, w0), dot(x0, w1), dot(x0, w2), dot(x0, w3));
    let x1 = a_at(a1 + q);
    r1 += vec4(dot(x1, w0), dot(x1, w1), dot(x1, w2), dot(x1, w3));
    let x2 = a_at(a2 + q);
    r2 += vec4(dot(x2, w0), dot(x2, w1), dot(x2, w2), dot(x2, w3));
    let x3 = a_at(a3 + q);
    r3 += vec4(dot(x3, w0), dot(x3, w1), dot(x3, w2), dot(x3, w3));
    let x4 = a_at(a4 + q);
    r4 += vec4(dot(x4, w0), dot(x4, w1), dot(x4, w2), dot(x4, w3));
    let x5 = a_at(a5 + q);
    r5 += vec4(dot(x5, w0), dot(x5, w1), dot(x5, w2), dot(x5, w3));
    let x6 = a_at(a6 + q);
    r6 += vec4(dot(x6, w0), dot(x6, w1), dot(x6, w2), dot(x6, w3));
    let x7 = a_at(a7 + q);
    r7 += vec4(dot(x7, w0), dot(x7, w1), dot(x7, w2), dot(x7, w3));
  }
  // A loop that cannot be unrolled, so that a long `finish` is not compiled for every block.
  for (var at = row; at < min(row + 8u, size.x); at += 4u) {
    if (wanted(at, column)) {
      finish(at, column, r0, r1, r2, r3);
    }
    r0 = r4;
    r1 = r5;
    r2 = r6;
    r3 = r7;
  }
}
