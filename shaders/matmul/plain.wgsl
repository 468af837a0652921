// Epilogue (see direct.wgsl) that stores C as it is: for the tuner and the tests.
// A [rows, quads] and B [columns, quads] as vec4s along K; C [rows, ⌈columns/4⌉] as vec4s along the columns, undefined beyond the last.
struct Params {
  rows : u32,
  columns : u32,
  quads : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> a : array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b : array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> c : array<vec4<f32>>;

fn sizes() -> vec3<u32> { return vec3(params.rows, params.columns, params.quads); }
fn a_row(row : u32) -> u32 { return row * params.quads; }
fn b_row(column : u32) -> u32 { return column * params.quads; }
fn a_at(i : u32) -> vec4<f32> { return a[i]; }
fn b_at(i : u32) -> vec4<f32> { return b[i]; }
fn wanted(row : u32, column : u32) -> bool { return true; }

fn store(row : u32, column : u32, value : vec4<f32>) {
  if (row < params.rows) {
    c[row * ((params.columns + 3u) / 4u) + column / 4u] = value;
  }
}

fn finish(row : u32, column : u32, r0 : vec4<f32>, r1 : vec4<f32>, r2 : vec4<f32>, r3 : vec4<f32>) {
  store(row, column, r0);
  store(row + 1u, column, r1);
  store(row + 2u, column, r2);
  store(row + 3u, column, r3);
}
