/**
 * Host weights <-> packed buffers. Rows are padded to whole vec4s on the way in and cut on the way out; per-latent vectors
 * become the components of a vec4 whose w is the owning run.
 */

import { readFloats, write } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import { ARCHITECTURES } from './architectures';
import type { Layout } from './layout';
import type { SaeWeights } from './weights';

/** Buffers that hold a run's parameters. */
export interface ParameterBuffers {
  wEnc: GPUBuffer;
  wDec: GPUBuffer;
  latents: GPUBuffer;
  bias: GPUBuffer;
}

/** `[rows, d]` -> `[rows, 4·ceil(d/4)]`, zero-padded. */
export function padRows(values: Float32Array, d: number): Float32Array {
  const stride = Math.ceil(d / 4) * 4;
  if (stride === d) return values;
  const rows = values.length / d;
  const out = new Float32Array(rows * stride);
  for (let i = 0; i < rows; i++) out.set(values.subarray(i * d, (i + 1) * d), i * stride);
  return out;
}

/** The inverse of padRows. */
export function cutRows(values: Float32Array, d: number): Float32Array {
  const stride = Math.ceil(d / 4) * 4;
  if (stride === d) return values;
  const rows = values.length / stride;
  const out = new Float32Array(rows * d);
  for (let i = 0; i < rows; i++) out.set(values.subarray(i * stride, i * stride + d), i * d);
  return out;
}

/** @throws Error when a size does not match the layout's run. */
export function uploadRun(gpu: Gpu, buffers: ParameterBuffers, layout: Layout, r: number, weights: SaeWeights): void {
  const run = layout.runs[r];
  if (!run) throw new Error(`no run ${r}`);
  const { vectors } = ARCHITECTURES[run.arch];
  if (weights.arch !== run.arch || weights.dIn !== layout.d || weights.dSae !== run.width) {
    throw new Error(`weights are ${weights.arch} [${weights.dSae}, ${weights.dIn}]; run ${r} is ${run.arch} [${run.width}, ${layout.d}]`);
  }
  const row = layout.quads * 16;
  write(gpu, buffers.wEnc, run.first * row, padRows(weights.wEnc, layout.d));
  write(gpu, buffers.wDec, run.first * row, padRows(weights.wDec, layout.d));
  write(gpu, buffers.bias, r * row, padRows(weights.bDec, layout.d));
  const packed = new Float32Array(run.width * 4);
  vectors.forEach((name, component) => {
    const values = weights.vectors[name];
    if (!values || values.length !== run.width) throw new Error(`${run.arch} weights need ${name} [${run.width}]`);
    for (let i = 0; i < run.width; i++) packed[i * 4 + component] = values[i] as number;
  });
  for (let i = 0; i < run.width; i++) packed[i * 4 + 3] = r;
  write(gpu, buffers.latents, run.first * 16, packed);
}

export async function downloadRun(gpu: Gpu, buffers: ParameterBuffers, layout: Layout, r: number): Promise<SaeWeights> {
  const run = layout.runs[r];
  if (!run) throw new Error(`no run ${r}`);
  const stride = layout.quads * 4;
  const [wEnc, wDec, bDec, latents] = await Promise.all([
    readFloats(gpu, buffers.wEnc, run.first * stride, run.width * stride),
    readFloats(gpu, buffers.wDec, run.first * stride, run.width * stride),
    readFloats(gpu, buffers.bias, r * stride, stride),
    readFloats(gpu, buffers.latents, run.first * 4, run.width * 4),
  ]);
  const vectors = Object.fromEntries(
    ARCHITECTURES[run.arch].vectors.map((name, component) => [
      name,
      Float32Array.from({ length: run.width }, (_, i) => latents[i * 4 + component] as number),
    ]),
  );
  return {
    arch: run.arch,
    dIn: layout.d,
    dSae: run.width,
    wEnc: cutRows(wEnc, layout.d),
    wDec: cutRows(wDec, layout.d),
    bDec: cutRows(bDec, layout.d),
    vectors,
  };
}
