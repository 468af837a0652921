/** A fixture's tensors (SAELens' names and orientation) as the trainer's weights, and back. */
import { architecture, vectorStarts } from '../../sae/architectures';
import type { SaeWeights } from '../../sae/weights';
import type { Arm } from './arms';
import type { Tensor, Tensors } from './findings';

/** `[rows, columns]` -> `[columns, rows]`. */
export const transpose = (a: ArrayLike<number>, rows: number, columns: number): Float32Array =>
  Float32Array.from({ length: rows * columns }, (_, i) => a[(i % rows) * columns + Math.floor(i / rows)] as number);

/** Vectors that a fixture leaves out have their value at the start. @throws Error naming a tensor that is missing or that the architecture has no place for. */
export function weightsOf({ arch, options }: Arm, { d_in, d_sae }: { d_in: number; d_sae: number }, tensors: Tensors): SaeWeights {
  const entry = architecture(arch);
  const { vectors } = entry;
  const starts = vectorStarts(entry, options);
  const get = (name: string): Float32Array => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`init.safetensors has no ${name}`);
    return tensor.data as Float32Array;
  };
  return {
    arch,
    ...(Object.keys(options).length > 0 && { options }),
    dIn: d_in,
    dSae: d_sae,
    wEnc: transpose(get('W_enc'), d_in, d_sae),
    wDec: get('W_dec'),
    bDec: get('b_dec'),
    ...(tensors.has('W_mag') && { wSecond: transpose(get('W_mag'), d_in, d_sae) }),
    // Where its logarithm learns, that is what is kept.
    vectors: Object.fromEntries(
      vectors.map(({ name }) => {
        const given = [`log_${name}`, name].find((one) => tensors.has(one));
        return [name, given === undefined ? new Float32Array(d_sae).fill(starts[name] as number) : get(given)];
      }),
    ),
  };
}

/** Those of the given tensors that the weights have. */
export function tensorsOf(weights: SaeWeights, names: readonly string[]): Tensors {
  const { dIn, dSae, wEnc, wSecond, wDec, bDec, vectors } = weights;
  const of = (name: string, asKept = false): Tensor | undefined => {
    if (name === 'W_enc') return { shape: [dIn, dSae], data: transpose(wEnc, dSae, dIn) };
    if (name === 'W_mag') return wSecond && { shape: [dIn, dSae], data: transpose(wSecond, dSae, dIn) };
    if (name === 'W_dec') return { shape: [dSae, dIn], data: wDec };
    if (name === 'b_dec') return { shape: [dIn], data: bDec };
    if (name.startsWith('log_')) return of(name.slice(4), true);
    const kept = vectors[name];
    const data = names.includes(`log_${name}`) && !asKept ? kept?.map(Math.exp) : kept;
    return data && { shape: [dSae], data };
  };
  return new Map(
    names.flatMap((name) => {
      const tensor = of(name);
      return tensor ? [[name, tensor] as const] : [];
    }),
  );
}
