/** The lists of dispatches: in the order of docs/architecture.md's tables, with every parameter that the WGSL declares. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Arena } from '../../../src/gpu/buffers';
import type { Gpu } from '../../../src/gpu/device';
import { DEFAULT_MATMUL } from '../../../src/gpu/matmul';
import { paramsOf } from '../../../src/gpu/shaders';
import { type LayoutLimits, layoutOf, type StepForm } from '../../../src/sae/layout';
import { type SegmentBuffers, type SharedBuffers, segmentBytes, sharedBytes } from '../../../src/sae/memory';
import { StepContext } from '../../../src/sae/step/context';
import { evaluateStep } from '../../../src/sae/step/evaluate';
import { trainStep } from '../../../src/sae/step/train';

const buffer = {} as GPUBuffer;
const named = <T>(sizes: object) => Object.fromEntries(Object.keys(sizes).map((name) => [name, buffer])) as T;
const arena = { upload: () => buffer, indirect: () => buffer } as unknown as Arena;

interface Of {
  form?: StepForm;
  halfX?: boolean;
  limits?: Partial<LayoutLimits>;
}

function contextOf({ form = 'auto', halfX = false, limits = {} }: Of = {}): StepContext {
  const layout = layoutOf(
    13,
    37,
    [
      { arch: 'gated', width: 33 },
      { arch: 'baseline', width: 70 },
    ],
    { maxStorageBufferBindingSize: 2 ** 27, flopsPerMs: 1e9, ...limits },
    { form },
  );
  const segments = layout.segments.map((segment) => ({
    ...segment,
    buffers: { ...named<SegmentBuffers>(segmentBytes(layout, segment)), runs: buffer },
  }));
  return new StepContext({} as Gpu, arena, layout, named<SharedBuffers>(sharedBytes(layout)), segments, halfX, DEFAULT_MATMUL);
}
const steps = (of: Of = {}) => trainStep(contextOf(of), { pool: buffer, scale: 1, form: of.form ?? 'auto' });
const names = (list: { kernel: string }[]) => list.map(({ kernel }) => kernel.replace('sae/', '').replace(/_x(16|32)$/, ''));

/** Kernels of a table of the document, by its rows' names. */
function table(from: RegExp): Record<string, string[]> {
  const text = readFileSync('docs/architecture.md', 'utf8');
  const lines = text.slice(text.search(from)).split('\n').slice(2);
  const rows = lines.slice(0, lines.indexOf('')).map((line) => line.split('|').map((cell) => cell.trim()));
  return Object.fromEntries(
    rows.map(([, name, kernels = '']) => {
      const own = [...kernels.matchAll(/`(\w+)`(, twice)?/g)].flatMap(([, kernel, twice]) => (twice ? [kernel, kernel] : [kernel]));
      return [name as string, own as string[]];
    }),
  );
}
const SPARSE = table(/^\| \| kernel \(`shaders\/sae\/`\)/m);
const DENSE = table(/^\| \| kernel \(`shaders\/sae\/dense\/`\)/m);
const dense = (...rows: string[]) => rows.flatMap((row) => (DENSE[row] as string[]).map((kernel) => `dense/${kernel}`));
const sparse = (...rows: number[]) => rows.flatMap((row) => SPARSE[row] as string[]);

