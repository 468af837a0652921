// Ties that do not all have room. `params` and the bindings are the kernel's own, as in walk.wgsl; `mask_of` is too: which bits of word k of a
// run are its selection's.

// Of each row's scores that equal `threshold` only the first `ties` are left, in the order of the latents. For one invocation alone: ties
// that do not all have room are rare.
fn drop_surplus(run : Run, group : u32, threshold : vec4<u32>, ties : vec4<u32>) {
  var seen = vec4(0u);
  for (var k = 0u; k < words_of(run); k++) {
    let old = active_set.words[word_at(run, group) + k];
    var word = old;
    for (var bits = old & mask_of(run, k); bits != 0u; bits &= bits - 1u) {
      let bit = firstTrailingBit(bits);
      let row = bit % 4u;
      if (score_bits(tile_at(run, group) + 16u * k + bit) == threshold[row]) {
        if (seen[row] >= ties[row]) {
          word &= ~(1u << bit);
        }
        seen[row]++;
      }
    }
    if (word != old) {
      write_word(run, group, k, word);
    }
  }
}
