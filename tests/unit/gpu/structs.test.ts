/** Uniform structs and constants: what the host packs against what each WGSL file declares, field by field. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { IngestParams } from '../../../src/data/pool/pool';
import { declaredBindings } from '../../../src/gpu/kernel';
import { MATMUL_VARIANTS } from '../../../src/gpu/matmul';
import { type Struct, struct } from '../../../src/gpu/struct';
import { LM_SHADERS } from '../../../src/lm/kernels';
import { DENSE_PARAMS, type DenseKernelName, denseKernelText } from '../../../src/sae/denseKernels';
import { denseEncodeSource, ENCODE_PARAMS, encodeSource } from '../../../src/sae/encoder';
import { MAX_RUNS, PARAMS, RUN, type SaeKernelName, STATS, saeKernelText } from '../../../src/sae/kernels';
import { LATENT_GROUP } from '../../../src/sae/layout';

const wgsl = (path: string) => readFileSync(`shaders/${path}.wgsl`, 'utf8').replace(/\/\/[^\n]*/g, '');

/** [name, type] of a struct's members, in order. */
function members(code: string, name: string): [string, string][] {
  const body = new RegExp(`struct ${name}\\s*\\{([^}]*)\\}`).exec(code)?.[1];
  if (body === undefined) throw new Error(`no struct ${name}`);
  return body
    .split(',')
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => {
      const match = /^(\w+)\s*:\s*(\S+)$/.exec(line);
      if (!match) throw new Error(`struct ${name}: cannot read "${line}"`);
      return [match[1] as string, match[2] as string];
    });
}
const fields = (type: Struct) => Object.entries(type.fields);
const constant = (code: string, name: string) => Number(new RegExp(`const ${name}\\s*=\\s*(\\d+)u?;`).exec(code)?.[1]);
const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const fileOf = (name: string) => snake(name.endsWith('Subgroup') ? `processor/${name.replace('Subgroup', '')}` : name);

describe('Params', () => {
  it.each(Object.entries(PARAMS))('sae %s', (name, type) => {
    expect(fields(type)).toEqual(members(wgsl(`sae/${fileOf(name)}`), 'Params'));
  });

  it.each(Object.entries(DENSE_PARAMS))('sae, dense form: %s', (name, type) => {
    expect(fields(type)).toEqual(members(wgsl(`sae/dense/${snake(name)}`), 'Params'));
  });

  it.each([
    ['encode', ENCODE_PARAMS.encode],
    ['dense/encode', ENCODE_PARAMS.dense],
  ] as const)('sae %s, an epilogue of the matmul core', (name, type) => {
    expect(fields(type)).toEqual(members(wgsl(`sae/${name}`), 'Params'));
  });

  it.each(Object.entries(LM_SHADERS))('lm %s', (name, { params, code }) => {
    expect(fields(params)).toEqual(members(wgsl(`lm/${name}`), 'Params'));
    expect(code).toContain('struct Params');
  });

  it('ingest', () => {
    expect(fields(IngestParams)).toEqual(members(wgsl('data/ingest'), 'Params'));
  });

  it('covers every kernel there is', () => {
    const files = (folder: string) =>
      readdirSync(`shaders/${folder}`)
        .filter((file) => file.endsWith('.wgsl'))
        .map((file) => file.replace('.wgsl', ''));
    const shared = ['adam', 'common', 'encode', 'encode_x16', 'encode_x32', 'latent', 'row'];
    const own = Object.keys(PARAMS).filter((name) => !name.endsWith('Subgroup'));
    expect([...own.map(snake), ...shared].sort()).toEqual(files('sae').sort());
    expect(files('sae/processor').sort()).toEqual(['decode', 'latent_update', 'registers']);
    expect([...Object.keys(DENSE_PARAMS).map(snake), 'encode'].sort()).toEqual(files('sae/dense').sort());
    expect(Object.keys(LM_SHADERS).sort()).toEqual(files('lm').sort());
    expect(files('data')).toEqual(['ingest']);
  });
});

describe('the sweep’s shared declarations', () => {
  it('RUN is Run, 80 bytes, the table of MAX_RUNS within a uniform binding', () => {
    expect(fields(RUN)).toEqual(members(wgsl('sae/common'), 'Run'));
    expect(RUN.size).toBe(80);
    expect(MAX_RUNS * RUN.size).toBeLessThanOrEqual(65536);
  });

  it('constants', () => {
    const common = wgsl('sae/common');
    expect({ MAX_RUNS, STATS }).toEqual({ MAX_RUNS: constant(common, 'MAX_RUNS'), STATS: constant(common, 'STATS') });
    // A workgroup of the kernels that update latents, and what it leaves in `shares`.
    for (const name of ['latent', 'grad_b_dec_encoder']) expect(constant(wgsl(`sae/${name}`), 'GROUP'), name).toBe(LATENT_GROUP);
    // All form u in the same order, so that they agree on f to the bit.
    for (const name of ['decode', 'latent_update', 'fire_count', 'processor/registers'])
      expect(constant(wgsl(`sae/${name}`), 'LANES'), name).toBe(8);
  });

  const texts: [string, string][] = [
    ...Object.keys(PARAMS).map((name) => [name, saeKernelText(name as SaeKernelName)] as [string, string]),
    ...Object.keys(DENSE_PARAMS).map((name) => [`dense ${name}`, denseKernelText(name as DenseKernelName)] as [string, string]),
    ...MATMUL_VARIANTS.flatMap((variant) =>
      [encodeSource(variant, false), encodeSource(variant, true), denseEncodeSource(variant)].map(
        ({ name, code }) => [name, code] as [string, string],
      ),
    ),
  ];
  it.each(texts)('%s binds at most 8 storage buffers, WebGPU’s default, numbered without gaps', (_, text) => {
    const slots = declaredBindings(text);
    expect(slots.filter(({ access }) => access !== 'uniform').length).toBeLessThanOrEqual(8);
    expect(slots.map(({ binding }) => binding).sort((a, b) => a - b)).toEqual([...slots.keys()]);
    expect(new Set(slots.map(({ name }) => name)).size).toBe(slots.length);
  });
});

describe('struct', () => {
  it('packs in order, little-endian, padded to 16 bytes, each type as itself', () => {
    const type = struct({ a: 'u32', b: 'i32', c: 'f32', d: 'u32', e: 'f32' });
    expect(type.size).toBe(32);
    const view = new DataView(type.pack({ a: 4294967295, b: -2, c: 0.5, d: 7, e: -1.5 }));
    expect([
      view.getUint32(0, true),
      view.getInt32(4, true),
      view.getFloat32(8, true),
      view.getUint32(12, true),
      view.getFloat32(16, true),
    ]).toEqual([4294967295, -2, 0.5, 7, -1.5]);
    const table = new ArrayBuffer(64);
    type.packInto(table, 32, { a: 1, b: 2, c: 3, d: 4, e: 5 });
    expect([...new Uint32Array(table, 0, 8)]).toEqual(new Array(8).fill(0));
    expect(new Float32Array(table)[12]).toBe(5);
  });
});
