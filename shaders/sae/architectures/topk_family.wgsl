// TopK, BatchTopK, Matryoshka: a = ReLU(u + b_enc), of which a selection keeps the largest (the active set). latent.x = b_enc, latent.y = rows since
// the latent last fired, this batch included. A dead latent's activation goes to the auxiliary path, which decodes it to the error (AuxK).
// options: x rows after which a latent is dead. Inference without a selection takes what is above run.threshold.

// What fires is above this.
fn topk_family_floor(run : Run, by_threshold : bool) -> f32 {
  return select(0.0, max(run.threshold, 0.0), by_threshold && is(run, EVALUATES));
}

fn topk_family_activate(run : Run, at : Point, latent : Latent, by_threshold : bool) -> Activation {
  let pre = at.u + latent.x;
  let a = select(0.0, pre, pre > topk_family_floor(run, by_threshold));
  let dead = is(run, AUX) && !is(run, EVALUATES) && latent.y >= run.options.x;
  return Activation(select(a, 0.0, dead), select(0.0, a, dead), 0.0, 0.0);
}

fn topk_family_touched(run : Run, u : f32, latent : Latent, by_threshold : bool) -> bool {
  return u + latent.x > topk_family_floor(run, by_threshold);
}

fn topk_family_backward(act : Activation, we : f32, wa : f32) -> Backward {
  let g = 2.0 * select(we, wa, act.gate > 0.0);
  return Backward(g, 0.0, 0.0, vec3(g, 0.0, 0.0));
}
