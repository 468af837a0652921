/** Metrics on the GPU against what they must be: SAEs with known answers, float64, PyTorch's spliced losses. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFloats, write } from '../../../src/gpu/buffers';
import { foldScale, loadSae, saelensFolder } from '../../../src/interop/saelens';
import { type EvaluationSource, Evaluator, type Sequences } from '../../../src/lab/evaluation';
import { parseConfig } from '../../../src/lm/families';
import { loadTokeniser } from '../../../src/lm/tokeniser';
import { textToWindows } from '../../../src/lm/windows';
import { forward } from '../../../src/reference/sae';
import type { ArchitectureId } from '../../../src/sae/architectures';
import { ForwardPass } from '../../../src/sae/forwardPass';
import { readJson as readFixture } from '../../fixtures';
import { maxError, randoms, testGpu } from '../../gpu';
import { openTensors, readJson } from '../lm/safetensors';
import { someWeights, twinOf } from '../sae/sweep';
import { ArrayRows, blocksOf, evaluated, filesOf, identitySae, loadModel, silentSae, trainerOf } from './helpers';

const BOTH: ArchitectureId[] = ['baseline', 'gated'];
const GPT2 = 'tests/fixtures/lm/gpt2';

describe('through the fixture model', () => {
  interface Expected {
    hooks: Record<string, number[]>;
    ce_clean: number;
    spliced: Record<string, { zero: number; mean: number; half: number }>;
  }
  const expected = readFixture<Expected>('lm/gpt2/expected.json');
  const tokens = Uint32Array.from(openTensors(`${GPT2}/expected.safetensors`).get('input_ids'));
  const [n, T] = expected.hooks['blocks.0.attn.hook_z'] as [number, number];
  const sequences: Sequences = { tokens, n, T };
  const hooks = Object.keys(expected.spliced);

  it.each(hooks)('%s: silent SAEs give the zero-ablated loss, identities the clean one, halves half', async (hook) => {
    const gpu = await testGpu();
    const model = await loadModel(gpu, GPT2, 64);
    const d = model.hookWidth(hook);
    const source: EvaluationSource = { kind: 'model', model, hook, sequences };
    const saes = BOTH.flatMap((arch) => [silentSae(arch, d, 3), identitySae(arch, d), identitySae(arch, d, 0.5)]);
    // Scale and centre are the trainer's business alone.
    const metrics = await evaluated(gpu, source, saes, { scale: 0.3, mean: randoms(d, 1) });
    const { zero, mean, half } = expected.spliced[hook] as Expected['spliced'][string];
    for (const m of metrics) {
      expect(m.ce_clean).toBeCloseTo(expected.ce_clean, 4);
      expect(m.ce_zero).toBeCloseTo(zero, 4);
      expect(m.ce_mean).toBeCloseTo(mean, 4);
      expect(m.tokens).toBe(n * T);
      expect(m.loss_recovered_mean).toBeCloseTo(
        1 - ((m.ce_sae as number) - (m.ce_clean as number)) / ((m.ce_mean as number) - (m.ce_clean as number)),
        6,
      );
    }
    metrics.forEach((m, i) => {
      const target = [zero, expected.ce_clean, half][i % 3] as number;
      expect(Math.abs((m.ce_sae as number) - target), `CE of SAE ${i}`).toBeLessThan(1e-4);
    });
    for (const i of [0, 3]) {
      expect(metrics[i]).toMatchObject({ l0: 0, alive: 0 });
      expect(metrics[i] && 'gamma' in metrics[i]).toBe(false);
      const tolerance = 5e-5 / Math.abs(zero - expected.ce_clean);
      expect(Math.abs(metrics[i]?.loss_recovered as number)).toBeLessThan(tolerance);
      expect(Math.abs((metrics[i + 1]?.loss_recovered as number) - 1)).toBeLessThan(tolerance);
      expect(metrics[i + 1]?.gamma).toBeCloseTo(1, 4);
      expect(metrics[i + 1]?.r2).toBeCloseTo(1, 5);
      expect(metrics[i + 2]?.gamma).toBeCloseTo(0.5, 4);
      expect(metrics[i + 2]?.cosine).toBeCloseTo(1, 4);
    }
    model.destroy();
  });

  it('an SAE that answers with the mean gets R² 0 and recovers 0 against mean ablation', async () => {
    const gpu = await testGpu();
    const model = await loadModel(gpu, GPT2, 64);
    const hook = 'blocks.1.mlp.hook_post';
    const values = openTensors(`${GPT2}/expected.safetensors`).get(hook);
    const d = model.hookWidth(hook);
    const mean = Float32Array.from({ length: d }, (_, k) => values.filter((_v, j) => j % d === k).reduce((a, b) => a + b, 0) / (n * T));
    const [m] = await evaluated(gpu, { kind: 'model', model, hook, sequences }, [silentSae('gated', d, 3, mean)], { mean: randoms(d, 2) });
    expect(m?.r2).toBeCloseTo(0, 5);
    expect(m?.loss_recovered_mean).toBeCloseTo(0, 4);
    model.destroy();
  });

  it('a batch of one sequence at a time, and more runs than reconstructions are kept, change nothing', async () => {
    const gpu = await testGpu();
    const hook = 'blocks.0.mlp.hook_post';
    const saes = Array.from({ length: 18 }, (_, i) => someWeights(BOTH[i % 2] as ArchitectureId, 80, 2 + i, i));
    const [whole, single] = [await loadModel(gpu, GPT2, 64), await loadModel(gpu, GPT2, 24)];
    const together = await evaluated(gpu, { kind: 'model', model: whole, hook, sequences }, saes);
    const apart = await evaluated(gpu, { kind: 'model', model: single, hook, sequences }, saes, { batch: 8 });
    for (const i of [0, 15, 16, 17]) {
      const [alone] = await evaluated(gpu, { kind: 'model', model: whole, hook, sequences }, [saes[i] as (typeof saes)[number]]);
      for (const other of [together[i], apart[i]]) {
        expect(Object.keys(other ?? {})).toEqual(Object.keys(alone ?? {}));
        for (const [key, value] of Object.entries(alone ?? {})) {
          const got = (other as unknown as Record<string, number>)[key] as number;
          if (typeof value === 'string') {
            expect(got, key).toBe(value);
            continue;
          }
          expect(Math.abs(got - value), `${key} of run ${i}: ${got} for ${value}`).toBeLessThan(2e-5 * Math.max(1, Math.abs(value)));
        }
      }
    }
    // Eighteen different SAEs, not one eighteen times.
    expect(new Set(together.map((m) => m.ce_sae)).size).toBe(18);
    whole.destroy();
    single.destroy();
  });
});

describe('through the demo', () => {
  it('recovers 0 with nothing and 1 with everything, for both architectures', async () => {
    const gpu = await testGpu();
    const folder = 'public/demo';
    const model = await loadModel(gpu, folder, 256);
    const tokeniser = loadTokeniser(
      readJson(`${folder}/tokenizer.json`),
      readJson(`${folder}/tokenizer_config.json`),
      parseConfig(readJson(`${folder}/config.json`)),
    );
    const windows = await textToWindows(readFileSync(`${folder}/stories.txt`, 'utf8').slice(0, 20_000), tokeniser, 128, { maxWindows: 2 });
    const hook = 'blocks.0.mlp.hook_post';
    const source: EvaluationSource = { kind: 'model', model, hook, sequences: { tokens: windows.tokens, n: 2, T: 128 } };
    const metrics = await evaluated(
      gpu,
      source,
      BOTH.flatMap((arch) => [silentSae(arch, 512, 5), identitySae(arch, 512)]),
      { batch: 256, scale: 0.1 },
    );
    metrics.forEach((m, i) => {
      expect(Math.abs((m.loss_recovered as number) - (i % 2)), `${i}`).toBeLessThan(1e-4);
      expect(Math.abs((m.ce_sae as number) - ((i % 2 ? m.ce_clean : m.ce_zero) as number))).toBeLessThan(1e-4);
      expect((m.ce_zero as number) - (m.ce_clean as number)).toBeGreaterThan(2);
    });
    expect(metrics[1]).toMatchObject({ tokens: 256, alive_window_tokens: 256 });
    model.destroy();
  });
});

describe('on rows', () => {
  const d = 21;
  const rows = new ArrayRows(
    randoms(150 * d, 3).map((v, j) => 2 * v + 4 * Math.cos(j % d)),
    d,
  );
  const source = (step: number): EvaluationSource => ({ kind: 'rows', blocks: () => blocksOf(rows, step) });
  const saes = [someWeights('gated', d, 33, 1, -0.4), someWeights('baseline', d, 5, 2), someWeights('baseline', d, 40, 3, -0.6)];

  it('every metric agrees with float64, whatever the blocks, the scale and the centre', async () => {
    const gpu = await testGpu();
    const x = Float64Array.from(rows.values);
    const mean = Float64Array.from({ length: d }, (_, k) => x.filter((_v, j) => j % d === k).reduce((a, b) => a + b, 0) / 150);
    const variance = x.reduce((sum, v, j) => sum + (v - (mean[j % d] as number)) ** 2, 0);
    const expected = saes.map((sae) => {
      const { xHat, acts } = forward(twinOf(sae), x);
      let [error, hatHat, hatX, cosine] = [0, 0, 0, 0];
      for (let b = 0; b < 150; b++) {
        let [hh, hx, xx] = [0, 0, 0];
        for (let k = b * d; k < (b + 1) * d; k++) {
          const [h, v] = [xHat[k] as number, x[k] as number];
          error += (h - v) ** 2;
          hh += h * h;
          hx += h * v;
          xx += v * v;
        }
        hatHat += hh;
        hatX += hx;
        cosine += hx / Math.sqrt(hh * xx);
      }
      const fires = new Array<number>(sae.dSae).fill(0);
      acts.forEach((f, j) => {
        if (f > 0) fires[j % sae.dSae] = (fires[j % sae.dSae] as number) + 1;
      });
      const sum = (some: number[]) => some.reduce((all, n) => all + n, 0);
      const [over1, over10] = [fires.filter((n) => n / 150 > 0.01), fires.filter((n) => n / 150 > 0.1)];
      const l0 = acts.filter((f) => f > 0).length / 150;
      return {
        l0,
        mse: error / 150,
        fvu: error / variance,
        r2: 1 - error / variance,
        gamma: hatHat / hatX,
        cosine: cosine / 150,
        alive: fires.filter((n) => n > 0).length / sae.dSae,
        alive_window_tokens: 150,
        latents_over_1_percent: over1.length,
        latents_over_10_percent: over10.length,
        freq_over_1_percent: over1.length / sae.dSae,
        freq_over_10_percent: over10.length / sae.dSae,
        normalized_freq_over_1_percent: sum(over1) / sum(fires),
        normalized_freq_over_10_percent: sum(over10) / sum(fires),
        tokens: 150,
      };
    });
    expect(expected[0]?.alive).toBeLessThan(1);
    for (const { step, batch, scale } of [
      { step: 150, batch: 150, scale: 1 },
      { step: 67, batch: 32, scale: 1 },
      { step: 150, batch: 64, scale: 0.05 },
    ]) {
      const scaled = saes.map((sae) => foldScale(sae, 1 / scale));
      const metrics = await evaluated(gpu, source(step), scaled, { batch, scale, mean: randoms(d, 9) });
      metrics.forEach((m, i) => {
        expect(Object.keys(m)).toEqual(Object.keys(expected[i] ?? {}));
        for (const [key, value] of Object.entries(expected[i] ?? {})) {
          expect(Math.abs((m[key as keyof typeof m] as number) - value), `${key} of SAE ${i} at scale ${scale}`).toBeLessThan(
            2e-5 * Math.max(1, Math.abs(value)),
          );
        }
      });
    }
  });

  it.each(BOTH)('%s: saved as SAELens does and loaded again, it is the same to the last bit', async (arch) => {
    const gpu = await testGpu();
    const trained = someWeights(arch, d, 33, 4);
    const loaded = await loadSae(filesOf(saelensFolder(trained)));
    const [before, after] = [await evaluated(gpu, source(150), [trained]), await evaluated(gpu, source(150), [loaded])];
    expect(after).toEqual(before);
  });

  it('reconstructions in raw units agree with float64, for every run of a sweep, at any place of the target', async () => {
    const gpu = await testGpu();
    const scale = 0.2;
    const trainer = await trainerOf(
      gpu,
      saes.map((sae) => foldScale(sae, 1 / scale)),
      { batch: 40, scale, mean: randoms(d, 5) },
    );
    const buffer = (n: number) =>
      gpu.device.createBuffer({
        label: `rows${n}`,
        size: n * d * 4,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
      });
    const raw = buffer(150);
    write(gpu, raw, 0, rows.values);
    const pass = await ForwardPass.create(trainer, raw);
    for (const [r, sae] of saes.entries()) {
      const target = buffer(60);
      write(gpu, target, 0, new Float32Array(60 * d).fill(-1));
      pass.run(
        7,
        33,
        saes.map((_, i) => i === r),
      );
      pass.restore(r, 33, target, 20);
      const actual = await readFloats(gpu, target);
      const { xHat } = forward(twinOf(sae), Float64Array.from(rows.values.subarray(7 * d, 40 * d)));
      expect(maxError(actual.subarray(20 * d, 53 * d), xHat), `run ${r}`).toBeLessThan(2e-4);
      expect([...actual.subarray(0, 20 * d), ...actual.subarray(53 * d)].every((v) => v === -1)).toBe(true);
      target.destroy();
    }
    expect(() => pass.run(0, 41, [true, true, true])).toThrow('41 rows for a pass of 40');
    gpu.check();
    raw.destroy();
    trainer.destroy();
  });

  it('counts firings per latent until reset', async () => {
    const gpu = await testGpu();
    const trainer = await trainerOf(gpu, saes, { batch: 50 });
    const raw = gpu.device.createBuffer({ size: 150 * d * 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    write(gpu, raw, 0, rows.values);
    const pass = await ForwardPass.create(trainer, raw);
    pass.run(0, 50, [true, true, true]);
    pass.resetFires();
    pass.run(0, 50, [true, true, true]);
    pass.run(50, 25, [true, true, true]);
    for (const [r, sae] of saes.entries()) {
      const counts = new Array<number>(sae.dSae).fill(0);
      forward(twinOf(sae), Float64Array.from(rows.values.subarray(0, 75 * d))).acts.forEach((f, j) => {
        if (f > 0) counts[j % sae.dSae] = (counts[j % sae.dSae] as number) + 1;
      });
      expect([...(await pass.fires(r))]).toEqual(counts);
    }
    raw.destroy();
    trainer.destroy();
  });

  it('says so when there is nothing to evaluate on, or no model to measure', async () => {
    const gpu = await testGpu();
    const nothing: EvaluationSource = { kind: 'rows', blocks: () => blocksOf(new ArrayRows(new Float32Array(0), d)) };
    await expect(evaluated(gpu, nothing, saes)).rejects.toThrow('there are no held-out rows to evaluate on');
    const evaluator = await Evaluator.create(gpu, d, nothing);
    expect(() => evaluator.modelLosses()).toThrow('there is no language model to measure');
    evaluator.destroy();
  });
});
