/**
 * Sweeps in which some runs select: what they keep from step to step, bits that depend on no neighbour, and evaluation by k and by threshold. The steps
 * themselves are held against other libraries by the cases of train2.
 */
import { describe, expect, it } from 'vitest';
import { Arena } from '../../../src/gpu/buffers';
import { ForwardPass } from '../../../src/sae/forwardPass';
import { STAT, STATS } from '../../../src/sae/kernels';
import type { StepLog } from '../../../src/sae/trainer';
import { maxError } from '../../gpu';
import { COMPILING } from './checks';
import { batchOf, bitsOf, type RunSpec, type Sweep, type SweepOptions, sweep, tensorsOf } from './sweep';

/** A latent is dead after two batches: AuxK acts from the second on. */
const OPTIONS = { 'dead-after': 74, 'threshold-start': 1, 'threshold-decay': 0.9 };
const SPECS: RunSpec[] = [
  { arch: 'gated', width: 33, seed: 10 },
  { arch: 'topk', width: 70, seed: 20, k: 4, options: OPTIONS },
  { arch: 'baseline', width: 13, seed: 30, shift: -0.5 },
  { arch: 'batchtopk', width: 61, seed: 40, k: 3, options: OPTIONS },
  { arch: 'topk', width: 21, seed: 50, k: 21, options: { ...OPTIONS, threshold: 'threshold', auxk: 0 } },
];
const FORMS: [string, SweepOptions][] = [
  // With workgroups of 8, which compile faster here.
  ['in workgroups', { lanes: 8 }],
  ['in registers', { registers: true, lanes: 8 }],
];

interface Trained {
  bits: Buffer[];
  logs: (StepLog | undefined)[][];
}

async function trained(s: Sweep, steps = 5): Promise<Trained> {
  const logs: Trained['logs'] = [];
  for (let step = 0; step < steps; step++) logs.push((await (await s.trainer.step(s.slots(step), true)).log) ?? []);
  const weights = await Promise.all(s.trainer.layout.runs.map((_, r) => s.trainer.weights(r)));
  return { logs, bits: weights.map(bitsOf) };
}

describe.each(FORMS)('%s', (_, options) => {
  it('keeps k a row, counts the dead and forms a threshold; the same bits twice', { timeout: COMPILING }, async () => {
    const all: Trained[] = [];
    for (let time = 0; time < 2; time++) {
      const s = await sweep(SPECS, options);
      all.push(await trained(s));
      s.gpu.check();
      s.destroy();
    }
    expect(all[1]).toEqual(all[0]);
    const { logs } = all[0] as Trained;
    logs.forEach((runs, step) => {
      const [, row, , batch, every] = runs;
      expect(
        [row?.l0, batch?.l0].map((l0) => Math.round(37 * (l0 ?? 0))),
        `step ${step}`,
      ).toEqual([37 * 4, 37 * 3]);
      expect(every?.l0).toBeLessThan(21);
      for (const log of [row, batch]) {
        expect((log?.dead ?? 0) > 0, `step ${step}: dead`).toBe(step > 0);
        expect((log?.threshold ?? 0) > 0, `step ${step}: threshold`).toBe(step > 1);
      }
    });
  });

  it('evaluates by k, or by the threshold that training came to', { timeout: COMPILING }, async () => {
    const s = await sweep(SPECS, options);
    await trained(s);
    const arena = new Arena(s.gpu, 'rows');
    const n = 29;
    const raw = arena.upload('raw', s.rows.subarray(0, n * s.d));
    await arena.ready();
    const pass = await ForwardPass.create(s.trainer, raw);
    pass.resetFires();
    pass.run(
      0,
      n,
      SPECS.map(() => true),
    );
    const { totals } = await pass.sums(n);
    const x = batchOf(
      s,
      Uint32Array.from({ length: n }, (_, i) => i),
    );
    for (const r of [1, 3, 4]) {
      const w = await s.trainer.weights(r);
      const { k = 0, arch } = SPECS[r] as RunSpec;
      let l0 = 0;
      for (let row = 0; row < n; row++) {
        const scores = Array.from({ length: w.dSae }, (_, i) => {
          let u = w.vectors.b_enc?.[i] ?? 0;
          for (let c = 0; c < s.d; c++) u += (w.wEnc[i * s.d + c] as number) * ((x[row * s.d + c] as number) - (w.bDec[c] as number));
          return u;
        });
        const byThreshold = r !== 1;
        const kept = scores.filter((a) => a > (byThreshold ? Math.max(0, w.threshold ?? Number.NaN) : 0)).length;
        l0 += byThreshold ? kept : Math.min(k, kept);
      }
      expect(totals[r * STATS + STAT.l0], `run ${r}, ${arch}`).toBe(l0);
      const fires = await pass.fires(r);
      expect(fires.reduce((sum, v) => sum + v, 0)).toBe(l0);
    }
    // Training goes on as if nobody had looked.
    const after = await trained(s, 2);
    const other = await sweep(SPECS, options);
    await trained(other);
    expect(after.bits).toEqual((await trained(other, 2)).bits);
    pass.destroy();
    for (const one of [s, other]) one.destroy();
    arena.destroy();
  });
});

it('a run’s bits are the same alone', { timeout: COMPILING }, async () => {
  const [, options] = FORMS[1] as (typeof FORMS)[number];
  const s = await sweep(SPECS, options);
  const { logs, bits } = await trained(s);
  s.destroy();
  for (const r of [0, 1, 3]) {
    const alone = await sweep([SPECS[r] as RunSpec], options);
    const { bits: own, logs: mine } = await trained(alone);
    expect(own[0]?.equals(bits[r] as Buffer), `run ${r} alone`).toBe(true);
    expect(mine.map((log) => log[0])).toEqual(logs.map((log) => log[r]));
    alone.destroy();
  }
});

it('both kinds of kernels come to the same weights', { timeout: COMPILING }, async () => {
  const weights = await Promise.all(
    FORMS.map(async ([, options]) => {
      const s = await sweep(SPECS, options);
      await trained(s, 3);
      const own = await Promise.all(SPECS.map((_, r) => s.trainer.weights(r)));
      s.destroy();
      return own;
    }),
  );
  SPECS.forEach((_, r) => {
    const [a, b] = weights.map((own) => tensorsOf(own[r] as (typeof own)[number]));
    a?.forEach(([name, values], t) => {
      expect(maxError(values, b?.[t]?.[1] ?? []), `run ${r}: ${name}`).toBeLessThan(1e-4);
    });
  });
});
