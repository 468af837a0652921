// Matmul core (see direct.wgsl) for drivers that run on a processor with 8 lanes: subgroups of exactly 8, 16 rows x 4 columns an invocation.
//
// There a load costs as much as dozens of sums, for each lane alone and with a test of its bounds. So the 8 lanes, whose columns differ, load 8
// rows of A for all of them, one each, and pass them on in registers (subgroupBroadcast): 6 loads for 64 dot products, where 4x4 needs 8 for 16.
// The workgroup is one subgroup. Grid (⌈columns / 32⌉, ⌈rows / 16⌉). `sizes` must be uniform over it.

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(subgroup_invocation_id) lane : u32) {
  let size = sizes();
  let row = group.y * 16u;
  let column = (group.x * 8u + lane) * 4u;
  let last_row = size.x - 1u;
  let last_column = size.y - 1u;
  if (!subgroupAny(wanted(row, min(column, last_column)))) {
    return;
  }
  // All other lanes stay to the end, also those with nothing to store: their rows are for the others too.
  let a0 = a_row(min(row + lane, last_row));
  let a1 = a_row(min(row + 8u + lane, last_row));
  let b0 = b_row(min(column, last_column));
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
  var r8 = vec4(0.0);
  var r9 = vec4(0.0);
  var ra = vec4(0.0);
  var rb = vec4(0.0);
  var rc = vec4(0.0);
  var rd = vec4(0.0);
  var re = vec4(0.0);
  var rf = vec4(0.0);
  for (var q = 0u; q < size.z; q++) {
    let w0 = b_at(b0 + q);
    let w1 = b_at(b1 + q);
    let w2 = b_at(b2 + q);
    let w3 = b_at(b3 + q);
    let low = a_at(a0 + q);
    let high = a_at(a1 + q);
    let x0 = subgroupBroadcast(low, 0u);
    r0 += vec4(dot(x0, w0), dot(x0, w1), dot(x0, w2), dot(x0, w3));
    let x1 = subgroupBroadcast(low, 1u);
    r1 += vec4(dot(x1, w0), dot(x1, w1), dot(x1, w2), dot(x1, w3));
    let x2 = subgroupBroadcast(low, 2u);
    r2 += vec4(dot(x2, w0), dot(x2, w1), dot(x2, w2), dot(x2, w3));
    let x3 = subgroupBroadcast(low, 3u);
    r3 += vec4(dot(x3, w0), dot(x3, w1), dot(x3, w2), dot(x3, w3));
    let x4 = subgroupBroadcast(low, 4u);
    r4 += vec4(dot(x4, w0), dot(x4, w1), dot(x4, w2), dot(x4, w3));
    let x5 = subgroupBroadcast(low, 5u);
    r5 += vec4(dot(x5, w0), dot(x5, w1), dot(x5, w2), dot(x5, w3));
    let x6 = subgroupBroadcast(low, 6u);
    r6 += vec4(dot(x6, w0), dot(x6, w1), dot(x6, w2), dot(x6, w3));
    let x7 = subgroupBroadcast(low, 7u);
    r7 += vec4(dot(x7, w0), dot(x7, w1), dot(x7, w2), dot(x7, w3));
    let x8 = subgroupBroadcast(high, 0u);
    r8 += vec4(dot(x8, w0), dot(x8, w1), dot(x8, w2), dot(x8, w3));
    let x9 = subgroupBroadcast(high, 1u);
    r9 += vec4(dot(x9, w0), dot(x9, w1), dot(x9, w2), dot(x9, w3));
    let xa = subgroupBroadcast(high, 2u);
    ra += vec4(dot(xa, w0), dot(xa, w1), dot(xa, w2), dot(xa, w3));
    let xb = subgroupBroadcast(high, 3u);
    rb += vec4(dot(xb, w0), dot(xb, w1), dot(xb, w2), dot(xb, w3));
    let xc = subgroupBroadcast(high, 4u);
    rc += vec4(dot(xc, w0), dot(xc, w1), dot(xc, w2), dot(xc, w3));
    let xd = subgroupBroadcast(high, 5u);
    rd += vec4(dot(xd, w0), dot(xd, w1), dot(xd, w2), dot(xd, w3));
    let xe = subgroupBroadcast(high, 6u);
    re += vec4(dot(xe, w0), dot(xe, w1), dot(xe, w2), dot(xe, w3));
    let xf = subgroupBroadcast(high, 7u);
    rf += vec4(dot(xf, w0), dot(xf, w1), dot(xf, w2), dot(xf, w3));
  }
  if (column >= size.y) {
    return;
  }
  // A loop that cannot be unrolled, so that `finish` is compiled once: these drivers take longer for its stores than for all the rest.
  for (var at = row; at < min(row + 16u, size.x); at += 4u) {
    if (wanted(at, column)) {
      finish(at, column, r0, r1, r2, r3);
    }
    r0 = r4;
    r1 = r5;
    r2 = r6;
    r3 = r7;
    r4 = r8;
    r5 = r9;
    r6 = ra;
    r7 = rb;
    r8 = rc;
    r9 = rd;
    ra = re;
    rb = rf;
  }
}
