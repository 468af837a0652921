// Penalties of an activation z, 0 where z <= 0 (src/sae/architectures/penalty.ts): kind 0 z, 1 tanh(c z), 2 sqrt(z + c) - sqrt(c),
// 3 log(1 + z/c), 4 z^power. constant 0 stands for the kind's own. PENALTY_TANH and so on: whether any run of the
// sweep has that kind.

fn penalty_constant(kind : f32, constant : f32) -> f32 {
  return select(constant, select(select(0.1, 1e-6, kind < 2.5), 4.0, kind < 1.5), constant == 0.0);
}

// tanh(y) of y >= 0: the built-in may be off by 1e-5 and overflow.
fn penalty_tanh(y : f32) -> f32 {
  let s = y * y;
  let small = y * (1.0 + s * (-0.3333333333 + s * (0.1333333333 + s * (-0.05396825397 + s * 0.02186948854))));
  return select(1.0 - 2.0 / (exp(min(2.0 * y, 40.0)) + 1.0), small, y < 0.25);
}

// log(1 + y) of y >= 0, with the digits of a small y.
fn penalty_log1p(y : f32) -> f32 {
  let small = y * (1.0 + y * (-0.5 + y * (0.3333333333 + y * (-0.25 + y * 0.2))));
  return select(log(1.0 + y), small, y < 0.03125);
}

fn penalty_value(kind : f32, constant : f32, power : f32, z : f32) -> f32 {
  if (!(z > 0.0)) {
    return 0.0;
  }
  let c = penalty_constant(kind, constant);
  var value = z;
  if (PENALTY_TANH && kind == 1.0) {
    value = penalty_tanh(c * z);
  }
  if (PENALTY_SQRT && kind == 2.0) {
    value = z / (sqrt(z + c) + sqrt(c));
  }
  if (PENALTY_LOG && kind == 3.0) {
    value = penalty_log1p(z / c);
  }
  if (PENALTY_P && kind == 4.0) {
    value = exp2(power * log2(z));
  }
  return value;
}

// Its derivative at z > 0. Of z^power, which has no bound at 0, that at 1e-18, below what rounding leaves of a pre-activation: its square
// must stay finite.
fn penalty_slope(kind : f32, constant : f32, power : f32, z : f32) -> f32 {
  let c = penalty_constant(kind, constant);
  var slope = 1.0;
  if (PENALTY_TANH && kind == 1.0) {
    let t = penalty_tanh(c * z);
    slope = c * (1.0 - t) * (1.0 + t);
  }
  if (PENALTY_SQRT && kind == 2.0) {
    slope = 0.5 / sqrt(z + c);
  }
  if (PENALTY_LOG && kind == 3.0) {
    slope = 1.0 / (c + z);
  }
  if (PENALTY_P && kind == 4.0) {
    slope = power * exp2((power - 1.0) * log2(max(z, 1e-18)));
  }
  return slope;
}
