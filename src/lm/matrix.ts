/** Weights on the GPU: a matrix is cut by rows where it exceeds the size of a binding. */
import type { Arena } from '../gpu/buffers';
import type { Store } from './weights';

export interface MatrixPart {
  buffer: GPUBuffer;
  /** First row of the matrix that this buffer holds, and how many. */
  first: number;
  rows: number;
}

/** f32 [rows, cols], row after row over one or more buffers. */
export interface GpuMatrix {
  rows: number;
  cols: number;
  parts: MatrixPart[];
}

export type GpuStore = Store<GpuMatrix, GPUBuffer>;

/**
 * Uploads weights into an arena.
 * @param limit bytes that one buffer may have (the device's maxStorageBufferBindingSize).
 * @param split bytes at which matrices are cut; `limit` outside tests.
 * @throws Error when a vector or a single row exceeds the limit.
 */
export function gpuStore(arena: Arena, limit: number, split = limit): GpuStore {
  return {
    matrix(label, data, rows, cols) {
      const step = Math.min(rows, Math.floor(split / (cols * 4)));
      if (step < 1)
        throw new Error(
          `${label}: one row takes ${cols * 4} bytes; this device binds at most ${limit} at once (maxStorageBufferBindingSize).`,
        );
      const parts: MatrixPart[] = [];
      for (let first = 0; first < rows; first += step) {
        const count = Math.min(step, rows - first);
        const buffer = arena.upload(step < rows ? `${label}[${first}]` : label, data.subarray(first * cols, (first + count) * cols));
        parts.push({ buffer, first, rows: count });
      }
      return { rows, cols, parts };
    },
    vector(label, data) {
      if (data.byteLength > limit)
        throw new Error(
          `${label} takes ${data.byteLength} bytes; this device binds at most ${limit} at once (maxStorageBufferBindingSize).`,
        );
      return arena.upload(label, data);
    },
  };
}
