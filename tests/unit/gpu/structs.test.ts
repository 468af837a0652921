/** What is read from the WGSL files: uniform structs, constants, what a kernel needs in front of it. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { declaredBindings } from '../../../src/gpu/kernel';
import { MATMUL_VARIANTS } from '../../../src/gpu/matmul';
import { paramsOf, type ShaderName, shaderText } from '../../../src/gpu/shaders';
import { constantIn, structIn } from '../../../src/gpu/struct';
import { FORM, MAX_RUNS, RUN, STAT, STATS, saeSource } from '../../../src/sae/kernels';
import { LATENT_GROUP } from '../../../src/sae/layout';

const wgsl = (path: string) => readFileSync(`shaders/${path}.wgsl`, 'utf8');
const files = (folder: string): ShaderName[] =>
  readdirSync(`shaders/${folder}`, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? files(`${folder}/${entry.name}`)
      : entry.name.endsWith('.wgsl')
        ? [`${folder}/${entry.name.replace('.wgsl', '')}` as ShaderName]
        : [],
  );
/** Kernels of a folder, and epilogues, by what makes them: an entry point, or `finish` for a core. */
const isEpilogue = (name: ShaderName) => /^fn sizes\(\)/m.test(shaderText(name, { architectures: '' }));
const kernels = (folder: string) =>
  files(folder).filter((name) => /^fn main\(/m.test(wgsl(name)) || (isEpilogue(name) && name !== 'sae/encode'));

describe('a uniform struct', () => {
  const code = `
struct Params { // in order
  a : u32, // a, : u32
  b : i32,
  c : f32,
  d : vec4<f32>,
  e : u32
}`;

  it('is laid out as WGSL does: 4 bytes a scalar, vec4s at multiples of 16, the whole padded to 16', () => {
    const type = structIn<'a' | 'b' | 'c' | 'd' | 'e'>(code, 'Params');
    expect(type.members).toEqual([
      { name: 'a', type: 'u32', offset: 0 },
      { name: 'b', type: 'i32', offset: 4 },
      { name: 'c', type: 'f32', offset: 8 },
      { name: 'd', type: 'vec4<f32>', offset: 16 },
      { name: 'e', type: 'u32', offset: 32 },
    ]);
    expect(type.size).toBe(48);
    const values = { a: 4294967295, b: -2, c: 0.5, d: [1, 2, 3, -4], e: 7 };
    const view = new DataView(type.pack(values));
    expect([view.getUint32(0, true), view.getInt32(4, true), view.getFloat32(8, true), view.getUint32(32, true)]).toEqual([
      4294967295, -2, 0.5, 7,
    ]);
    expect([0, 1, 2, 3].map((k) => view.getFloat32(16 + 4 * k, true))).toEqual([1, 2, 3, -4]);
    const table = new ArrayBuffer(96);
    type.packInto(table, 48, values);
    expect([...new Uint32Array(table, 0, 12)]).toEqual(new Array(12).fill(0));
    expect(new Float32Array(table)[12 + 2]).toBe(0.5);
  });

  it('is given every member and nothing else', () => {
    const type = structIn(code, 'Params');
    const values = { a: 1, b: 2, c: 3, d: [1, 2, 3, 4], e: 5 };
    expect(() => type.pack({ ...values, e: undefined as unknown as number })).toThrow('Params: e : u32 is given undefined');
    expect(() => type.pack({ ...values, d: 1 })).toThrow('Params: d : vec4<f32> is given 1');
    expect(() => type.pack({ ...values, a: [1, 2, 3, 4] })).toThrow('Params: a : u32 is given 1,2,3,4');
    expect(() => type.pack({ ...values, f: 1 })).toThrow('Params has no f (has a, b, c, d, e)');
  });

  it('of a type that has no layout here is refused, and so is one that is not there', () => {
    expect(() => structIn('struct Params { a : vec3<f32>, }', 'Params')).toThrow('struct Params: a : vec3<f32> has no layout');
    expect(() => structIn(code, 'Other')).toThrow('no struct Other');
    expect(() => constantIn('const A = 1u;', 'B')).toThrow('no const B');
  });
});

describe('the WGSL files', () => {
  it('have their members in src/gpu/shaderTypes.ts as the script writes them', () => {
    expect(execFileSync(process.execPath, ['scripts/shader-types.mjs', '--check'], { encoding: 'utf8' })).toBe('');
  });

  it.each(['sae', 'lm', 'data'].flatMap(kernels))('%s: every member of its uniform struct is a scalar', (name) => {
    const { members, size } = paramsOf(name);
    expect(members.length).toBeGreaterThan(0);
    expect(members.map(({ offset }) => offset)).toEqual(members.map((_, i) => 4 * i));
    expect(size).toBe(16 * Math.ceil(members.length / 4));
  });

  it('RUN is 240 bytes, the table of MAX_RUNS within a uniform binding', () => {
    expect(RUN.size).toBe(240);
    expect(MAX_RUNS * RUN.size).toBeLessThanOrEqual(65536);
    expect(constantIn(wgsl('sae/common'), 'MAX_RUNS')).toBe(MAX_RUNS);
  });

  it('constants', () => {
    expect({ STATS, ...STAT, ...FORM }).toEqual({
      STATS: 10,
      ...{ error: 0, aux: 1, penalty: 2, l0: 3, hat: 4, cross: 5, extra: 8, nested: 9 },
      ...{ sparse: 0, dense: 1 },
    });
    // A workgroup of the kernels that update latents, and what it leaves in `shares`.
    for (const name of ['latent', 'grad_b_dec_encoder']) expect(constantIn(wgsl(`sae/${name}`), 'GROUP'), name).toBe(LATENT_GROUP);
    // All form u in the same order, so that they agree on f to the bit.
    for (const name of ['decode', 'latent_update', 'fire_count', 'processor/registers'])
      expect(constantIn(wgsl(`sae/${name}`), 'LANES'), name).toBe(8);
  });

  const texts = kernels('sae').flatMap((name) =>
    (isEpilogue(name) ? MATMUL_VARIANTS : [undefined]).map((core) => {
      const source = saeSource(name, { core });
      return [source.name, source.code] as const;
    }),
  );
  it.each(texts)('%s binds at most 8 storage buffers, WebGPU’s default, numbered without gaps', (_, text) => {
    const slots = declaredBindings(text);
    expect(slots.filter(({ access }) => access !== 'uniform').length).toBeLessThanOrEqual(8);
    expect(slots.map(({ binding }) => binding).sort((a, b) => a - b)).toEqual([...slots.keys()]);
    expect(new Set(slots.map(({ name }) => name)).size).toBe(slots.length);
  });

  it('say what they need, each once and before it is used; what nobody made is named', () => {
    const text = saeSource('sae/processor/latent_update').code;
    expect(text.startsWith('enable subgroups;\n')).toBe(true);
    for (const part of ['struct Run {', 'fn activate(', 'fn adam(', 'fn list_entries(', 'fn update_enc('])
      expect(text.split(part).length - 1, part).toBe(1);
    expect(() => shaderText('sae/decode')).toThrow('sae/decode: nobody has made architectures');
  });
});
