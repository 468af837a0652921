/** Sweeps whose matrices exceed a binding: latents in segments with buffers of their own, against the same sweep in one piece. */
import { describe, expect, it } from 'vitest';
import { readFloats, write } from '../../../src/gpu/buffers';
import { ForwardPass } from '../../../src/sae/forwardPass';
import { STATS } from '../../../src/sae/kernels';
import { COMPILING } from './checks';
import { bitsOf, type RunSpec, type Sweep, type SweepOptions, sweep, weightsOf } from './sweep';

/** Packed: 0–152, 152–160, 160–232, 232–272. In segments of 64, no run but the second lies in one. */
const SPECS: RunSpec[] = [
  { arch: 'gated', width: 150, seed: 1 },
  { arch: 'baseline', width: 5, seed: 2 },
  { arch: 'gated', width: 70, seed: 3, shift: 1 },
  { arch: 'baseline', width: 33, seed: 4, shift: -1 },
];
const ROW = 64; // bytes of a row, D 13

interface Case {
  what: string;
  specs: RunSpec[];
  options: SweepOptions;
  segments: number[];
}
const CASES: Case[] = [
  {
    what: 'five segments, a run in three of them',
    specs: SPECS,
    options: { batch: 16, binding: 64 * 2 * ROW },
    segments: [64, 64, 64, 64, 16],
  },
  {
    what: 'with first moments',
    specs: SPECS.map((spec, r) => ({ ...spec, beta1: r === 1 ? 0 : 0.9 })),
    options: { batch: 16, binding: 64 * 3 * ROW },
    segments: [64, 64, 64, 64, 16],
  },
  {
    what: 'every latent on',
    specs: SPECS.map((spec) => ({ ...spec, shift: 10 })),
    options: { batch: 16, binding: 64 * 2 * ROW },
    segments: [64, 64, 64, 64, 16],
  },
  {
    what: 'segments that begin where runs do',
    specs: [0, 1, 2].map((seed) => ({ arch: 'gated', width: 64, seed })),
    options: { batch: 5, binding: 64 * 2 * ROW },
    segments: [64, 64, 64],
  },
  { what: 'in slices', specs: SPECS, options: { batch: 16, binding: 64 * 2 * ROW, flopsPerMs: 1e-3 }, segments: [64, 64, 64, 64, 16] },
  {
    what: 'with rows in registers',
    specs: SPECS,
    options: { batch: 16, binding: 64 * 2 * ROW, lanes: 8, registers: true },
    segments: [64, 64, 64, 64, 16],
  },
  {
    what: 'D above 4096',
    specs: [{ arch: 'gated', width: 70, seed: 5 }],
    options: { d: 4101, batch: 3, poolRows: 20, binding: 64 * 2 * 1026 * 16 },
    segments: [64, 8],
  },
];

async function pair({ specs, options, segments }: Case): Promise<[Sweep, Sweep]> {
  const momentum = specs.some(({ beta1 = 0 }) => beta1 > 0);
  const cut = await sweep(specs, { ...options, momentum });
  const whole = await sweep(specs, { ...options, momentum, binding: undefined });
  expect(cut.trainer.layout.segments.map(({ count }) => count)).toEqual(segments);
  expect(whole.trainer.layout.segments).toHaveLength(1);
  return [cut, whole];
}

describe.each(CASES)('$what', (given) => {
  it(
    'trains to the same bits: logs, weights, firing counts',
    async () => {
      const [cut, whole] = await pair(given);
      for (let step = 0; step < 8; step++) {
        const [actual, expected] = await Promise.all([cut, whole].map(async (s) => (await s.trainer.step(s.slots(step), true)).log));
        expect(actual, `step ${step}`).toEqual(expected);
        const [now, want] = [await weightsOf(cut.trainer), await weightsOf(whole.trainer)];
        expect(now.map(bitsOf), `step ${step}`).toEqual(want.map(bitsOf));
      }
      for (const r of given.specs.keys()) expect([...(await cut.trainer.takeFires(r))]).toEqual([...(await whole.trainer.takeFires(r))]);
      cut.gpu.check();
      cut.destroy();
      whole.destroy();
    },
    COMPILING,
  );

  it(
    'evaluates to the same bits: sums, firing counts, reconstructions',
    async () => {
      const results = await Promise.all(
        (await pair(given)).map(async (s) => {
          const rows = s.batch - 1;
          const raw = s.gpu.device.createBuffer({ size: (rows + 1) * s.d * 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
          write(s.gpu, raw, 0, s.rows.subarray(0, (rows + 1) * s.d));
          const pass = await ForwardPass.create(s.trainer, raw);
          const target = s.trainer.storage('restored', rows * s.d * 4);
          // A step first: what it leaves must not show, all that it does not write least of all.
          pass.resetFires();
          pass.run(
            1,
            rows,
            given.specs.map((_, r) => r !== 2),
          );
          const { totals, columnSums, squares } = await pass.sums(rows);
          const live = [...given.specs.keys()].filter((r) => r !== 2);
          const out: unknown[] = [columnSums, squares];
          for (const r of live) {
            pass.restore(r, rows, target, 0);
            out.push(totals.slice(r * STATS, (r + 1) * STATS), await pass.fires(r), await readFloats(s.gpu, target));
          }
          if (given.specs[2]) expect((await pass.fires(2)).every((n) => n === 0)).toBe(true);
          raw.destroy();
          s.destroy();
          return out;
        }),
      );
      expect(results[0]).toEqual(results[1]);
    },
    COMPILING,
  );
});

it('the same cut sweep twice gives the same bits; a stopped run keeps its weights in every segment', async () => {
  const trained = async (stop?: number) => {
    const s = await sweep(SPECS, CASES[0]?.options);
    const bits: Buffer[][] = [];
    for (let step = 0; step < 6; step++) {
      if (step === 3 && stop !== undefined) s.trainer.stop(stop);
      await s.trainer.step(s.slots(step));
      bits.push((await weightsOf(s.trainer)).map(bitsOf));
    }
    s.destroy();
    return bits;
  };
  const first = await trained();
  expect(await trained()).toEqual(first);
  const stopped = await trained(0);
  expect(stopped[5]?.[0]).toEqual(first[2]?.[0]);
  expect(stopped[5]?.slice(1)).toEqual(first[5]?.slice(1));
});
