// Rescale & shift of a frozen baseline: f = 1[u + b_gate > 0]·ReLU(e^{r_mag} u + b_mag), b_gate the baseline's b_enc; strict >.
// latent = (b_gate, r_mag, b_mag). No sparsity term; all but r_mag and b_mag stay as they are.

fn rescale_shift_activate(run : Run, at : Point, latent : Latent) -> Activation {
  let magnitude = max(exp(latent.y) * at.u + latent.z, 0.0);
  return Activation(select(0.0, magnitude, at.u + latent.x > 0.0), 0.0, 0.0, 0.0);
}

fn rescale_shift_touched(run : Run, u : f32, latent : Latent) -> bool {
  return u + latent.x > 0.0;
}

fn rescale_shift_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  let scale = exp(latent.y);
  let g = select(0.0, 2.0 * we, act.f > 0.0);
  return Backward(scale * g, 0.0, 0.0, vec3(0.0, g * scale * at.u, g));
}
