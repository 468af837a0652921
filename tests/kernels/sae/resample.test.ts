/** Dead latents that begin anew on the packed buffers: as tests/fixtures/train2 has it, in any segments, beside any neighbours. */
import { describe, expect, it } from 'vitest';
import { readFloats, write } from '../../../src/gpu/buffers';
import { cutRows, padRows } from '../../../src/sae/packing';
import { chooseRows } from '../../../src/sae/resample';
import type { SaeWeights } from '../../../src/sae/weights';
import { readF32, readJson } from '../../fixtures';
import { randoms } from '../../gpu';
import { type Sweep, someWeights, sweep } from './sweep';

const VECTORS = { gated: ['b_gate', 'r_mag', 'b_mag'], baseline: ['b_enc'] } as const;

const transpose = (a: Float32Array, rows: number, columns: number) =>
  Float32Array.from({ length: a.length }, (_, i) => a[(i % rows) * columns + Math.floor(i / rows)] as number);

/** What is kept of run r in plane `p` of a matrix `[F, d]`, or component `k` of a plane of the vectors. */
async function matrixPlane({ trainer, gpu, d }: Sweep, name: 'w_enc' | 'w_dec', r: number, p: number): Promise<Float32Array> {
  const { quads, runs } = trainer.layout;
  const [segment] = trainer.context.segments;
  const { first, width } = runs[r] as { first: number; width: number };
  if (!segment) throw new Error('no segment');
  return cutRows(await readFloats(gpu, segment.buffers[name], (p * segment.count + first) * quads * 4, width * quads * 4), d);
}
async function vectorPlane({ trainer, gpu }: Sweep, r: number, p: number, k: number): Promise<number[]> {
  const [segment] = trainer.context.segments;
  const { first, width } = trainer.layout.runs[r] as { first: number; width: number };
  if (!segment) throw new Error('no segment');
  const values = await readFloats(gpu, segment.buffers.latent_params, (p * segment.count + first) * 4, width * 4);
  return Array.from({ length: width }, (_, i) => values[4 * i + k] as number);
}

describe.each([
  ['resample_gated', 'gated'],
  ['resample_standard', 'baseline'],
] as const)('%s', (name, arch) => {
  it('weights and moments as given', async () => {
    const e = readJson<{ d_in: number; d_sae: number; dead: number[]; picked_rows: number[] }>(`train2/${name}/expected.json`);
    const { d_in: d, d_sae: f, dead } = e;
    const load = (file: string) => {
      const tensors = readF32(`train2/${name}/${file}.safetensors`);
      const of = (key: string) => (tensors[key] as { data: Float32Array }).data;
      return { of, matrix: (key: string) => (key.endsWith('W_dec') ? of(key) : transpose(of(key), d, f)) };
    };
    const [init, final] = [load('init'), load('final')];
    const weights: SaeWeights = {
      arch,
      dIn: d,
      dSae: f,
      wEnc: init.matrix('W_enc'),
      wDec: init.of('W_dec'),
      bDec: init.of('b_dec'),
      vectors: Object.fromEntries(VECTORS[arch].map((key) => [key, init.of(key)])),
    };
    // Beside another run, so that places in the sweep matter.
    const s = await sweep(
      [
        { arch: 'gated', width: 11, seed: 3 },
        { arch, width: f, seed: 0, weights },
      ],
      { d, momentum: true },
    );
    const [segment] = s.trainer.context.segments;
    const { first } = s.trainer.layout.runs[1] as { first: number };
    if (!segment) throw new Error('no segment');
    const row = s.trainer.layout.quads * 16;
    for (const [plane, key] of ['', 'v.', 'm.'].entries()) {
      if (plane === 0) continue;
      write(s.gpu, segment.buffers.w_enc, (plane * segment.count + first) * row, padRows(init.matrix(`${key}W_enc`), d));
      write(s.gpu, segment.buffers.w_dec, (plane * segment.count + first) * row, padRows(init.of(`${key}W_dec`), d));
      const of = VECTORS[arch].map((vector) => init.of(key + vector));
      const packed = Float32Array.from({ length: 4 * f }, (_, i) => of[i % 4]?.[Math.floor(i / 4)] ?? 0);
      write(s.gpu, segment.buffers.latent_params, ((plane === 1 ? 1 : 3) * segment.count + first) * 16, packed);
    }
    const picks = chooseRows(init.of('losses'), [...init.of('uniforms')]) ?? [];
    expect(picks).toEqual(e.picked_rows);
    const rows = (Object.values(readF32(`train2/${name}/data.safetensors`))[0] as { data: Float32Array }).data;
    const before = await s.trainer.weights(0);
    await s.trainer.resample(1, dead, Float32Array.from(picks.flatMap((j) => [...rows.subarray(j * d, (j + 1) * d)])));

    const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) => {
      expect(actual.length, what).toBe(expected.length);
      let off = 0;
      for (let i = 0; i < actual.length; i++) off = Math.max(off, Math.abs((actual[i] as number) - (expected[i] as number)));
      expect(off, what).toBeLessThan(1e-6);
    };
    const after = await s.trainer.weights(1);
    close(after.bDec, final.of('b_dec'), 'b_dec');
    for (const [plane, key] of ['', 'v.', 'm.'].entries()) {
      for (const [buffer, tensor] of [
        ['w_enc', 'W_enc'],
        ['w_dec', 'W_dec'],
      ] as const) {
        const got = await matrixPlane(s, buffer, 1, plane);
        close(got, final.matrix(key + tensor), key + tensor);
        const of = (i: number) => [...got.subarray(i * d, (i + 1) * d)];
        if (plane > 0) for (const i of dead) expect(of(i)).toEqual(new Array(d).fill(0));
        // Those that live keep their bits.
        const kept = init.matrix(key + tensor);
        for (let i = 0; i < f; i++) if (!dead.includes(i)) expect(of(i)).toEqual([...kept.subarray(i * d, (i + 1) * d)]);
      }
      for (const [k, vector] of VECTORS[arch].entries()) {
        const got = await vectorPlane(s, 1, [0, 1, 3][plane] as number, k);
        expect(got, key + vector).toEqual([...final.of(key + vector)]);
      }
    }
    expect(await vectorPlane(s, 1, 0, 3), 'still its own').toEqual(new Array(f).fill(1));
    expect(await s.trainer.weights(0)).toEqual(before);
    s.gpu.check();
    s.destroy();
  });
});

