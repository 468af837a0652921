/** `eval` does what a saved SAE's cfg.json asks of the rows, says it, and refuses what it cannot do. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { saelensFolder } from '../../../src/interop/saelens';
import { readF32 } from '../../fixtures';
import { randoms } from '../../gpu';
import { computed, someSae } from '../../unit/interop/formula';
import { someWeights } from '../sae/sweep';
import { at, GPT2, HOOK, lab, METRICS, TOKENS, writeShard } from './harness';

const D = 24;
const ROWS = 300;

/** Saves a SAE with more in its cfg.json. */
function save(name: string, metadata: Record<string, unknown>, dIn = D): string {
  const path = at(name);
  mkdirSync(path, { recursive: true });
  for (const { name, bytes } of saelensFolder(someWeights('gated', dIn, 40, 3))) {
    const isCfg = name === 'cfg.json';
    const cfg = isCfg ? (JSON.parse(new TextDecoder().decode(bytes)) as { metadata: object }) : undefined;
    if (cfg) delete (cfg.metadata as { prepend_bos?: boolean }).prepend_bos;
    writeFileSync(join(path, name), cfg ? JSON.stringify({ ...cfg, metadata: { ...cfg.metadata, ...metadata } }) : bytes);
  }
  return path;
}

const CENTRED = { model_from_pretrained_kwargs: { center_writing_weights: true } };

describe('center_writing_weights', () => {
  // Rows with a mean of their own each; and the same rows without it, in float64.
  const values = randoms(ROWS * D, 1).map((v, i) => v + 3 * Math.sin(Math.floor(i / D)));
  const without = values.map((v, i) => {
    const from = Math.floor(i / D) * D;
    return v - values.subarray(from, from + D).reduce((a, b) => a + b, 0) / D;
  });

  it('rows lose their own mean, which is said; the metrics are those of rows that never had it', async () => {
    writeShard(at('with.safetensors'), ROWS, D, Float32Array.from(values));
    writeShard(at('without.safetensors'), ROWS, D, Float32Array.from(without));
    const [asks, plain] = [save('asks', { hook_name: 'blocks.0.hook_resid_pre', ...CENTRED }), save('plain', {})];
    const got = await lab('eval', '--sae', asks, '--data', at('with.safetensors'), '--json');
    const want = await lab('eval', '--sae', plain, '--data', at('without.safetensors'), '--json');
    const other = await lab('eval', '--sae', plain, '--data', at('with.safetensors'), '--json');
    expect([got.code, want.code, other.code]).toEqual([0, 0, 0]);
    for (const key of METRICS) expect(got.json[key] as number, key).toBeCloseTo(want.json[key] as number, 4);
    expect(Math.abs((other.json.r2 as number) - (want.json.r2 as number))).toBeGreaterThan(0.01);
    expect([got.json.rows_centred, want.json.rows_centred]).toEqual([true, undefined]);
    expect(got.json.sae_notes).toEqual([expect.stringMatching(/^cfg\.json says center_writing_weights: each row loses its mean/)]);
    const readable = await lab('eval', '--sae', asks, '--data', at('with.safetensors'));
    expect(readable.out).toMatch(/each row loses its mean over d/);
  });

  it('changes nothing at a hook inside a block, and says so', async () => {
    const sae = save('inside', { hook_name: HOOK, model_name: 'other', context_size: 9, ...CENTRED }, 80);
    const { code, json } = await lab('eval', '--sae', sae, '--model', GPT2, '--tokens', TOKENS, '--json');
    expect(code).toBe(0);
    expect(json).not.toHaveProperty('rows_centred');
    expect(json.sae_notes).toEqual([
      `cfg.json says center_writing_weights, which changes nothing at ${HOOK}: rows are measured as they are.`,
      'The SAE was made for the model other; it is measured on gpt2.',
      expect.stringMatching(/^The SAE was made with windows of 9 tokens; these have \d+\.$/),
    ]);
  });
});

