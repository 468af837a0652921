/** The training cases of tests/fixtures/train2 as they lie there. What of the lab each one is: `src/lab/parity/arms.ts`. */
import { readdirSync } from 'node:fs';
import { type Arm, armOf, clipOf } from '../../../src/lab/parity/arms';
import type { ExpectedTraining } from '../../../src/lab/parity/expected';
import { fixturePath, readF32, readJson } from '../../fixtures';

export interface Train2Case extends Arm {
  expected: ExpectedTraining;
  clip: number;
  /** File `name` of the case: tensors in f32, W_enc and W_mag as they are stored, `[D, F]`. */
  tensors(name: string): Record<string, Float32Array>;
}

/** Names of the training cases that are there. */
export const train2Names = (): string[] =>
  readdirSync(fixturePath('train2'), { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
    .filter((name) => !name.startsWith('ito') && !name.startsWith('resample'));

export function train2Case(name: string): Train2Case {
  const expected = readJson<ExpectedTraining>(`train2/${name}/expected.json`);
  const files = new Map<string, Record<string, Float32Array>>();
  const read = (file: string) =>
    Object.fromEntries(Object.entries(readF32(`train2/${name}/${file}.safetensors`)).map(([tensor, { data }]) => [tensor, data]));
  return {
    ...armOf(expected),
    expected,
    clip: clipOf(expected),
    tensors(file) {
      const known = files.get(file) ?? read(file);
      files.set(file, known);
      return known;
    },
  };
}
