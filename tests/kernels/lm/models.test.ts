/** Whole models against transformers' own outputs: every hook, every splice, and the float64 twin beside them. */
import { describe, expect, it } from 'vitest';
import { Arena, readFloats } from '../../../src/gpu/buffers';
import { parseConfig } from '../../../src/lm/families';
import { LanguageModel, type LoadOptions } from '../../../src/lm/model';
import { type SpliceMode, Splicer, spliceValue } from '../../../src/lm/splice';
import { maxError, testGpu } from '../../gpu';
import { ReferenceModel } from '../../reference/lm/model';
import { openTensors, readJson } from './safetensors';

const FIXTURES = ['gpt2', 'gpt2-gelu-untied', 'llama'];
const TOLERANCE = 1e-4;

interface Expected {
  ce_clean: number;
  spliced: Record<string, Record<SpliceMode, number>>;
}

async function open(name: string, options: Partial<LoadOptions> = {}) {
  const folder = `tests/fixtures/lm/${name}`;
  const config = parseConfig(readJson(`${folder}/config.json`));
  const tensors = openTensors(`${folder}/model.safetensors`);
  const gpu = await testGpu();
  const model = await LanguageModel.load(gpu, config, tensors, { maxTokens: 64, ...options });
  const values = openTensors(`${folder}/expected.safetensors`);
  const [n, T] = values.shape('input_ids') as [number, number];
  return {
    gpu,
    config,
    tensors,
    model,
    values,
    n,
    T,
    tokens: Uint32Array.from(values.get('input_ids')),
    expected: readJson(`${folder}/expected.json`) as Expected,
  };
}

const mean = (values: Float32Array): number => values.reduce((a, b) => a + b, 0) / values.length;

describe.each(FIXTURES)('%s', (name) => {
  it('agrees with transformers at every hook, in every splice and in the loss of every token', async () => {
    const { gpu, model, values, n, T, tokens, expected } = await open(name);
    expect(model.hooks.map((hook) => hook.name).sort()).toEqual(Object.keys(expected.spliced).sort());
    for (const { name: hook, width } of model.hooks) {
      const value = model.prefix(hook, tokens, n, T);
      expect(value).toMatchObject({ hook, rows: n * T, width });
      expect(maxError(await readFloats(gpu, value.buffer, 0, n * T * width), values.get(hook)), hook).toBeLessThan(TOLERANCE);
      const splicer = await Splicer.create(gpu, width, 64);
      for (const mode of ['zero', 'mean', 'half'] as const) {
        const ce = await model.crossEntropy(await spliceValue(splicer, mode, value));
        expect(Math.abs(mean(ce) - (expected.spliced[hook]?.[mode] as number)), `${hook} ${mode}`).toBeLessThan(TOLERANCE);
      }
      // After three splices the kept state must still give the untouched model.
      const ce = await model.crossEntropy();
      expect(ce.length).toBe(n * (T - 1));
      expect(maxError(ce, values.get('ce')), hook).toBeLessThan(TOLERANCE);
      splicer.destroy();
    }
    model.destroy();
    gpu.check();
  });

  it('agrees with the float64 twin when weights, dispatches and submissions are cut small', async () => {
    const { gpu, config, tensors, model, n, T, tokens } = await open(name, { splitBytes: 2048, flopsPerMs: 100 });
    const twin = await ReferenceModel.load(config, tensors);
    for (const { name: hook, width } of model.hooks) {
      const { hooks, ce } = twin.run(tokens, n, T, (at, value) => (at.name === hook ? value.map((v) => v / 2) : value));
      const value = model.prefix(hook, tokens, n, T);
      const splicer = await Splicer.create(gpu, width, 64);
      const halved = splicer.half(value);
      expect(maxError(await readFloats(gpu, halved, 0, n * T * width), hooks.get(hook) as Float64Array), hook).toBeLessThan(1e-5);
      expect(maxError(await model.crossEntropy(halved), ce), hook).toBeLessThan(2e-5);
      splicer.destroy();
    }
    model.destroy();
  });
});

describe('LanguageModel', () => {
  it('gives the same bits whatever else shares the batch, and for other shapes', async () => {
    const { model, n, T, tokens, values } = await open('llama');
    model.prefix('blocks.1.hook_mlp_out', tokens.subarray(T), n - 1, T);
    const alone = await model.crossEntropy();
    expect(maxError(alone, values.get('ce').subarray(T - 1))).toBeLessThan(TOLERANCE);
    model.prefix('blocks.1.hook_mlp_out', tokens, n, T);
    expect((await model.crossEntropy()).subarray(T - 1)).toEqual(alone);
    model.prefix('blocks.0.attn.hook_z', tokens, 1, 5);
    expect(maxError(await model.crossEntropy(), values.get('ce').subarray(0, 4))).toBeLessThan(TOLERANCE);
    model.destroy();
  });

  it('shows a NaN in the replacement as NaN in the losses after it, and in no other sequence', async () => {
    const { gpu, model, n, T, tokens, values } = await open('gpt2');
    const { width } = model.prefix('blocks.0.hook_mlp_out', tokens, n, T);
    const damaged = values.get('blocks.0.hook_mlp_out').slice();
    damaged[5 * width + 3] = Number.NaN;
    const arena = new Arena(gpu, 'test');
    const ce = await model.crossEntropy(arena.upload('damaged', damaged));
    expect(ce.subarray(5, T - 1).every(Number.isNaN)).toBe(true);
    expect(maxError(ce.subarray(T - 1), values.get('ce').subarray(T - 1))).toBeLessThan(TOLERANCE);
    arena.destroy();
    model.destroy();
  });

  it('says what is wrong with a batch', async () => {
    const { gpu, model, n, T, tokens } = await open('gpt2');
    expect(() => model.crossEntropy()).toThrow('none was run');
    expect(() => model.prefix('blocks.2.hook_mlp_out', tokens, n, T)).toThrow(/no hook blocks.2.hook_mlp_out.*i = 0 to 1/);
    expect(() => model.prefix('blocks.0.hook_mlp_out', tokens, 1, 65)).toThrow("the model's context of 64");
    expect(() => model.prefix('blocks.0.hook_mlp_out', tokens, 3, 24)).toThrow('exceeds the 64');
    expect(() => model.prefix('blocks.0.hook_mlp_out', tokens.subarray(1), n, T)).toThrow('47 tokens given');
    expect(() =>
      model.prefix(
        'blocks.0.hook_mlp_out',
        tokens.map(() => 97),
        n,
        T,
      ),
    ).toThrow(/Token id 97 .* vocabulary of 97/);
    model.prefix('blocks.0.hook_mlp_out', tokens, n, T);
    const small = gpu.device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_SRC });
    expect(() => model.crossEntropy(small)).toThrow(/has 16 bytes; 48 tokens of 24 values take 4608/);
    model.prefix('blocks.0.hook_mlp_out', tokens, 4, 1);
    expect(() => model.crossEntropy()).toThrow('predict nothing');
    expect(model.parameters).toBe(16792);
    expect(model.gpuBytes).toBeGreaterThan(model.parameters * 4);
    model.destroy();
  });

  it('says how many bytes are too many', async () => {
    await expect(open('gpt2', { maxTokens: 1e6 })).rejects.toThrow(
      /for 1000000 tokens takes \d+ bytes; this device binds at most 134217728/,
    );
  });
});
