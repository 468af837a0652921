// For drivers that run on a processor with 8 lanes (see shaders/matmul/broadcast.wgsl), where loads and barriers are what costs. A workgroup is
// one subgroup of exactly 8 invocations, so nothing waits at a barrier. A `Row` is one of at most 64 vec4s in their registers: column q belongs
// to lane q % 8, there as number q / 8; registers are reached by number through chains of select, of which a whole one costs a tenth of a load.
//
// WORKAROUND: write `= Row()`. Declared without a value in a loop, a struct keeps what it held in the pass before (webgpu 0.6.2 on llvmpipe).

const LANES = 8u;

struct Row {
  c0 : vec4<f32>,
  c1 : vec4<f32>,
  c2 : vec4<f32>,
  c3 : vec4<f32>,
  c4 : vec4<f32>,
  c5 : vec4<f32>,
  c6 : vec4<f32>,
  c7 : vec4<f32>,
}

fn column(row : Row, c : u32) -> vec4<f32> {
  var value = row.c0;
  value = select(value, row.c1, c == 1u);
  value = select(value, row.c2, c == 2u);
  value = select(value, row.c3, c == 3u);
  value = select(value, row.c4, c == 4u);
  value = select(value, row.c5, c == 5u);
  value = select(value, row.c6, c == 6u);
  value = select(value, row.c7, c == 7u);
  return value;
}

fn with_column(row : Row, c : u32, value : vec4<f32>) -> Row {
  return Row(
    select(row.c0, value, c == 0u),
    select(row.c1, value, c == 1u),
    select(row.c2, value, c == 2u),
    select(row.c3, value, c == 3u),
    select(row.c4, value, c == 4u),
    select(row.c5, value, c == 5u),
    select(row.c6, value, c == 6u),
    select(row.c7, value, c == 7u),
  );
}

// sum + by·row
fn plus(sum : Row, by : f32, row : Row) -> Row {
  return Row(
    sum.c0 + by * row.c0,
    sum.c1 + by * row.c1,
    sum.c2 + by * row.c2,
    sum.c3 + by * row.c3,
    sum.c4 + by * row.c4,
    sum.c5 + by * row.c5,
    sum.c6 + by * row.c6,
    sum.c7 + by * row.c7,
  );
}

// Sum over the lanes, in their order: as the kernels that work without subgroups add up their 8 lanes.
fn over_lanes(value : vec4<f32>) -> vec4<f32> {
  var sum = subgroupBroadcast(value, 0u) + subgroupBroadcast(value, 1u);
  sum += subgroupBroadcast(value, 2u);
  sum += subgroupBroadcast(value, 3u);
  sum += subgroupBroadcast(value, 4u);
  sum += subgroupBroadcast(value, 5u);
  sum += subgroupBroadcast(value, 6u);
  return sum + subgroupBroadcast(value, 7u);
}
