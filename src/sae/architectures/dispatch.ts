/** WGSL made of the table: the architectures' functions, and what calls the one of a run. */
import { type Architecture, type ArchitectureId, architectures, REFERENCE, SUBJECT } from './index';

/**
 * Texts of the architectures, then `activate`, `touched`, `touched_four`, `backward`, `has_aux`, … by code. Only those of a sweep go in, so that a
 * kernel does not grow with the table, and always the two that the lab is about: sweeps of one or both share their compiled kernels.
 */
export function dispatch(present: Iterable<ArchitectureId> = []): string {
  const wanted = new Set([SUBJECT, REFERENCE, ...present]);
  const table = architectures().filter(({ id }) => wanted.has(id));
  const choose = (call: (id: string) => string) =>
    table.map(({ id, code }, i) => `    ${i === table.length - 1 ? 'default' : `case ${code}u`}: { return ${call(id)}; }`).join('\n');
  const any = (holds: (entry: Architecture) => boolean) =>
    table
      .filter(holds)
      .map(({ code }) => `arch == ${code}u`)
      .join(' || ') || 'false';
  const four = (id: string) => [...'xyzw'].map((lane, k) => `${id}_touched(run, u.${lane}, latents[${k}])`).join(', ');
  return `
${table.map(({ wgsl }) => wgsl).join('\n')}
fn activate(run : Run, u : f32, latent : Latent) -> Activation {
  switch run.arch {
${choose((id) => `${id}_activate(run, u, latent)`)}
  }
}

// Whether a gradient can reach anything through this (row, latent).
fn touched(run : Run, u : f32, latent : Latent) -> bool {
  switch run.arch {
${choose((id) => `${id}_touched(run, u, latent)`)}
  }
}

// The same for four latents on one row.
fn touched_four(run : Run, u : vec4<f32>, latents : mat4x4<f32>) -> vec4<bool> {
  switch run.arch {
${choose((id) => `vec4(${four(id)})`)}
  }
}

// Gradient of one row's loss for a touched latent. we = <e, W_dec row>, wa = <e_aux, W_dec row>; docs/maths.md, "Gradients".
fn backward(run : Run, u : f32, latent : Latent, f : f32, we : f32, wa : f32) -> Backward {
  switch run.arch {
${choose((id) => `${id}_backward(run, u, latent, f, we, wa)`)}
  }
}

fn has_aux(arch : u32) -> bool {
  return ${any(({ hasAux }) => hasAux)};
}

fn fires_where_touched(arch : u32) -> bool {
  return ${any(({ firesWhereTouched }) => firesWhereTouched)};
}

// Whether decoder rows are held at norm 1: their gradient loses its component along the row, and a step ends with dividing by the norm.
fn has_unit_decoder(arch : u32) -> bool {
  return ${any(({ decoder }) => decoder === 'unit')};
}
`;
}
