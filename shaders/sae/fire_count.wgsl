// Rows on which each latent fires (f != 0), added to a running count: for evaluation, where no backward pass counts them.
// An active latent's magnitude may be zero, so u is formed again, in decode.wgsl's order; not where the
// architecture fires wherever it is touched.
// One workgroup of 32 a latent; grid `latents` folded. Runs that are not live are skipped, so that one evaluated in
// several passes is counted once.
// needs: sae/common, architectures

const LANES = 8u; // as in decode.wgsl

struct Params {
  rows : u32,
  quads : u32,      // Q
  latents : u32,    // of the segment
  row_groups : u32, // ceil(rows of the buffer/4)
  offset : u32,     // of the segment's first latent in `fires`
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> active_set : Active;
@group(0) @binding(3) var<storage, read> x : array<vec4<f32>>;     // [B, Q]
@group(0) @binding(4) var<storage, read> w_enc : array<vec4<f32>>; // W_enc, first plane
@group(0) @binding(5) var<storage, read> latent_params : array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> fires : array<u32>; // of all latents

var<workgroup> tally : atomic<u32>;

override SECOND : bool = false;

fn fires_on(run : Run, row : u32, i : u32) -> bool {
  if (is(run, FIRES)) {
    return true;
  }
  var at = Point(pre_activation(row, i), 0.0, 1.0);
  if (SECOND && run.mate > 0u) {
    at.second = pre_activation(row, i + run.mate);
  }
  if (is(run, NORMS)) {
    at.norm = latent_params[2u * params.latents + i].y;
  }
  return activate(run, at, latent_params[i]).f != 0.0;
}

fn pre_activation(row : u32, i : u32) -> f32 {
  var u = 0.0;
  for (var lane = 0u; lane < LANES; lane++) {
    var products = vec4(0.0);
    for (var q = lane; q < params.quads; q += LANES) {
      products += x[row * params.quads + q] * w_enc[i * params.quads + q];
    }
    u += dot(products, vec4(1.0));
  }
  return u - latent_params[params.latents + i].w;
}

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let i = group.x + group.y * groups.x;
  if (i >= params.latents) {
    return;
  }
  let run = runs.run[u32(latent_params[i].w)];
  var count = 0u;
  if (run.live != 0u && i < run.first + run.width) {
    let words = params.row_groups * (params.latents / 4u) + (i / 4u) * params.row_groups;
    for (var k = t; k < (params.rows + 3u) / 4u; k += 32u) {
      var bits = (active_set.words[words + k] >> (4u * (i % 4u))) & 15u;
      while (bits != 0u) {
        count += select(0u, 1u, fires_on(run, 4u * k + firstTrailingBit(bits), i));
        bits &= bits - 1u;
      }
    }
  }
  atomicAdd(&tally, count);
  workgroupBarrier();
  if (t == 0u) {
    fires[params.offset + i] += atomicLoad(&tally);
  }
}
