/** Rows far from the mean that they are centred by, and rows without their own mean: against numpy's float64, and against a model changed by hand. */
import { describe, expect, it } from 'vitest';
import { centreOf } from '../../../src/lab/centre';
import { type EvaluationSource, Evaluator } from '../../../src/lab/evaluation';
import type { LanguageModel } from '../../../src/lm/model';
import type { Metrics } from '../../../src/metrics/types';
import type { SaeWeights } from '../../../src/sae/weights';
import { readF32, readJson as readFixture } from '../../fixtures';
import { randoms, testGpu } from '../../gpu';
import { openTensors } from '../lm/safetensors';
import { someWeights } from '../sae/sweep';
import { ArrayRows, blocksOf, evaluated, loadModel, loadModelFrom, trainerOf } from './helpers';

describe('rows whose columns have a mean of 3000 and a spread of 1', () => {
  const tensors = readF32('saes/far/far.safetensors');
  const expected = readFixture<Metrics>('saes/far/expected.json');
  const of = (name: string) => (tensors[name] as { data: Float32Array }).data;
  const [dIn = 0, dSae = 0] = tensors.W_enc?.shape ?? [];
  const sae: SaeWeights = {
    arch: 'baseline',
    dIn,
    dSae,
    wEnc: Float32Array.from({ length: dIn * dSae }, (_, i) => of('W_enc')[(i % dIn) * dSae + Math.floor(i / dIn)] as number),
    wDec: of('W_dec'),
    bDec: of('b_dec'),
    vectors: { b_enc: of('b_enc') },
  };
  const rows = new ArrayRows(of('x'), dIn);
  const source: EvaluationSource = { kind: 'rows', blocks: () => blocksOf(rows, 100) };

  it.each(['b_dec', 'zero', 'the rows’ mean'])('R² is right when they are centred by %s', async (by) => {
    const gpu = await testGpu();
    const mean = by === 'b_dec' ? sae.bDec : by === 'zero' ? new Float32Array(dIn) : await centreOf(gpu, dIn, source);
    const [m] = await evaluated(gpu, source, [sae], { mean });
    // x̂ − x of values near 3000 in f32 leaves 2e-4 of an error of 0.6.
    expect(Math.abs((m?.r2 ?? Number.NaN) - (expected.r2 as number))).toBeLessThan(3e-5);
    expect(Math.abs((m?.mse ?? Number.NaN) / expected.mse - 1)).toBeLessThan(3e-5);
    expect(Math.abs((m?.l0 ?? Number.NaN) - expected.l0)).toBeLessThan(0.01);
    expect(m?.gamma).toBeCloseTo(expected.gamma as number, 6);
  });

  it('the centre of the rows is their mean', async () => {
    const mean = await centreOf(await testGpu(), dIn, source);
    mean.forEach((value, k) => {
      const column = of('x').filter((_, i) => i % dIn === k);
      expect(Math.abs(value - column.reduce((a, b) => a + b, 0) / column.length)).toBeLessThan(3e-4);
    });
  });

  it('a scale on the rows changes nothing', async () => {
    const [m] = await evaluated(
      await testGpu(),
      source,
      [{ ...sae, bDec: sae.bDec.map((v) => v / 4), vectors: { b_enc: of('b_enc').map((v) => v / 4) } }],
      { scale: 0.25, mean: randoms(dIn, 4) },
    );
    expect(Math.abs((m?.r2 ?? Number.NaN) - (expected.r2 as number))).toBeLessThan(1e-5);
  });
});

describe('an SAE of a model whose writing weights are centred', () => {
  const FOLDER = 'tests/fixtures/lm/gpt2-gelu-untied';
  const tokens = Uint32Array.from(openTensors(`${FOLDER}/expected.safetensors`).get('input_ids'));
  const [n, T] = openTensors(`${FOLDER}/expected.safetensors`).shape('input_ids') as [number, number];

  /** As TransformerLens' center_writing_weights: all that is written into the residual stream loses its mean over d_model. */
  function centred() {
    const tensors = openTensors(`${FOLDER}/model.safetensors`);
    const writes = /(wte|wpe)\.weight$|c_proj\.(weight|bias)$/;
    return {
      ...tensors,
      read: async (name: string) => {
        const values = tensors.get(name);
        if (!writes.test(name)) return values;
        const d = tensors.shape(name).at(-1) as number;
        const means = Array.from({ length: values.length / d }, (_, r) => values.slice(r * d, (r + 1) * d).reduce((a, b) => a + b, 0) / d);
        return values.map((value, i) => value - (means[Math.floor(i / d)] as number));
      },
    };
  }

  it.each(['blocks.0.hook_resid_post', 'blocks.0.hook_mlp_out'])(
    '%s: rows that lose their own mean give that model’s metrics',
    async (hook) => {
      const gpu = await testGpu();
      const plain = await loadModel(gpu, FOLDER, 64);
      const other = await loadModelFrom(gpu, FOLDER, centred(), 64);
      const d = plain.hookWidth(hook);
      const sae = someWeights('gated', d, 40, 5);
      const measure = async (model: LanguageModel, centreRows: boolean) => {
        const source: EvaluationSource = { kind: 'model', model, hook, sequences: { tokens, n, T } };
        const trainer = await trainerOf(gpu, [sae], { mean: await centreOf(gpu, d, source, { centreRows }) });
        const evaluator = await Evaluator.create(gpu, d, source, { centreRows });
        const { metrics } = (await evaluator.evaluate([{ trainer, runs: [{ index: 0, id: 'a' }] }])).get('a') ?? {};
        evaluator.destroy();
        trainer.destroy();
        return metrics as Metrics;
      };
      const [want, got, without] = [await measure(other, false), await measure(plain, true), await measure(plain, false)];
      for (const key of ['l0', 'mse', 'r2', 'gamma', 'ce_clean', 'ce_sae', 'ce_zero', 'loss_recovered'] as const)
        expect(Math.abs((got[key] as number) - (want[key] as number)), key).toBeLessThan(1e-4 * Math.max(1, Math.abs(want[key] as number)));
      expect(Math.abs(without.mse / want.mse - 1)).toBeGreaterThan(1e-3);
      plain.destroy();
      other.destroy();
    },
  );
});
