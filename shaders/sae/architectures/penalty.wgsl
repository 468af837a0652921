// Penalties of an activation z, 0 where z <= 0 (src/sae/architectures/penalty.ts): kind 0 z, 1 tanh(c z), 2 sqrt(z + c) - sqrt(c),
// 3 log(1 + z/c), 4 z^power. constant 0 stands for the kind's own.

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
  switch u32(kind) {
    case 0u: { return z; }
    case 1u: { return penalty_tanh(c * z); }
    case 2u: { return z / (sqrt(z + c) + sqrt(c)); }
    case 3u: { return penalty_log1p(z / c); }
    default: { return exp2(power * log2(z)); }
  }
}

// Its derivative at z > 0. Of z^power, which has no bound at 0, that at 1e-18, below what rounding leaves of a pre-activation: its square
// must stay finite.
fn penalty_slope(kind : f32, constant : f32, power : f32, z : f32) -> f32 {
  let c = penalty_constant(kind, constant);
  switch u32(kind) {
    case 0u: { return 1.0; }
    case 1u: {
      let t = penalty_tanh(c * z);
      return c * (1.0 - t) * (1.0 + t);
    }
    case 2u: { return 0.5 / sqrt(z + c); }
    case 3u: { return 1.0 / (c + z); }
    default: { return power * exp2((power - 1.0) * log2(max(z, 1e-18))); }
  }
}
