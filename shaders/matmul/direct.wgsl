// Matmul core C = A Bᵀ, 4x4 outputs an invocation, no workgroup memory: the caches share what a workgroup's neighbours load.
//
// A core follows an EPILOGUE, which declares the bindings and these functions (WGSL takes functions in any order):
//
//   sizes() -> vec3<u32>                   rows of A, rows of B (columns of C), vec4s along K; from a uniform or read-only
//                                          buffer, since some cores have barriers in a loop of that length
//   a_row(row), b_row(column) -> u32       index of that row's first vec4; called with indices in range only
//   a_at(index), b_at(index) -> vec4<f32>  loads
//   finish(row, column, r0, r1, r2, r3)    takes a 4x4 block of C; row < rows, column < columns, both multiples of 4;
//                                          what lies beyond the last row or column is for the epilogue to drop
//   wanted(row, column) -> bool            false: nobody reads that block, and `finish` is not called with it
//
// Names that begin with WG, TILE_ or tile_ are the cores'. f32; every core computes acc += dot(a, b) for q = 0, 1, 2, …, one
// accumulator an output, so that which core ran leaves no trace in the bits. Loads beyond the last row or column are clamped to it.
//
// Grid (⌈columns / 4·WG_X⌉, ⌈rows / 4·WG_Y⌉): `matmulGrid` in src/gpu/matmul.ts.
override WG_X : u32 = 8u;
override WG_Y : u32 = 8u;

@compute @workgroup_size(WG_X, WG_Y)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let size = sizes();
  let row = (group.y * WG_Y + local.y) * 4u;
  let column = (group.x * WG_X + local.x) * 4u;
  if (row >= size.x || column >= size.y || !wanted(row, column)) {
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
  var r0 = vec4(0.0);
  var r1 = vec4(0.0);
  var r2 = vec4(0.0);
  var r3 = vec4(0.0);
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
  }
  finish(row, column, r0, r1, r2, r3);
}
