// Gated SAE, eq. 6–8: pi = u + b_gate, f = 1[pi > 0]·ReLU(e^{r_mag} u + b_mag), gate = ReLU(pi); strict >.
// latent = (b_gate, r_mag, b_mag). The L1 term and the auxiliary decoder see the gate.

fn gated_activate(run : Run, at : Point, latent : Latent) -> Activation {
  let gate = max(at.u + latent.x, 0.0);
  let magnitude = max(exp(latent.y) * at.u + latent.z, 0.0);
  return Activation(select(0.0, magnitude, gate > 0.0), gate, gate, 0.0);
}

fn gated_touched(run : Run, u : f32, latent : Latent) -> bool {
  return u + latent.x > 0.0;
}

fn gated_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  let scale = exp(latent.y);
  let g_mag = select(0.0, 2.0 * we, act.f > 0.0);
  let g_gate = 2.0 * wa + run.lambda;
  return Backward(g_gate + scale * g_mag, 0.0, 0.0, vec3(g_gate, g_mag * scale * at.u, g_mag));
}