describe('SAEs that SAELens wrote', () => {
  const folders = [
    ...['gated', 'standard', 'standard-no-b-dec', 'old-v2-bool-normalize', 'hook-z', 'bf16', 'square', 'fewer-features'],
    ...['jumprelu', 'old-v5-jumprelu', 'batchtopk', 'matryoshka', 'topk', 'topk-rescale', 'topk-from-training', 'old-v5-topk'],
  ];

  it.each(folders)('%s: L0 and MSE are those of the features and reconstructions that SAELens computed', async (name) => {
    const { x, f, x_hat } = readF32(`saes/read/${name}/expected.safetensors`) as Record<
      'x' | 'f' | 'x_hat',
      { shape: number[]; data: Float32Array }
    >;
    const [rows, d] = x.shape as [number, number];
    writeShard(at(`${name}.safetensors`), rows, d, x.data);
    const { json } = await lab('eval', '--sae', `tests/fixtures/saes/read/${name}`, '--data', at(`${name}.safetensors`), '--json');
    expect(json.l0).toBeCloseTo(f.data.filter((value) => value > 0).length / rows, 6);
    const off = x.data.reduce((sum, value, i) => sum + ((x_hat.data[i] as number) - value) ** 2, 0) / rows;
    expect(Math.abs((json.mse as number) / off - 1)).toBeLessThan(1e-4);
  });
});

describe('SAEs that the lab wrote', () => {
  const sorts = ['gated-untied', 'rescale-shift', 'no-heaviside', 'jumprelu-log', 'topk', 'topk-threshold', 'batchtopk'];

  it.each(sorts)('%s: L0 and MSE are those of its formula', async (name) => {
    const path = at(`written-${name}`);
    mkdirSync(path, { recursive: true });
    const sae = someSae(name);
    for (const { name: file, bytes } of saelensFolder(sae)) writeFileSync(join(path, file), bytes);
    const values = randoms(ROWS * sae.dIn, 21).map((v) => 6 * v);
    writeShard(at('written.safetensors'), ROWS, sae.dIn, values);
    const { code, json, err } = await lab('eval', '--sae', path, '--data', at('written.safetensors'), '--json');
    expect(code, err).toBe(0);
    let [l0, mse] = [0, 0];
    for (let row = 0; row < ROWS; row++) {
      const x = values.subarray(row * sae.dIn, (row + 1) * sae.dIn);
      const { f, hat } = computed(sae, x);
      l0 += f.filter((v) => v !== 0).length / ROWS;
      mse += hat.reduce((sum, v, c) => sum + (v - (x[c] as number)) ** 2, 0) / ROWS;
    }
    expect(json.arch).toBe(sae.arch);
    expect(Math.abs((json.l0 as number) - l0)).toBeLessThan(0.02);
    expect(Math.abs((json.mse as number) / mse - 1)).toBeLessThan(1e-3);
  });
});

it('fold_value_biases is refused where it shows', async () => {
  const sae = save('folded', { hook_name: 'blocks.0.attn.hook_z', model_from_pretrained_kwargs: { fold_value_biases: true } });
  const { code, err } = await lab('eval', '--sae', sae, '--model', GPT2, '--tokens', TOKENS);
  expect(code).toBe(1);
  expect(err).toMatch(/fold_value_biases: the SAE was made for other values of hook_z/);
});

it('prepend_bos false is in the result', async () => {
  const sae = save('no-bos', { hook_name: HOOK, prepend_bos: false }, 80);
  const { json } = await lab('eval', '--sae', sae, '--model', GPT2, '--tokens', TOKENS, '--json');
  expect(json.prepend_bos).toBe(false);
});

it('a weights file named alone is read with its own cfg.json', async () => {
  const sae = save('named', { hook_name: 'blocks.0.hook_resid_post', ...CENTRED });
  writeShard(at('rows.safetensors'), ROWS, D, randoms(ROWS * D, 5));
  const { json } = await lab('eval', '--sae', join(sae, 'sae_weights.safetensors'), '--data', at('rows.safetensors'), '--json');
  expect(json.rows_centred).toBe(true);
});

it('a parent folder of several is refused with the list of them, by eval and by train --init', async () => {
  const parent = at('several');
  for (const name of ['several/a', 'several/b']) save(name, {});
  writeShard(at('rows.safetensors'), ROWS, D, randoms(ROWS * D, 5));
  const words = /several: holds 2 saved SAEs: name one of several\/a, several\/b\./;
  const measured = await lab('eval', '--sae', parent, '--data', at('rows.safetensors'));
  const options = '--steps 1 --batch 64 --arch gated --d-sae 40 --lambda 0.1'.split(' ');
  const trained = await lab('train', '--init', parent, '--data', at('rows.safetensors'), '--out', at('never'), ...options);
  expect([measured.code, trained.code], trained.err).toEqual([1, 1]);
  expect(measured.err).toMatch(words);
  expect(trained.err).toMatch(words);
});
