// What the kernels of the selection share: how they find a run's candidates and write what is left of them.
//
// The encoder keeps the scores a = max(u + b_enc, 0) of runs that select, a tile of 16 for each word of the active set, in the order of the
// word's bits (4 latents x 4 rows): `scores`, [ceil(B/4), tiles of the run], 0 in padding. A bit is set where a is above the row's floor; a
// selection clears those of what it drops. The words by rows are its own to work on, those by latents are written at the end.
// Scores are compared by their bits: of floats that are not negative they have the order of the numbers.
// `params` is the kernel's own; of it latents and row_groups are used here, of its bindings active_set, scores and latent_params.

override KEEP_FIRST : bool = false;

// Words a row group, which are tiles a row group.
fn words_of(run : Run) -> u32 {
  return (run.width + 3u) / 4u;
}

// First word of a row group, by rows.
fn word_at(run : Run, group : u32) -> u32 {
  return group * (params.latents / 4u) + run.first / 4u;
}

// First score of a row group.
fn tile_at(run : Run, group : u32) -> u32 {
  return 16u * (run.scores + group * words_of(run));
}

// The bits of those of four rows that have one in `rows`, at places 0 to 3.
fn bits_of_rows(rows : u32) -> u32 {
  return rows * 0x1111u;
}

// The bits of those of four latents that have one in `latents`, at places 0 to 3.
fn bits_of_latents(latents : u32) -> u32 {
  return ((latents & 1u) | ((latents & 2u) << 3u) | ((latents & 4u) << 6u) | ((latents & 8u) << 9u)) * 15u;
}

fn score_bits(at : u32) -> u32 {
  return bitcast<u32>(scores[at]);
}

// The positive scores of a tile as a word.
fn positive(tile : u32) -> u32 {
  var word = 0u;
  for (var bit = 0u; bit < 16u; bit++) {
    word |= select(0u, 1u << bit, scores[tile + bit] > 0.0);
  }
  return word;
}

// Writes word k of a row group in both orders, and u of its lowest bit where the encoder would have kept that.
fn write_word(run : Run, group : u32, k : u32, word : u32) {
  let columns = params.latents / 4u;
  let at = word_at(run, group) + k;
  active_set.words[at] = word;
  active_set.words[params.row_groups * columns + (run.first / 4u + k) * params.row_groups + group] = word;
  if (KEEP_FIRST && word != 0u) {
    let bit = firstTrailingBit(word);
    let u = scores[tile_at(run, group) + 16u * k + bit] - latent_params[run.first + 4u * k + bit / 4u].x;
    active_set.words[2u * params.row_groups * columns + at] = bitcast<u32>(u);
  }
}
