// Selection from a whole batch where not all scores that equal the threshold are taken: how many each row has, as f32, in `least`, which such
// runs do not need. Else nothing.
// One workgroup of INVOCATIONS a (group of 4 rows, run); grid (ceil(B/4), R). Runs that are not live or do not select so are skipped.
// needs: sae/common, sae/select/walk, sae/select/state

override INVOCATIONS : u32 = 64u;

struct Params {
  latents : u32,    // of the segment
  row_groups : u32, // ceil(B/4)
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read_write> active_set : Active;
@group(0) @binding(3) var<storage, read> scores : array<f32>;
@group(0) @binding(4) var<storage, read> latent_params : array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> selection : array<u32>;
@group(0) @binding(6) var<storage, read_write> least : array<vec4<f32>>; // [2 R, row_groups]

var<workgroup> equal : array<atomic<u32>, 4>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let g = group.x;
  let r = group.y;
  let run = runs.run[r];
  if (run.live == 0u || run.width == 0u || !is(run, SELECTS_BATCH) || selection[r * SELECTION + PICK_TIED] == 0u) {
    return;
  }
  let threshold = selection[r * SELECTION + PICK_PREFIX];
  for (var k = t; k < words_of(run); k += INVOCATIONS) {
    for (var bits = active_set.words[word_at(run, g) + k]; bits != 0u; bits &= bits - 1u) {
      let bit = firstTrailingBit(bits);
      if (score_bits(tile_at(run, g) + 16u * k + bit) == threshold) {
        atomicAdd(&equal[bit % 4u], 1u);
      }
    }
  }
  workgroupBarrier();
  if (t == 0u) {
    least[r * params.row_groups + g] =
      vec4(f32(atomicLoad(&equal[0])), f32(atomicLoad(&equal[1])), f32(atomicLoad(&equal[2])), f32(atomicLoad(&equal[3])));
  }
}
