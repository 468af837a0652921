// Of each row the k largest positive scores, exactly: of equal ones the first, as torch.topk. Fewer positive ones than k: all of them.
// With DEAD AuxK's selection instead: of each row the k_aux largest positive scores among dead latents, whose bits are added.
//
// The candidates are the bits that the encoder set, those above the row's floor; k of them or more contain the k largest whatever the floor
// is. A row that has fewer gets a bit for every positive score first. The k-th largest is found by its bits, DIGIT at a time from the highest:
// candidates that share the bits found so far are counted by the next ones; few are left after two or three rounds, and a round that
// leaves no choice is the last. Nothing is sorted, nothing depends on the order of the counts. All walks but the first are over the words
// that have candidates, unless those are more than the list holds.
//
// One workgroup of INVOCATIONS (8 at least) a (group of 4 rows, run); grid (ceil(rows/4), R). Runs that are not live, select otherwise or not
// at all, or lie in another segment are skipped.
// needs: sae/common, sae/select/walk, sae/select/ties

override INVOCATIONS : u32 = 64u;
override DEAD : bool = false;
const DIGIT = 6u;
const BINS = 64u; // 2^DIGIT
const ALL = 0xffffffffu;
const CAPACITY = 2048u;

struct Params {
  latents : u32,    // of the segment
  row_groups : u32, // ceil(rows of the buffer/4)
  runs : u32,       // R
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read_write> active_set : Active;
@group(0) @binding(3) var<storage, read> scores : array<f32>;
@group(0) @binding(4) var<storage, read> latent_params : array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> floors : array<vec4<f32>>;           // [2 R + 1, row_groups]: of runs, of their dead latents; norms
@group(0) @binding(6) var<storage, read_write> least : array<vec4<f32>>;      // [2 R, row_groups]: smallest kept score, 0 without any; of the dead by the norm
@group(0) @binding(7) var<storage, read> dead : array<u32>;                   // [latents/4]: four latents' bits
@group(0) @binding(8) var<storage, read> run_state : array<f32>;              // [R, STATE]

var<workgroup> bins : array<atomic<u32>, 4u * BINS>;
var<workgroup> counts : array<atomic<u32>, 4>;
var<workgroup> listed : array<u32, CAPACITY>; // words with candidates, in any order
var<workgroup> list_length : atomic<u32>;
var<workgroup> steps : u32;
var<workgroup> smallest : array<atomic<u32>, 4>;
// Of each row: bits of the threshold so far (in the end all of it), how many are to be taken among those that begin with them.
var<workgroup> prefix : array<u32, 4>;
var<workgroup> left : array<u32, 4>;
// Rows, as bits.
var<workgroup> refilled : u32;
var<workgroup> undecided : array<atomic<u32>, 2>;
var<workgroup> open : u32;
var<workgroup> tied : u32;

// Which bits of word k are this selection's.
fn mask_of(run : Run, k : u32) -> u32 {
  if (DEAD) {
    return bits_of_latents(dead[run.first / 4u + k]);
  }
  return 0xffffu;
}

// The n-th word to look at.
fn word_number(n : u32, is_listed : bool) -> u32 {
  if (is_listed) {
    return listed[n];
  }
  return n;
}

// Adds up the candidates of each row, and lists the words that have some.
fn count_candidates(run : Run, words : u32, at : u32, t : u32) {
  var own = vec4(0u);
  for (var k = t; k < words; k += INVOCATIONS) {
    let word = active_set.words[at + k] & mask_of(run, k);
    if (word != 0u) {
      own += countOneBits((vec4(word) >> vec4(0u, 1u, 2u, 3u)) & vec4(0x1111u));
      let n = atomicAdd(&list_length, 1u);
      if (n < CAPACITY) {
        listed[n] = k;
      }
    }
  }
  for (var row = 0u; row < 4u; row++) {
    atomicAdd(&counts[row], own[row]);
  }
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let g = group.x;
  let r = group.y;
  let run = runs.run[r];
  if (run.live == 0u || run.width == 0u || !(is(run, SELECTS_ROW) || (DEAD && is(run, SELECTS_BATCH)))) {
    return;
  }
  var k_most = run.k;
  if (DEAD) {
    k_most = u32(run_state[r * STATE + STATE_K_AUX]);
  }
  if (k_most == 0u) {
    return;
  }
  let plane = select(0u, params.runs, DEAD) + r;
  let floor = floors[plane * params.row_groups + g];
  let words = words_of(run);
  let at = word_at(run, g);
  let tile = tile_at(run, g);
  if (DEAD) {
    for (var k = t; k < words; k += INVOCATIONS) {
      var latents = dead[run.first / 4u + k];
      var word = 0u;
      for (; latents != 0u; latents &= latents - 1u) {
        let first = 4u * firstTrailingBit(latents);
        for (var row = 0u; row < 4u; row++) {
          word |= select(0u, 1u << (first + row), scores[tile + 16u * k + first + row] > floor[row]);
        }
      }
      active_set.words[at + k] |= word;
    }
  }
  if (t < 4u) {
    atomicStore(&smallest[t], ALL);
    prefix[t] = 0u;
    left[t] = k_most;
  }
  count_candidates(run, words, at, t);
  workgroupBarrier();
  if (t == 0u) {
    refilled = 0u;
    for (var row = 0u; row < 4u; row++) {
      if (floor[row] > 0.0 && atomicLoad(&counts[row]) < k_most) {
        refilled |= 1u << row;
      }
    }
  }
  let lacking = workgroupUniformLoad(&refilled);
  if (lacking != 0u) {
    for (var k = t; k < words; k += INVOCATIONS) {
      active_set.words[at + k] |= positive(tile + 16u * k) & bits_of_rows(lacking) & mask_of(run, k);
    }
    if (t < 4u) {
      atomicStore(&counts[t], 0u);
    }
    if (t == 0u) {
      atomicStore(&list_length, 0u);
    }
    workgroupBarrier();
    count_candidates(run, words, at, t);
    workgroupBarrier();
  }
  if (t == 0u) {
    steps = atomicLoad(&list_length);
    open = 0u;
    tied = 0u;
    for (var row = 0u; row < 4u; row++) {
      if (atomicLoad(&counts[row]) > k_most) {
        open |= 1u << row;
      }
    }
  }
  let have = workgroupUniformLoad(&steps);
  let is_listed = have <= CAPACITY;
  let many = select(words, have, is_listed);
  var shift = 31u;
  var rows = workgroupUniformLoad(&open);
  while (rows != 0u) {
    let digits = min(DIGIT, shift);
    shift -= digits;
    for (var k = t; k < 4u * BINS; k += INVOCATIONS) {
      atomicStore(&bins[k], 0u);
    }
    workgroupBarrier();
    let begins = vec4(prefix[0], prefix[1], prefix[2], prefix[3]);
    for (var n = t; n < many; n += INVOCATIONS) {
      let k = word_number(n, is_listed);
      var bits = active_set.words[at + k] & bits_of_rows(rows) & mask_of(run, k);
      for (; bits != 0u; bits &= bits - 1u) {
        let bit = firstTrailingBit(bits);
        let score = score_bits(tile + 16u * k + bit) >> shift;
        if (score >> digits == begins[bit % 4u]) {
          atomicAdd(&bins[(bit % 4u) * BINS + (score & ((BINS - 1u) >> (DIGIT - digits)))], 1u);
        }
      }
    }
    if (t == 0u) {
      atomicStore(&undecided[0], 0u);
      atomicStore(&undecided[1], 0u);
    }
    workgroupBarrier();
    if (t < 4u && (rows & (1u << t)) != 0u) {
      var want = left[t];
      var bin = BINS - 1u;
      var here = atomicLoad(&bins[t * BINS + bin]);
      while (here < want) {
        want -= here;
        bin--;
        here = atomicLoad(&bins[t * BINS + bin]);
      }
      let found = (prefix[t] << digits) | bin;
      let decided = here == want || shift == 0u;
      // All that begin so are taken: the threshold is the least of such numbers.
      prefix[t] = select(found, found << shift, decided);
      left[t] = want;
      atomicOr(&undecided[0], select(1u << t, 0u, decided));
      atomicOr(&undecided[1], select(0u, 1u << t, here != want && shift == 0u));
    }
    workgroupBarrier();
    if (t == 0u) {
      open = atomicLoad(&undecided[0]);
      tied |= atomicLoad(&undecided[1]);
    }
    rows = workgroupUniformLoad(&open);
  }
  let threshold = vec4(prefix[0], prefix[1], prefix[2], prefix[3]);
  var own = vec4(ALL);
  for (var n = t; n < many; n += INVOCATIONS) {
    let k = word_number(n, is_listed);
    let mine = active_set.words[at + k] & mask_of(run, k);
    if (mine != 0u) {
      var word = active_set.words[at + k];
      for (var bits = mine; bits != 0u; bits &= bits - 1u) {
        let bit = firstTrailingBit(bits);
        let row = bit % 4u;
        let score = score_bits(tile + 16u * k + bit);
        if (score >= threshold[row]) {
          own[row] = min(own[row], score);
        } else {
          word &= ~(1u << bit);
        }
      }
      write_word(run, g, k, word);
    }
  }
  for (var row = 0u; row < 4u; row++) {
    atomicMin(&smallest[row], own[row]);
  }
  storageBarrier();
  workgroupBarrier();
  let surplus = workgroupUniformLoad(&tied);
  if (t == 0u) {
    if (surplus != 0u) {
      var ties = vec4(ALL);
      for (var row = 0u; row < 4u; row++) {
        if ((surplus & (1u << row)) != 0u) {
          ties[row] = left[row];
        }
      }
      drop_surplus(run, g, threshold, ties);
    }
    var kept = vec4(0.0);
    for (var row = 0u; row < 4u; row++) {
      let score = atomicLoad(&smallest[row]);
      if (score != ALL) {
        kept[row] = bitcast<f32>(score);
      }
    }
    if (DEAD) {
      kept /= max(floors[2u * params.runs * params.row_groups + g], vec4(1e-30));
    }
    least[plane * params.row_groups + g] = kept;
  }
}
