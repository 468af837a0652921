// Gate/magnitude split: pre-activations u -> the row's list of active latents, each with f (what is decoded) and gate
// (what the L1 term and the auxiliary decoder see). Both share one active set, {gate > 0} (docs/maths.md).
//
// One workgroup a (row, run); grid (rows, R). Latents are walked in tiles of 32·PER; each invocation sums the
// counts of those before it to find its place (one barrier; cheaper than a tree of them), so the order of a list is a
// function of u alone. The tile's active latents are listed first, then worked off by whole invocations. A list has room for every latent of its
// run: it cannot overflow, at any density. Entries beyond the count are left as they were.

// Latents an invocation tests in one tile; at most 32, the bits of its mask.
override PER : u32 = 32u;

struct Params {
  rows : u32,
  u_stride : u32,  // values a row of u: latents rounded up to 4
  runs : u32,      // R
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> u : array<f32>;             // [block rows, u_stride]
@group(0) @binding(3) var<storage, read> latents : array<Latent>;    // [latents]
@group(0) @binding(4) var<storage, read_write> entries : array<u32>; // [block rows, u_stride, ENTRY], run r's list from column `first`
@group(0) @binding(5) var<storage, read_write> counts : array<u32>;  // [block rows, R]

var<workgroup> tally : array<u32, 32>;
var<workgroup> listed : array<u32, 32u * PER>; // the tile's active latents

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let row = group.x;
  let run = runs.run[group.y];
  let base = row * params.u_stride + run.first;
  var filled = 0u;
  for (var tile = 0u; tile < run.width; tile += 32u * PER) {
    var mask = 0u;
    for (var p = 0u; p < PER; p++) {
      let i = tile + p * 32u + t;
      if (i < run.width) {
        mask |= select(0u, 1u << p, is_active(u[base + i], latents[run.first + i].x));
      }
    }
    tally[t] = countOneBits(mask);
    workgroupBarrier();
    var place = 0u;
    var found = 0u;
    for (var other = 0u; other < 32u; other++) {
      let n = tally[other];
      found += n;
      place += select(0u, n, other < t);
    }
    while (mask != 0u) {
      listed[place] = tile + firstTrailingBit(mask) * 32u + t;
      place++;
      mask &= mask - 1u;
    }
    workgroupBarrier();
    for (var k = t; k < found; k += 32u) {
      let i = listed[k];
      let act = activate(run.arch, u[base + i], latents[run.first + i]);
      let at = (base + filled + k) * ENTRY;
      entries[at] = i;
      entries[at + 1u] = bitcast<u32>(act.f);
      entries[at + 2u] = bitcast<u32>(act.gate);
    }
    filled += found;
    workgroupBarrier();
  }
  if (t == 0u) {
    counts[row * params.runs + group.y] = filled;
  }
}
