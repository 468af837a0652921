// Baseline SAE, eq. 2: f = ReLU(u + b_enc). latent.x = b_enc.

fn baseline_activate(run : Run, at : Point, latent : Latent) -> Activation {
  let f = max(at.u + latent.x, 0.0);
  return Activation(f, f, f, 0.0);
}

fn baseline_touched(run : Run, u : f32, latent : Latent) -> bool {
  return u + latent.x > 0.0;
}

fn baseline_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  let g = 2.0 * we + run.lambda;
  return Backward(g, 0.0, 0.0, vec3(g, 0.0, 0.0));
}
