/** WGSL made of the table: the architectures' functions, and what calls the one of a run. */
import { type ArchitectureId, allOptions, architectures, type OptionValues, REFERENCE, SUBJECT } from './index';

/** A run, as far as the text of its kernels depends on it. */
export interface PresentRun {
  arch: ArchitectureId;
  options?: OptionValues;
}

/**
 * Texts of the architectures, then `activate`, `touched`, `touched_four`, `backward`, `settle` by code. Only those of a sweep go in, so that a
 * kernel does not grow with the table, and always the two that the lab is about: sweeps of one or both share their compiled kernels. What none of the
 * runs' options uses is left out by constants (`features`).
 */
export function dispatch(present: Iterable<PresentRun> = []): string {
  const runs = [...present];
  const wanted = new Set([SUBJECT, REFERENCE, ...runs.map(({ arch }) => arch)]);
  const table = architectures().filter(({ id }) => wanted.has(id));
  const features = new Map<string, boolean>();
  for (const entry of table) {
    const own = runs.flatMap(({ arch, options }) => (arch === entry.id ? [allOptions(entry, options)] : []));
    for (const [name, holds] of Object.entries(entry.features ?? {})) features.set(name, features.get(name) === true || own.some(holds));
  }
  const choose = (call: (id: string) => string) =>
    table.map(({ id, code }, i) => `    ${i === table.length - 1 ? 'default' : `case ${code}u`}: { return ${call(id)}; }`).join('\n');
  const settling = table.filter(({ id, wgsl }) => wgsl.includes(`fn ${id}_settle(`));
  const shared = [...new Set(table.flatMap(({ needs = [] }) => needs))];
  const four = (id: string) => [...'xyzw'].map((lane, k) => `${id}_touched(run, u.${lane}, latents[${k}])`).join(', ');
  return `
${[...features].map(([name, holds]) => `const ${name} = ${holds};`).join('\n')}
${shared.join('\n')}
${table.map(({ wgsl }) => wgsl).join('\n')}
fn activate(run : Run, at : Point, latent : Latent) -> Activation {
  switch run.arch {
${choose((id) => `${id}_activate(run, at, latent)`)}
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

// Gradient of one row's loss for a touched latent. we = <e, W_dec row>, wa = aux_weight <e_aux, W_dec row>; docs/maths.md, "Gradients".
fn backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  switch run.arch {
${choose((id) => `${id}_backward(run, at, latent, act, we, wa)`)}
  }
}

// Mean gradients of a latent's vectors to final ones, given the share of the batch's rows on which it fired.
fn settle(run : Run, latent : Latent, vectors : vec3<f32>, frequency : f32) -> vec3<f32> {
${settling.length === 0 ? '' : `  switch run.arch {\n${settling.map(({ id, code }) => `    case ${code}u: { return ${id}_settle(run, latent, vectors, frequency); }`).join('\n')}\n    default: { }\n  }\n`}  return vectors;
}
`;
}
