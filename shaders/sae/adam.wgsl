// The optimiser: v <- beta2 v + (1 - beta2) g²; w <- w - lr·corr1·m / (sqrt(v·corr2) + eps), where m is g itself without first moments.
// With MOMENTUM m <- beta1 m + (1 - beta1) g, and whoever calls keeps it.

override MOMENTUM : bool = false;

struct AdamState {
  w : vec4<f32>,
  v : vec4<f32>,
  m : vec4<f32>,
}

fn adam(run : Run, before : AdamState, g : vec4<f32>) -> AdamState {
  let v = run.beta2 * before.v + (1.0 - run.beta2) * g * g;
  var m = g;
  if (MOMENTUM) {
    m = run.beta1 * before.m + (1.0 - run.beta1) * g;
  }
  return AdamState(before.w - (run.lr * run.correction1) * m / (sqrt(v * run.correction2) + run.eps), v, m);
}
