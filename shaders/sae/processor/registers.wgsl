// For drivers that run on a processor with 8 lanes (see shaders/matmul/processor/broadcast.wgsl), where loads and barriers are what costs.
// A workgroup is one subgroup of exactly 8 invocations, so nothing waits at a barrier. A `Row` is one of at most 64 vec4s in their
// registers: column q belongs to lane q % 8, there as number q / 8; registers are reached by number through chains of select, of which a
// whole one costs a tenth of a load.
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

// The bits of one row or of one latent: those of `words` words from `at` on that are left of (word >> shift) & mask. A bit of word k stands
// for entry 4k + (its place >> apart).
struct Walk {
  at : u32,
  words : u32,
  shift : u32,
  mask : u32,
  apart : u32,
}

const CAPACITY = 128u;
const FIRST = 0x80000000u; // set in an entry that is the lowest bit of its whole word

// Each lane keeps the list for itself.
var<private> listed : array<u32, CAPACITY>;

fn word_at(walk : Walk, k : u32) -> u32 {
  if (k >= walk.words) {
    return 0u;
  }
  return active_set.words[walk.at + k];
}

fn bits_of(walk : Walk, word : u32) -> u32 {
  return (word >> walk.shift) & walk.mask;
}

// Lists the entries [window, window + CAPACITY) of a walk; returns how many there are in all.
fn list_entries(walk : Walk, window : u32, t : u32) -> u32 {
  var total = 0u;
  for (var start = 0u; start < walk.words; start += 4u * LANES) {
    // Each lane four words; then together through those that have a bit.
    let w0 = word_at(walk, start + t);
    let w1 = word_at(walk, start + t + LANES);
    let w2 = word_at(walk, start + t + 2u * LANES);
    let w3 = word_at(walk, start + t + 3u * LANES);
    // No `if`: these drivers execute both of its sides, but end a loop.
    for (var k = select(4u, 0u, subgroupBallot(bits_of(walk, w0 | w1 | w2 | w3) != 0u).x != 0u); k < 4u; k++) {
      let own = select(select(w3, w2, k == 2u), select(w1, w0, k == 0u), k < 2u);
      var lanes = subgroupBallot(bits_of(walk, own) != 0u).x;
      while (lanes != 0u) {
        let lane = firstTrailingBit(lanes);
        lanes &= lanes - 1u;
        let word = subgroupShuffle(own, lane);
        let lowest = bits_of(walk, word & (~word + 1u));
        var bits = bits_of(walk, word);
        while (bits != 0u) {
          let bit = bits & (~bits + 1u);
          bits &= bits - 1u;
          if (total >= window && total < window + CAPACITY) {
            let entry = 4u * (start + k * LANES + lane) + (firstTrailingBit(bit) >> walk.apart);
            listed[total - window] = entry | select(0u, FIRST, bit == lowest);
          }
          total++;
        }
      }
    }
  }
  return total;
}