describe('a run that resamples', () => {
  const D = 13;
  const RUN = { arch: 'gated', width: 150, seed: 10 } as const;
  const LATENTS = [0, 3, 63, 64, 65, 149];
  const inputs = randoms(LATENTS.length * D, 77);

  async function trained(others: { arch: string; width: number; seed: number }[], options: { binding?: number; beta1?: number } = {}) {
    const beta1 = options.beta1 ?? 0;
    const s = await sweep([...others.map((other) => ({ ...other, beta1 })), { ...RUN, beta1 }], {
      d: D,
      batch: 16,
      momentum: true,
      ...(options.binding && { binding: options.binding }),
    });
    const r = others.length;
    for (let step = 0; step < 6; step++) {
      if (step === 3) await s.trainer.resample(r, LATENTS, inputs);
      await s.trainer.step(s.slots(step));
    }
    const weights = await s.trainer.weights(r);
    const segments = s.trainer.layout.segments.length;
    s.gpu.check();
    s.destroy();
    return { weights, segments };
  }

  it('has the same bits alone, beside others and cut into segments', async () => {
    const alone = await trained([]);
    expect(
      (
        await trained([
          { arch: 'baseline', width: 9, seed: 1 },
          { arch: 'gated', width: 70, seed: 2 },
        ])
      ).weights,
    ).toEqual(alone.weights);
    const cut = await trained([{ arch: 'gated', width: 70, seed: 2 }], { binding: 64 * 3 * 4 * 16 });
    expect(cut.segments).toBeGreaterThan(1);
    expect(cut.weights).toEqual(alone.weights);
    const withMomentum = await trained([], { beta1: 0.5 });
    expect(withMomentum.weights.wEnc).not.toEqual(alone.weights.wEnc);
    expect((await trained([{ arch: 'gated', width: 5, seed: 3 }], { beta1: 0.5 })).weights).toEqual(withMomentum.weights);
  });

  it('goes on as one whose latents always were so', async () => {
    // One step after it equals one step of a run that begins with these weights, with Adam's count and moments: those of the first step are 0 for both.
    const weights = someWeights('gated', D, 20, 5);
    const resampled = await sweep([{ arch: 'gated', width: 20, seed: 5, weights }], { d: D });
    await resampled.trainer.resample(0, [2, 7], inputs.subarray(0, 2 * D));
    const anew = await sweep([{ arch: 'gated', width: 20, seed: 5, weights: await resampled.trainer.weights(0) }], { d: D });
    for (const s of [resampled, anew]) await s.trainer.step(s.slots(0));
    expect(await resampled.trainer.weights(0)).toEqual(await anew.trainer.weights(0));
    for (const s of [resampled, anew]) s.destroy();
  });

  it('counts firings for its window beside those that the histogram takes', async () => {
    const s = await sweep([RUN], { d: D, batch: 16 });
    await s.trainer.step(s.slots(0));
    const window = await s.trainer.countFires(0);
    await s.trainer.step(s.slots(1));
    const both = await s.trainer.takeFires(0);
    await s.trainer.step(s.slots(2));
    const [late, ofWindow] = [await s.trainer.takeFires(0), await window.take()];
    const again = await sweep([RUN], { d: D, batch: 16 });
    const each: Float32Array[] = [];
    for (let step = 0; step < 3; step++) {
      await again.trainer.step(again.slots(step));
      each.push(await again.trainer.takeFires(0));
    }
    const sum = (...some: Float32Array[]) =>
      Array.from({ length: RUN.width }, (_, i) => some.reduce((all, n) => all + (n[i] as number), 0));
    const [first, second, third] = each as [Float32Array, Float32Array, Float32Array];
    expect([[...both], [...late], [...ofWindow]]).toEqual([sum(first, second), sum(third), sum(second, third)]);
    for (const it of [s, again]) it.destroy();
  });
});
