// JumpReLU SAE: z = u + b_enc, f = ReLU(z)·1[z > theta]; strict >. latent = (b_enc, theta or its logarithm, unused).
// Straight-through by the rectangle K = 1 on (-1/2, 1/2) of width w about theta: df/dtheta = -(ReLU(theta)/w) K((z - theta)/w),
// d1[c > theta]/dtheta = -(1/w) K((c - theta)/w) where c is z or f; with options.y of `more` the same with the other sign to z.
// options: x loss (0 L0, 1 target, 2 frequency, 3 tanh), y c of tanh, z weight of the pre-activation loss, w 1: theta is stored as its logarithm.
// more: x w, y 1: straight-through to z too, z 1: the count compares f, w omega_0.

struct JumpRelu {
  theta : f32,
  z : f32,
  f : f32,
  open : bool,
  compared : f32, // what the count compares with theta
}

// JUMPRELU_LOG: whether any run of the sweep stores a logarithm; JUMPRELU_TANH: whether any has loss 3.
fn jumprelu_theta(run : Run, latent : Latent) -> f32 {
  if (!JUMPRELU_LOG) {
    return latent.y;
  }
  return select(latent.y, exp(latent.y), run.options.w > 0.0);
}

fn jumprelu_at(run : Run, u : f32, latent : Latent) -> JumpRelu {
  let theta = jumprelu_theta(run, latent);
  let z = u + latent.x;
  let open = z > theta && z > 0.0;
  let f = select(0.0, z, open);
  return JumpRelu(theta, z, f, open, select(z, f, run.more.z > 0.0));
}

// Height of the rectangle.
fn jumprelu_edge(run : Run, distance : f32) -> f32 {
  return select(0.0, 1.0 / run.more.x, abs(distance) < 0.5 * run.more.x);
}

fn jumprelu_activate(run : Run, at : Point, latent : Latent) -> Activation {
  let own = jumprelu_at(run, at.u, latent);
  var penalty = select(0.0, 1.0, own.compared > own.theta);
  if (JUMPRELU_TANH && run.options.x > 2.5) {
    penalty = penalty_tanh(run.options.y * own.f * at.norm);
  }
  let extra = select(0.0, max(own.theta - own.z, 0.0) * at.norm, run.options.z > 0.0);
  return Activation(own.f, 0.0, penalty, extra);
}

fn jumprelu_touched(run : Run, u : f32, latent : Latent) -> bool {
  let theta = jumprelu_theta(run, latent);
  let half = 0.5 * run.more.x;
  return run.options.z > 0.0 || u + latent.x > theta - half || (run.more.z > 0.0 && theta < half);
}

fn jumprelu_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  let own = jumprelu_at(run, at.u, latent);
  let edge = jumprelu_edge(run, own.z - own.theta);
  let through = select(0.0, 1.0, run.more.y > 0.0);
  let f_theta = -max(own.theta, 0.0) * edge;
  let f_z = select(0.0, 1.0, own.open) - through * f_theta;
  var p_theta = -jumprelu_edge(run, own.compared - own.theta);
  var p_z = -through * p_theta;
  var p_norm = 0.0;
  if (JUMPRELU_TANH && run.options.x > 2.5) {
    let t = penalty_tanh(run.options.y * own.f * at.norm);
    let bend = run.options.y * (1.0 - t) * (1.0 + t);
    p_theta = bend * at.norm * f_theta;
    p_z = bend * at.norm * f_z;
    p_norm = bend * own.f;
  }
  let below = select(0.0, run.options.z, own.z < own.theta);
  let g = 2.0 * we * f_z + run.lambda * p_z - below * at.norm;
  let chain = select(1.0, own.theta, run.options.w > 0.0);
  let counted = chain * run.lambda * p_theta;
  let others = chain * (2.0 * we * f_theta + below * at.norm);
  let frequency = run.options.x > 1.5 && run.options.x < 2.5;
  let g_theta = select(others + counted, others, frequency);
  return Backward(g, 0.0, run.lambda * p_norm + below * (own.theta - own.z), vec3(g, g_theta, select(0.0, counted, frequency)));
}

// Quadratic frequency loss: the count's share of theta's gradient times 1 + 2 w/omega_0.
fn jumprelu_settle(run : Run, latent : Latent, vectors : vec3<f32>, frequency : f32) -> vec3<f32> {
  return vec3(vectors.x, vectors.y + vectors.z * (1.0 + 2.0 * frequency / run.more.w), 0.0);
}
