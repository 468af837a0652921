// What every form of the step does to gradients before Adam.
// needs: sae/common, architectures

// What of the decoder's row w times the result is taken off its gradient: its component along the row, where rows are held at norm 1, less
// the gradient of the norm. dots = (w·g, w·w).
fn along_row(run : Run, dots : vec2<f32>, norm_gradient : f32) -> f32 {
  var pull = 0.0;
  if (is(run, NORMS)) {
    pull = norm_gradient / sqrt(max(dots.y, 1e-30));
  }
  return select(0.0, dots.x / dots.y + pull, is(run, UNIT)) - pull;
}

// Gradients of a latent's scalars that learn, given their mean over the batch and the share of its rows on which the latent fired.
fn final_scalars(run : Run, latent : Latent, mean : vec3<f32>, frequency : f32) -> vec3<f32> {
  let learns = vec3(!is(run, FIXED_X), !is(run, FIXED_Y), !is(run, FIXED_Z));
  return select(vec3(0.0), settle(run, latent, mean, frequency), learns);
}
