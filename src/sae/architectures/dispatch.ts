/** WGSL made of the table: every architecture's functions, and what calls the one of a run. */
import { type Architecture, architectures } from './index';

/** Texts of all architectures, then `activate`, `touched`, `backward` and `has_aux` by code. */
export function dispatch(): string {
  const table = architectures();
  const choose = (call: (id: string) => string) =>
    table.map(({ id, code }, i) => `    ${i === table.length - 1 ? 'default' : `case ${code}u`}: { return ${call(id)}; }`).join('\n');
  const any = (holds: (entry: Architecture) => boolean) =>
    table
      .filter(holds)
      .map(({ code }) => `arch == ${code}u`)
      .join(' || ') || 'false';
  return `
struct Activation {
  f : f32,       // what the decoder sees
  gate : f32,    // what the auxiliary decoder sees
  penalty : f32, // what the sparsity term sums
}

struct Backward {
  u : f32,             // dL/du
  vectors : vec3<f32>, // dL/d(vectors), in the order of Latent.xyz
}

${table.map(({ wgsl }) => wgsl).join('\n')}
fn activate(arch : u32, u : f32, latent : Latent) -> Activation {
  switch arch {
${choose((id) => `${id}_activate(u, latent)`)}
  }
}

// Whether a gradient can reach anything through this (row, latent).
fn touched(arch : u32, u : f32, latent : Latent) -> bool {
  switch arch {
${choose((id) => `${id}_touched(u, latent)`)}
  }
}

// Gradient of one row's loss for a touched latent. we = <e, W_dec row>, wa = <e_aux, W_dec row>; docs/maths.md, "Gradients".
fn backward(u : f32, latent : Latent, f : f32, we : f32, wa : f32, run : Run) -> Backward {
  switch run.arch {
${choose((id) => `${id}_backward(u, latent, f, we, wa, run)`)}
  }
}

fn has_aux(arch : u32) -> bool {
  return ${any(({ hasAux }) => hasAux)};
}

fn fires_where_touched(arch : u32) -> bool {
  return ${any(({ firesWhereTouched }) => firesWhereTouched)};
}
`;
}
