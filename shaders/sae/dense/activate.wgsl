// Dense form, pre-activations -> f (what is decoded) and gate (what the auxiliary decoder sees) of every latent and row, zero off the active
// set, as matrices by latents: acts and gates `[latents, stride]`. Also the row's sums of penalties
// and extras and its number of latents with f != 0.
//
// One workgroup of 4 row quads x 64 latent lanes a (16 rows, run); grid (ceil(rows/16), R). An invocation takes four rows of one
// latent at a time; lanes are added up in a fixed order. Rows beyond the block are written as 0 up to the next multiple of 4
// and not at all behind that. A run without an auxiliary loss leaves `gates` as it was; a run that is not live or takes the
// sparse form is skipped. Of a run that selects, what its selection has not kept in the active set is zero.
// needs: sae/common, architectures, sae/dense/points

struct Params {
  rows : u32,
  stride : u32,     // vec4s a row of pre_acts, acts and gates: ceil(block rows/4)
  runs : u32,       // R
  first_row : u32,  // of this block in the batch
  latents : u32,
  row_groups : u32, // ceil(B/4)
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> pre_acts : array<vec4<f32>>;    // [latents, stride]
@group(0) @binding(3) var<storage, read> latent_params : array<Latent>;
@group(0) @binding(4) var<storage, read_write> acts : array<vec4<f32>>;  // [latents, stride]
@group(0) @binding(5) var<storage, read_write> gates : array<vec4<f32>>; // [latents, stride]
@group(0) @binding(6) var<storage, read> active_set : Active;
@group(0) @binding(7) var<storage, read_write> stats : array<f32>;       // [B, R, STATS]

var<workgroup> sums : array<vec4<f32>, 256>;
var<workgroup> extras : array<vec4<f32>, 256>;
var<workgroup> counts : array<vec4<f32>, 256>;

@compute @workgroup_size(4, 64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) t : vec3<u32>) {
  let run = runs.run[group.y];
  if (!takes_part(run, active_set.form[group.y], DENSE)) {
    return;
  }
  let aux = is(run, AUX);
  let quad = group.x * 4u + t.x;
  let row = quad * 4u;
  let inside = vec4(row, row + 1u, row + 2u, row + 3u) < vec4(params.rows);
  var sum = vec4(0.0);
  var extra = vec4(0.0);
  var count = vec4(0.0);
  if (row < params.rows) {
    for (var k = t.y; k < run.width; k += 64u) {
      let i = run.first + k;
      let at = i * params.stride + quad;
      let latent = latent_params[i];
      let four = four_rows(run, i, quad);
      let kept = inside & four.selected;
      let a = activate(run, Point(four.u.x, four.second.x, four.norm), latent);
      let b = activate(run, Point(four.u.y, four.second.y, four.norm), latent);
      let c = activate(run, Point(four.u.z, four.second.z, four.norm), latent);
      let d = activate(run, Point(four.u.w, four.second.w, four.norm), latent);
      let f = select(vec4(0.0), vec4(a.f, b.f, c.f, d.f), kept);
      acts[at] = f;
      if (aux) { gates[at] = select(vec4(0.0), vec4(a.gate, b.gate, c.gate, d.gate), kept); }
      sum += select(vec4(0.0), vec4(a.penalty, b.penalty, c.penalty, d.penalty), kept);
      extra += select(vec4(0.0), vec4(a.extra, b.extra, c.extra, d.extra), kept);
      count += select(vec4(0.0), vec4(1.0), f != vec4(0.0));
    }
  }
  sums[t.y * 4u + t.x] = sum;
  extras[t.y * 4u + t.x] = extra;
  counts[t.y * 4u + t.x] = count;
  workgroupBarrier();
  // One invocation a row of the tile.
  let lane = t.y * 4u + t.x;
  let mine = group.x * 16u + lane;
  if (lane < 16u && mine < params.rows) {
    var penalty = 0.0;
    var second = 0.0;
    var l0 = 0.0;
    for (var other = 0u; other < 64u; other++) {
      penalty += sums[other * 4u + lane / 4u][lane % 4u];
      second += extras[other * 4u + lane / 4u][lane % 4u];
      l0 += counts[other * 4u + lane / 4u][lane % 4u];
    }
    let s = ((params.first_row + mine) * params.runs + group.y) * STATS;
    stats[s + STAT_PENALTY] = penalty;
    stats[s + STAT_L0] = l0;
    stats[s + STAT_EXTRA] = second;
  }
}
