// Selection from a whole batch: candidates by the next bits of their scores, of those whose higher bits are the threshold's as far as it is known
// (batch_pick.wgsl). Three rounds: 11, 10 and 10 bits. With REFILL, for runs with too few candidates above the floor: a bit for every positive
// score, and the first round again. u32 atomics, whose order leaves no trace.
// One workgroup of INVOCATIONS a (group of 4 rows, run); grid (ceil(B/4), R). Runs that are not live or do not select so are skipped.
// needs: sae/common, sae/select/walk, sae/select/state

override INVOCATIONS : u32 = 64u;
override REFILL : bool = false;

struct Params {
  latents : u32,    // of the segment
  row_groups : u32, // ceil(B/4)
  round : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read_write> active_set : Active;
@group(0) @binding(3) var<storage, read> scores : array<f32>;
@group(0) @binding(4) var<storage, read> latent_params : array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> selection : array<atomic<u32>>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let g = group.x;
  let r = group.y;
  let run = runs.run[r];
  if (run.live == 0u || run.width == 0u || !is(run, SELECTS_BATCH)) {
    return;
  }
  let own = r * SELECTION;
  if (REFILL && atomicLoad(&selection[own + PICK_SHORT]) == 0u) {
    return;
  }
  let shift = 20u - 10u * params.round;
  let bins = select(1024u, 2048u, params.round == 0u);
  let prefix = atomicLoad(&selection[own + PICK_PREFIX]);
  let at = word_at(run, g);
  let tile = tile_at(run, g);
  for (var k = t; k < words_of(run); k += INVOCATIONS) {
    if (REFILL) {
      active_set.words[at + k] = positive(tile + 16u * k);
    }
    for (var bits = active_set.words[at + k]; bits != 0u; bits &= bits - 1u) {
      let score = score_bits(tile + 16u * k + firstTrailingBit(bits)) >> shift;
      if (params.round == 0u || score / bins == prefix) {
        atomicAdd(&selection[own + PICK_BINS + score % bins], 1u);
      }
    }
  }
}
