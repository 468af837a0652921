// Selection from a whole batch: clears the bits of scores below the threshold, and of those that equal it all but the first of the batch, row
// by row, that there is room for (batch_ties.wgsl).
// One workgroup of INVOCATIONS a (group of 4 rows, run); grid (ceil(B/4), R). Runs that are not live or do not select so are skipped.
// needs: sae/common, sae/select/walk, sae/select/ties, sae/select/state

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
@group(0) @binding(6) var<storage, read> least : array<vec4<f32>>; // [2 R, row_groups]

var<workgroup> before : atomic<u32>;

fn mask_of(run : Run, k : u32) -> u32 {
  return 0xffffu;
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let g = group.x;
  let r = group.y;
  let run = runs.run[r];
  if (run.live == 0u || run.width == 0u || !is(run, SELECTS_BATCH)) {
    return;
  }
  let threshold = selection[r * SELECTION + PICK_PREFIX];
  let at = word_at(run, g);
  for (var k = t; k < words_of(run); k += INVOCATIONS) {
    let old = active_set.words[at + k];
    if (old != 0u) {
      var word = old;
      for (var bits = old; bits != 0u; bits &= bits - 1u) {
        let bit = firstTrailingBit(bits);
        if (score_bits(tile_at(run, g) + 16u * k + bit) < threshold) {
          word &= ~(1u << bit);
        }
      }
      write_word(run, g, k, word);
    }
  }
  if (selection[r * SELECTION + PICK_TIED] == 0u) {
    return;
  }
  var sum = 0u;
  for (var other = t; other < g; other += INVOCATIONS) {
    let equal = least[r * params.row_groups + other];
    sum += u32(equal.x) + u32(equal.y) + u32(equal.z) + u32(equal.w);
  }
  atomicAdd(&before, sum);
  storageBarrier();
  workgroupBarrier();
  if (t == 0u) {
    let equal = vec4<u32>(least[r * params.row_groups + g]);
    let starts = atomicLoad(&before) + vec4(0u, equal.x, equal.x + equal.y, equal.x + equal.y + equal.z);
    let left = vec4(selection[r * SELECTION + PICK_LEFT]);
    let ties = left - min(left, starts);
    if (any(ties < equal)) {
      drop_surplus(run, g, vec4(threshold), ties);
    }
  }
}
