/** The embedded demo: tokenisation, harvest and losses as its README states them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/lm/families';
import { HarvestSource } from '../../../src/lm/harvest';
import { LanguageModel } from '../../../src/lm/model';
import { Splicer } from '../../../src/lm/splice';
import { loadTokeniser } from '../../../src/lm/tokeniser';
import { textToWindows } from '../../../src/lm/windows';
import { maxError, testGpu } from '../../gpu';
import { ReferenceModel } from '../../reference/lm/model';
import { openTensors, readJson } from './safetensors';

const FOLDER = 'public/demo';
const HOOK = 'blocks.0.mlp.hook_post';
const config = parseConfig(readJson(`${FOLDER}/config.json`));
const tensors = openTensors(`${FOLDER}/model.safetensors`);
const tokeniser = loadTokeniser(readJson(`${FOLDER}/tokenizer.json`), readJson(`${FOLDER}/tokenizer_config.json`), config);
const text = readFileSync(`${FOLDER}/stories.txt`, 'utf8');

const load = async () => LanguageModel.load(await testGpu(), config, tensors, { maxTokens: 1280 });

describe('the demo model', () => {
  it('has the text of the README: 300 + 3192 windows, each story behind a 0', async () => {
    const fractions: number[] = [];
    const windows = await textToWindows(text, tokeniser, 128, { vocab: config.vocab, onProgress: (f) => fractions.push(f) });
    expect(windows.count).toBe(300 + 408576 / 128);
    expect(windows.textTokens).toBe(446987);
    expect(windows.tokens.length).toBe(windows.count * 128);
    expect(windows.tokens[0]).toBe(0);
    expect(windows.tokens.filter((id) => id === 0).length).toBe(2300);
    expect(fractions.at(-1)).toBe(1);
    expect(fractions.every((f, i) => f > (fractions[i - 1] ?? 0) && f <= 1)).toBe(true);
  });

  it('gives the same losses as the float64 twin, and the README’s on 300 windows', async () => {
    const gpu = await testGpu();
    const model = await load();
    const { tokens } = await textToWindows(text, tokeniser, 128, { maxWindows: 300 });
    const twin = (await ReferenceModel.load(config, tensors)).run(tokens.subarray(0, 256), 2, 128);
    const splicer = await Splicer.create(gpu, 512, 1280);
    let [cleanSum, zeroSum] = [0, 0];
    const total = (values: Float32Array) => values.reduce((a, b) => a + b, 0);
    for (let w = 0; w < 300; w += 10) {
      const value = model.prefix(HOOK, tokens.subarray(w * 128, (w + 10) * 128), 10, 128);
      const [clean, zero] = await Promise.all([model.crossEntropy(), model.crossEntropy(splicer.zero(value))]);
      if (w === 0) expect(maxError(clean, twin.ce)).toBeLessThan(2e-5);
      cleanSum += total(clean);
      zeroSum += total(zero);
    }
    expect(cleanSum / (300 * 127)).toBeCloseTo(1.7134, 4);
    expect(zeroSum / (300 * 127)).toBeCloseTo(5.3344, 4);
    splicer.destroy();
    model.destroy();
  });

  it('harvests rows in any range, across batches, with their tokens', async () => {
    const gpu = await testGpu();
    const model = await LanguageModel.load(gpu, config, tensors, { maxTokens: 256 });
    const windows = await textToWindows(text, tokeniser, 128, { maxWindows: 5 });
    const source = new HarvestSource(gpu, model, HOOK, windows);
    expect(source).toMatchObject({ facts: { rows: 640, d: 512, sequence: 128, dtype: 'f32', hasTokens: true, bytes: 0 } });
    const { hooks } = (await ReferenceModel.load(config, tensors)).run(windows.tokens, 5, 128);
    const expected = hooks.get(HOOK) as Float64Array;
    const reads = await Promise.all([source.read(0, 640), source.read(100, 300), source.read(639, 1)]);
    for (const { start, rows, bytes, tokens } of reads) {
      expect(bytes.byteLength).toBe(rows * 512 * 4);
      expect(maxError(new Float32Array(bytes.buffer as ArrayBuffer), expected.subarray(start * 512, (start + rows) * 512))).toBeLessThan(
        2e-5,
      );
      expect([...(tokens ?? [])]).toEqual([...windows.tokens.subarray(start, start + rows)]);
    }
    await expect(source.read(600, 41)).rejects.toThrow('rows 600 to 641 are outside 0 to 640');
    expect(() => new HarvestSource(gpu, model, HOOK, { ...windows, T: 320, count: 2 })).toThrow('A window of 320 tokens exceeds the 256');
    model.destroy();
  });
});
