// Gate/magnitude split: pre-activations u -> the row's list of active latents, each with f (what is decoded) and gate
// (what the L1 term and the auxiliary decoder see). Both share one active set, {gate > 0} (docs/maths.md).
//
// One workgroup a (row, run); grid (rows, R). Latents are walked in tiles of 64·PER; an exclusive scan of the counts gives
// each invocation its place, so the order of a list is a function of u alone. A list has room for every latent of its
// run: it cannot overflow, at any density. Entries beyond the count are left as they were.

override PER : u32 = 8u;

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

var<workgroup> scan : array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let row = group.x;
  let run = runs.run[group.y];
  let base = row * params.u_stride + run.first;
  var filled = 0u;
  for (var tile = 0u; tile < run.width; tile += 64u * PER) {
    var mine = 0u;
    for (var p = 0u; p < PER; p++) {
      let i = tile + p * 64u + t;
      if (i < run.width) {
        mine += select(0u, 1u, activate(run.arch, u[base + i], latents[run.first + i]).gate > 0.0);
      }
    }
    scan[t] = mine;
    workgroupBarrier();
    for (var step = 1u; step < 64u; step *= 2u) {
      var other = 0u;
      if (t >= step) {
        other = scan[t - step];
      }
      workgroupBarrier();
      scan[t] += other;
      workgroupBarrier();
    }
    var place = filled + scan[t] - mine;
    if (mine > 0u) {
      for (var p = 0u; p < PER; p++) {
        let i = tile + p * 64u + t;
        if (i < run.width) {
          let act = activate(run.arch, u[base + i], latents[run.first + i]);
          if (act.gate > 0.0) {
            let at = (base + place) * ENTRY;
            entries[at] = i;
            entries[at + 1u] = bitcast<u32>(act.f);
            entries[at + 2u] = bitcast<u32>(act.gate);
            place++;
          }
        }
      }
    }
    filled += scan[63];
    workgroupBarrier();
  }
  if (t == 0u) {
    counts[row * params.runs + group.y] = filled;
  }
}
