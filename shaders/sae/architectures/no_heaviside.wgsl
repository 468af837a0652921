// Gating without a gate: gate = ReLU(u + b_enc), f = t·gate. latent = (b_enc, t, unused). Penalty and auxiliary decoder see the gate.

fn no_heaviside_activate(run : Run, at : Point, latent : Latent) -> Activation {
  let gate = max(at.u + latent.x, 0.0);
  return Activation(latent.y * gate, gate, gate, 0.0);
}

fn no_heaviside_touched(run : Run, u : f32, latent : Latent) -> bool {
  return u + latent.x > 0.0;
}

fn no_heaviside_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  let g = 2.0 * (latent.y * we + wa) + run.lambda;
  return Backward(g, 0.0, 0.0, vec3(g, 2.0 * we * act.gate, 0.0));
}
