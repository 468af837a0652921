/**
 * Host weights <-> packed buffers. Rows are padded to whole vec4s on the way in and cut on the way out; per-latent vectors
 * become the components of a vec4 whose w is the owning run.
 */

import { readFloats, write } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import { architecture } from './architectures';
import { clip, type Layout } from './layout';
import type { PlacedSegment } from './step/context';
import type { SaeWeights } from './weights';

/** Buffers that hold the runs' parameters. */
export interface ParameterBuffers {
  segments: readonly PlacedSegment[];
  bias: GPUBuffer;
}

/** The owner of every latent that is padding; the rest of it stays zero. That it is padding the kernels see from the run's width. */
export function uploadPadding(gpu: Gpu, segments: readonly PlacedSegment[], layout: Layout): void {
  layout.runs.forEach((run, r) => {
    const next = layout.runs[r + 1]?.first ?? layout.latents;
    const isLatent = (i: number) => run.mate > 0 && i >= run.first + run.mate && i < run.first + run.mate + run.width;
    for (let i = run.first + run.width; i < next; i++) {
      if (isLatent(i)) continue;
      const segment = segments.find(({ from, count }) => i >= from && i < from + count);
      if (segment) write(gpu, segment.buffers.latent_params, (i - segment.from) * 16, Float32Array.of(0, 0, 0, r));
    }
  });
}

/** Calls `visit` for each segment that holds latents of run r: places in the segment, and in the run's own arrays. */
export function eachPart(
  layout: Layout,
  segments: readonly PlacedSegment[],
  r: number,
  visit: (segment: PlacedSegment, at: number, count: number, from: number) => void,
): void {
  const run = layout.runs[r];
  if (!run) throw new Error(`no run ${r}`);
  for (const segment of segments) {
    const { first, width } = clip(run, segment);
    if (width > 0) visit(segment, first, width, segment.from + first - run.first);
  }
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
  const { vectors } = architecture(run.arch);
  if (run.mate > 0 !== (weights.wSecond !== undefined))
    throw new Error(`run ${r}, ${run.arch}, ${run.mate > 0 ? 'needs' : 'has no'} second encoder matrix`);
  if (weights.arch !== run.arch || weights.dIn !== layout.d || weights.dSae !== run.width) {
    throw new Error(`weights are ${weights.arch} [${weights.dSae}, ${weights.dIn}]; run ${r} is ${run.arch} [${run.width}, ${layout.d}]`);
  }
  const packed = new Float32Array(run.width * 4);
  vectors.forEach(({ name }, component) => {
    const values = weights.vectors[name];
    if (!values || values.length !== run.width) throw new Error(`${run.arch} weights need ${name} [${run.width}]`);
    for (let i = 0; i < run.width; i++) packed[i * 4 + component] = values[i] as number;
  });
  for (let i = 0; i < run.width; i++) packed[i * 4 + 3] = r;
  const { d } = layout;
  const row = layout.quads * 16;
  eachPart(layout, buffers.segments, r, (segment, at, count, from) => {
    write(gpu, segment.buffers.w_enc, at * row, padRows(weights.wEnc.subarray(from * d, (from + count) * d), d));
    write(gpu, segment.buffers.w_dec, at * row, padRows(weights.wDec.subarray(from * d, (from + count) * d), d));
    write(gpu, segment.buffers.latent_params, at * 16, packed.subarray(from * 4, (from + count) * 4));
    if (weights.wSecond) {
      write(gpu, segment.buffers.w_enc, (at + run.mate) * row, padRows(weights.wSecond.subarray(from * d, (from + count) * d), d));
      const owner = new Float32Array(count * 4).map((_, i) => (i % 4 === 3 ? r : 0));
      write(gpu, segment.buffers.latent_params, (at + run.mate) * 16, owner);
    }
  });
  write(gpu, buffers.bias, r * row, padRows(weights.bDec, d));
}

export async function downloadRun(gpu: Gpu, buffers: ParameterBuffers, layout: Layout, r: number): Promise<SaeWeights> {
  const run = layout.runs[r];
  if (!run) throw new Error(`no run ${r}`);
  const { d, quads } = layout;
  const stride = quads * 4;
  const wEnc = new Float32Array(run.width * d);
  const wDec = new Float32Array(run.width * d);
  const latents = new Float32Array(run.width * 4);
  const wSecond = run.mate > 0 ? new Float32Array(run.width * d) : undefined;
  const reads: Promise<void>[] = [];
  const read = async (buffer: GPUBuffer, first: number, count: number, into: Float32Array, at: number) => {
    const values = await readFloats(gpu, buffer, first, count);
    into.set(into === latents ? values : cutRows(values, d), at);
  };
  eachPart(layout, buffers.segments, r, (segment, at, count, from) => {
    reads.push(
      read(segment.buffers.w_enc, at * stride, count * stride, wEnc, from * d),
      read(segment.buffers.w_dec, at * stride, count * stride, wDec, from * d),
      read(segment.buffers.latent_params, at * 4, count * 4, latents, from * 4),
    );
    if (wSecond) reads.push(read(segment.buffers.w_enc, (at + run.mate) * stride, count * stride, wSecond, from * d));
  });
  const [bDec] = await Promise.all([readFloats(gpu, buffers.bias, r * stride, stride), ...reads]);
  const vectors = Object.fromEntries(
    architecture(run.arch).vectors.map(({ name }, component) => [
      name,
      Float32Array.from({ length: run.width }, (_, i) => latents[i * 4 + component] as number),
    ]),
  );
  return { arch: run.arch, dIn: d, dSae: run.width, wEnc, wDec, ...(wSecond && { wSecond }), bDec: cutRows(bDec, d), vectors };
}

/** Rows on which each latent of run r fired since the last call, `[F]`; counting starts anew. */
export async function takeFires(gpu: Gpu, segments: readonly PlacedSegment[], layout: Layout, r: number): Promise<Float32Array> {
  const out = new Float32Array(layout.runs[r]?.width ?? 0);
  const reads: Promise<void>[] = [];
  eachPart(layout, segments, r, (segment, at, count, from) => {
    const first = 2 * segment.count + at;
    reads.push(
      readFloats(gpu, segment.buffers.latent_params, first * 4, count * 4).then((values) => {
        for (let i = 0; i < count; i++) out[from + i] = values[4 * i] as number;
      }),
    );
    const encoder = gpu.device.createCommandEncoder({ label: 'sae.resetFires' });
    encoder.clearBuffer(segment.buffers.latent_params, first * 16, count * 16);
    gpu.queue.submit([encoder.finish()]);
  });
  await Promise.all(reads);
  return out;
}
