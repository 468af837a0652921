/** Reads fixture files of tests: safetensors by a deliberately naive reader of its own, JSON. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const fixturePath = (path: string): string => fileURLToPath(new URL(`./fixtures/${path}`, import.meta.url));

export const readJson = <T>(path: string): T => JSON.parse(readFileSync(fixturePath(path), 'utf8')) as T;

/** f32 tensors of a safetensors file, by name. */
export function readF32(path: string): Record<string, { shape: number[]; data: Float32Array }> {
  const file = readFileSync(fixturePath(path));
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + length).toString()) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const out: Record<string, { shape: number[]; data: Float32Array }> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (entry.dtype !== 'F32') continue;
    const [from, to] = entry.data_offsets;
    out[name] = { shape: entry.shape, data: new Float32Array(Uint8Array.from(file.subarray(8 + length + from, 8 + length + to)).buffer) };
  }
  return out;
}