describe('a training step is the document’s table', () => {
  it('sparse', () => expect(names(steps({ form: 'sparse' }))).toEqual(sparse(1, 2, 3, 5, 6, 7, 8, 9, 10)));

  it('dense', () =>
    expect(names(steps({ form: 'dense' }))).toEqual([
      ...sparse(1, 2),
      ...dense('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      ...sparse(6, 7),
      ...dense('i', 'j'),
      ...sparse(10),
    ]));

  it('either, as the GPU finds: the dense dispatches are those that take their size from it', () => {
    const list = steps();
    expect(names(list)).toEqual([
      ...sparse(1, 2, 3, 4, 5),
      ...dense('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      ...sparse(6, 7),
      ...dense('i', 'j'),
      ...sparse(8, 9, 10),
    ]);
    const indirect = list.filter(({ at }) => at !== undefined);
    expect(indirect.map(({ kernel }) => kernel)).toEqual(
      list.map(({ kernel }) => kernel).filter((kernel) => kernel.startsWith('sae/dense/')),
    );
    expect(indirect.map(({ at }) => at?.offset)).toEqual(indirect.map((_, i) => 12 * i));
  });

  it('on a processor passes 5 and 8 are other kernels; in segments the passes over latents come once for each', () => {
    expect(names(steps({ form: 'sparse', limits: { registers: true } }))).toEqual(
      sparse(1, 2, 3, 5, 6, 7, 8, 9, 10).map((kernel) => (['decode', 'latent_update'].includes(kernel) ? `processor/${kernel}` : kernel)),
    );
    const cut = steps({ form: 'sparse', limits: { maxStorageBufferBindingSize: 64 * 2 * 4 * 16 } });
    const perSegment = ['correction', 'encode', 'decode', 'latent_update', 'grad_b_dec_encoder'];
    expect(names(cut)).toEqual(
      sparse(1, 2, 3, 5, 6, 7, 8, 9, 10).flatMap((kernel) => (perSegment.includes(kernel) ? [kernel, kernel] : [kernel])),
    );
  });
});

it('an evaluation is passes 2, 3, 5 and 6 between its own', () => {
  const c = contextOf({ form: 'sparse' });
  expect(names(evaluateStep(c, { raw: buffer, pivot: buffer, moments: buffer }, 0, 5, 1))).toEqual([
    'center',
    ...sparse(2, 3, 5, 6),
    'fire_count',
    'column_moments',
  ]);
});

describe('a dispatch', () => {
  const valuesOf = (params: ArrayBuffer, kernel: Parameters<typeof paramsOf>[0]) => {
    const view = new DataView(params);
    return Object.fromEntries(
      paramsOf(kernel).members.map(({ name, type, offset }) => [
        name,
        type === 'f32' ? view.getFloat32(offset, true) : view.getUint32(offset, true),
      ]),
    );
  };

  it('has sizes by name, and of a segment its own', () => {
    const c = contextOf({ form: 'sparse', limits: { maxStorageBufferBindingSize: 64 * 2 * 4 * 16 } });
    const [first, last] = c.segments.map((segment) => c.dispatch('sae/decode', [1], { from_row: 7 }, { segment }).params);
    const shared = { batch: 37, quads: 4, runs: 2, from_row: 7, width: 32 };
    expect(valuesOf(first as ArrayBuffer, 'sae/decode')).toEqual({ ...shared, latents: 64, first: 1, last: 0 });
    expect(valuesOf(last as ArrayBuffer, 'sae/decode')).toEqual({ ...shared, latents: 48, first: 0, last: 1 });
  });

  it('tells a parameter without a value, a value without a parameter, and a buffer that is not there', () => {
    const c = contextOf();
    const pool = { bind: { pool: buffer } };
    expect(() => c.dispatch('sae/gather', [1], {} as { scale: number }, pool)).toThrow('sae/gather: no value for scale');
    expect(() => c.dispatch('sae/gather', [1], { scale: 1, rows: 3 } as { scale: number }, pool)).toThrow('sae/gather has no rows');
    expect(() => c.dispatch('sae/gather', [1], { scale: 1, TILE: 3 }, pool)).toThrow('sae/gather has no TILE');
    expect(() => c.dispatch('sae/gather', [1], { scale: 1 })).toThrow('sae/gather: there is no buffer pool');
    expect(() => c.dispatch('sae/count', [1], {}, pool)).toThrow('sae/count binds no pool (but runs, active_set, counts)');
    expect(Object.keys(c.dispatch('sae/gather', [1], { scale: 1 }, pool).buffers)).toEqual(['pool', 'slots', 'mean', 'x', 'x_half']);
  });
});
