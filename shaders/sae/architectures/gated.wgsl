// Gated SAE, eq. 6–8: pi = u + b_gate, f = 1[pi > 0]·ReLU(e^{r_mag} u + b_mag), gate = ReLU(pi); strict >. Untied: f = 1[pi > 0]·ReLU(second + b_mag).
// latent = (b_gate, r_mag, b_mag). Penalty and auxiliary decoder see the gate, the penalty times the decoder row's norm where it is weighted.
// options: x 1 untied, y kind of the penalty, z its constant, w 1 weighted, 2 and the norm learns from it.

fn gated_activate(run : Run, at : Point, latent : Latent) -> Activation {
  let gate = max(at.u + latent.x, 0.0);
  let magnitude = max(select(exp(latent.y) * at.u, at.second, run.options.x > 0.0) + latent.z, 0.0);
  let seen = gate * select(1.0, at.norm, run.options.w > 0.0);
  let kind = run.options.y;
  var extra = 0.0;
  if (PENALTY_P && kind == 4.0) {
    extra = penalty_value(kind, run.options.z, run.next_power, seen);
  }
  return Activation(select(0.0, magnitude, gate > 0.0), gate, penalty_value(kind, run.options.z, run.power, seen), extra);
}

fn gated_touched(run : Run, u : f32, latent : Latent) -> bool {
  return u + latent.x > 0.0;
}

fn gated_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  let untied = run.options.x > 0.0;
  let scale = select(exp(latent.y), 0.0, untied);
  let g_mag = select(0.0, 2.0 * we, act.f > 0.0);
  let weight = select(1.0, at.norm, run.options.w > 0.0);
  let slope = run.lambda * penalty_slope(run.options.y, run.options.z, run.power, act.gate * weight);
  let g_gate = 2.0 * wa + slope * weight;
  let g_norm = select(0.0, slope * act.gate, run.options.w > 1.5);
  return Backward(g_gate + scale * g_mag, select(0.0, g_mag, untied), g_norm, vec3(g_gate, g_mag * scale * at.u, g_mag));
}
