// The formulas of each architecture: what a pre-activation becomes, and how the loss reaches it. One pair of cases an
// architecture; float64 twin in src/reference/sae.ts; codes from src/sae/architectures.ts.

const BASELINE = 0u;
const GATED = 1u;

struct Activation {
  f : f32,    // what the decoder sees
  gate : f32, // what the L1 term and the auxiliary decoder see; > 0 exactly on the active set
}

// Eq. 2: f = ReLU(u + b_enc).
// Eq. 6–7: pi = u + b_gate, f = 1[pi > 0]·ReLU(e^{r_mag} u + b_mag), gate = ReLU(pi); strict >.
fn activate(arch : u32, u : f32, latent : Latent) -> Activation {
  let gate = max(u + latent.x, 0.0);
  if (arch == BASELINE) {
    return Activation(gate, gate);
  }
  let magnitude = max(exp(latent.y) * u + latent.z, 0.0);
  return Activation(select(0.0, magnitude, gate > 0.0), gate);
}

// Membership of the active set, without the cost of the magnitudes; gate_bias = Latent.x.
fn is_active(u : f32, gate_bias : f32) -> bool {
  return u + gate_bias > 0.0;
}

fn has_aux(arch : u32) -> bool {
  return arch == GATED;
}

struct Pull {
  u : f32,               // dL/du
  vectors : vec3<f32>,   // dL/d(vectors), in the order of Latent.xyz
}

// Gradient of one row's loss for an active latent (gate > 0).
// we = <e, W_dec row>, wa = <e_aux, W_dec row>; docs/maths.md, "Gradients".
fn pull(arch : u32, u : f32, latent : Latent, f : f32, we : f32, wa : f32, lambda : f32) -> Pull {
  if (arch == BASELINE) {
    let g = 2.0 * we + lambda;
    return Pull(g, vec3(g, 0.0, 0.0));
  }
  let scale = exp(latent.y);
  let g_mag = select(0.0, 2.0 * we, f > 0.0);
  let g_gate = 2.0 * wa + lambda;
  return Pull(g_gate + scale * g_mag, vec3(g_gate, g_mag * scale * u, g_mag));
}
