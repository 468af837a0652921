// Baseline SAE, eq. 2: f = ReLU(u + b_enc). latent.x = b_enc. The penalty sees f, times the decoder row's norm where it is weighted.
// options: x kind of the penalty, y its constant, z 1 weighted, 2 and the norm learns from it.

fn baseline_activate(run : Run, at : Point, latent : Latent) -> Activation {
  let f = max(at.u + latent.x, 0.0);
  let seen = f * select(1.0, at.norm, run.options.z > 0.0);
  let kind = run.options.x;
  var extra = 0.0;
  if (PENALTY_P && kind == 4.0) {
    extra = penalty_value(kind, run.options.y, run.next_power, seen);
  }
  return Activation(f, f, penalty_value(kind, run.options.y, run.power, seen), extra);
}

fn baseline_touched(run : Run, u : f32, latent : Latent) -> bool {
  return u + latent.x > 0.0;
}

fn baseline_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  let weight = select(1.0, at.norm, run.options.z > 0.0);
  let slope = run.lambda * penalty_slope(run.options.x, run.options.y, run.power, act.f * weight);
  let g = 2.0 * we + slope * weight;
  return Backward(g, 0.0, select(0.0, slope * act.f, run.options.z > 1.5), vec3(g, 0.0, 0.0));
}
