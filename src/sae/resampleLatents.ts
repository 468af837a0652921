/** Resampling on the packed buffers: rows, vectors and moments of some latents of a run. Which inputs they take: resample.ts. */
import { readFloats, write } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import { architecture, vectorStarts } from './architectures';
import type { Layout } from './layout';
import { cutRows, eachPart, padRows } from './packing';
import { meanOfAlive, RESAMPLED_LENGTH, resampledRows, rowNorms } from './resample';
import type { PlacedSegment } from './step/context';

/** Rows of W_enc fetched at once, bytes. */
const NORM_BYTES = 16 * 2 ** 20;

/** @param inputs `[latents, d]`. */
export async function resampleLatents(
  gpu: Gpu,
  segments: readonly PlacedSegment[],
  layout: Layout,
  r: number,
  latents: readonly number[],
  inputs: Float32Array,
): Promise<void> {
  const { d, quads, momentum } = layout;
  const run = layout.runs[r];
  if (!run) throw new Error(`no run ${r}`);
  if (inputs.length !== latents.length * d) throw new Error(`${inputs.length} values for ${latents.length} latents of width ${d}`);
  const length = RESAMPLED_LENGTH * (await meanLength(gpu, segments, layout, r, latents));
  const row = quads * 16;
  const entry = architecture(run.arch);
  const starts = vectorStarts(entry, run.options);
  const start = Float32Array.from([0, 1, 2], (i) => starts[entry.vectors[i]?.name ?? ''] ?? 0);
  const planes = momentum ? [1, 2] : [1];
  eachPart(layout, segments, r, ({ count, buffers }, at, width, from) => {
    latents.forEach((latent, n) => {
      if (latent < from || latent >= from + width) return;
      const i = at + latent - from;
      const { enc, dec } = resampledRows(inputs.subarray(n * d, (n + 1) * d), length);
      const none = new Float32Array(quads * 4);
      // A second encoder matrix takes the same row.
      const rows = [
        { buffer: buffers.w_enc, at: i, values: enc },
        { buffer: buffers.w_dec, at: i, values: dec },
        ...(run.mate > 0 ? [{ buffer: buffers.w_enc, at: i + run.mate, values: enc }] : []),
      ];
      for (const { buffer, at: place, values } of rows) {
        write(gpu, buffer, place * row, padRows(values, d));
        for (const plane of planes) write(gpu, buffer, (plane * count + place) * row, none);
      }
      // The owner, and c beside the second moments, stay.
      write(gpu, buffers.latent_params, i * 16, start);
      for (const plane of momentum ? [1, 3] : [1]) write(gpu, buffers.latent_params, (plane * count + i) * 16, new Float32Array(3));
    });
  });
}

/** Mean norm of the encoder rows of the latents that are alive. */
async function meanLength(
  gpu: Gpu,
  segments: readonly PlacedSegment[],
  layout: Layout,
  r: number,
  dead: readonly number[],
): Promise<number> {
  const { d, quads } = layout;
  const parts: { segment: PlacedSegment; at: number; count: number; from: number }[] = [];
  const most = Math.max(1, Math.floor(NORM_BYTES / (quads * 16)));
  eachPart(layout, segments, r, (segment, at, count, from) => {
    for (let i = 0; i < count; i += most) parts.push({ segment, at: at + i, count: Math.min(most, count - i), from: from + i });
  });
  const width = layout.runs[r]?.width ?? 0;
  const norms = new Float64Array(width);
  for (const { segment, at, count, from } of parts) {
    const rows = cutRows(await readFloats(gpu, segment.buffers.w_enc, at * quads * 4, count * quads * 4), d);
    rowNorms(rows, d).forEach((norm, i) => {
      norms[from + i] = norm;
    });
  }
  return meanOfAlive(norms, dead);
}
