import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import type { ByteSource } from '../../../src/data/bytes/types';
import { readHeader } from '../../../src/data/formats/safetensors/header';
import { type TensorData, writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { foldInputBias } from '../../../src/interop/fold';
import { foldScale, loadSae, saelensFolder } from '../../../src/interop/saelens';
import type { SaeWeights } from '../../../src/sae/weights';
import { randoms } from '../../gpu';

function someSae(arch: 'gated' | 'baseline', dIn = 5, dSae = 7): SaeWeights {
  const v = (seed: number) => randoms(dSae, seed);
  const vectors: Record<string, Float32Array> = arch === 'gated' ? { b_gate: v(4), r_mag: v(5), b_mag: v(6) } : { b_enc: v(4) };
  return { arch, dIn, dSae, wEnc: randoms(dSae * dIn, 1), wDec: randoms(dSae * dIn, 2), bDec: randoms(dIn, 3), vectors };
}

/** x̂ of SAELens' forward pass in float64. @param subtract apply_b_dec_to_input. */
function reconstruct(w: SaeWeights, x: ArrayLike<number>, subtract = true): number[] {
  const out = Array.from(w.bDec);
  for (let i = 0; i < w.dSae; i++) {
    let s = 0;
    for (let c = 0; c < w.dIn; c++) s += ((x[c] as number) - (subtract ? (w.bDec[c] as number) : 0)) * (w.wEnc[i * w.dIn + c] as number);
    const at = (name: string) => w.vectors[name]?.[i] as number;
    const f =
      w.arch === 'baseline'
        ? Math.max(0, s + at('b_enc'))
        : s + at('b_gate') > 0
          ? Math.max(0, s * Math.exp(at('r_mag')) + at('b_mag'))
          : 0;
    for (let c = 0; c < w.dIn; c++) out[c] = (out[c] as number) + f * (w.wDec[i * w.dIn + c] as number);
  }
  return out;
}

const sources = (files: { name: string; bytes: Uint8Array }[], folder = 'sae/'): ByteSource[] =>
  files.map((f) => new MemorySource(folder + f.name, f.bytes));
const json = (name: string, value: unknown) => ({ name, bytes: new TextEncoder().encode(JSON.stringify(value)) });
const cfgOf = (files: { name: string; bytes: Uint8Array }[]) =>
  JSON.parse(new TextDecoder().decode(files.find((f) => f.name === 'cfg.json')?.bytes));
const close = (a: ArrayLike<number>, b: ArrayLike<number>, digits = 5) =>
  Array.from(a).forEach((x, i) => expect(x).toBeCloseTo(b[i] as number, digits));

describe('saving', () => {
  it('writes the tiny gated file byte for byte as SAELens lays it out', async () => {
    const files = saelensFolder(someSae('gated', 2, 3));
    const bytes = files[1]?.bytes as Uint8Array;
    expect(bytes.byteLength).toBe(460);
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(360n);
    const { tensors } = await readHeader(new MemorySource('x', bytes));
    const spans = [...tensors.values()].map((t) => `${t.name} ${t.begin - 368}–${t.end - 368}`);
    expect(spans).toEqual(['W_dec 0–24', 'W_enc 24–48', 'b_dec 48–56', 'b_gate 56–68', 'b_mag 68–80', 'r_mag 80–92']);
    expect(tensors.get('W_enc')?.shape).toEqual([2, 3]);
    expect(tensors.get('W_dec')?.shape).toEqual([3, 2]);
  });

  it('writes the cfg.json that SAELens 6 loads', () => {
    const cfg = cfgOf(
      saelensFolder(someSae('gated'), {
        hookName: 'blocks.0.attn.hook_z',
        modelName: 'gelu-1l',
        contextSize: 128,
        lab: { lambda: 0.5, seed: 1 },
      }),
    );
    expect(cfg).toEqual({
      architecture: 'gated',
      d_in: 5,
      d_sae: 7,
      dtype: 'float32',
      device: 'cpu',
      apply_b_dec_to_input: true,
      normalize_activations: 'none',
      reshape_activations: 'hook_z',
      metadata: {
        sae_lens_version: '6.18.0',
        sae_lens_training_version: '6.18.0',
        model_name: 'gelu-1l',
        hook_name: 'blocks.0.attn.hook_z',
        hook_head_index: null,
        context_size: 128,
        prepend_bos: true,
        gated_sae_lab: { lambda: 0.5, seed: 1 },
      },
    });
    expect(cfgOf(saelensFolder(someSae('baseline')))).toMatchObject({ architecture: 'standard', reshape_activations: 'none' });
  });

  it('says how it was trained in SAELens’ own names, which reading it back does not mention', async () => {
    const training = { lr: 1e-3, lrWarmup: 10, lrDecaySteps: 200, beta1: 0, beta2: 0.999, batch: 64, steps: 1000, seed: 3 };
    const files = saelensFolder(someSae('gated'), { training: { ...training, l1: { coefficient: 0.5, warmup: 20 } } });
    expect(cfgOf(files).metadata).toMatchObject({
      lr: 1e-3,
      lr_warm_up_steps: 10,
      lr_decay_steps: 200,
      adam_beta1: 0,
      adam_beta2: 0.999,
      l1_coefficient: 0.5,
      l1_warm_up_steps: 20,
      train_batch_size_tokens: 64,
      training_tokens: 64000,
      seed: 3,
    });
    expect((await loadSae(sources(files))).notes).toEqual([]);
    expect(cfgOf(saelensFolder(someSae('gated'), { training })).metadata).not.toHaveProperty('l1_coefficient');
  });

  it.each(['gated', 'baseline'] as const)('%s comes back bit for bit', async (arch) => {
    const weights = someSae(arch);
    const files = saelensFolder(weights, { hookName: 'blocks.0.mlp.hook_post' });
    const { notes, cfg, hookName, ...back } = await loadSae(sources(files));
    expect(back).toEqual(weights);
    expect([notes, hookName]).toEqual([[], 'blocks.0.mlp.hook_post']);
    expect(cfg).toHaveProperty('metadata.sae_lens_version');
    const { notes: _, ...alone } = await loadSae(sources(files.slice(1)));
    expect(alone).toEqual(weights);
  });
});

describe('loading', () => {
  const file = (tensors: TensorData[]) => ({ name: 'sae_weights.safetensors', bytes: writeSafetensors(tensors) });
  const f32 = (name: string, shape: number[], value = 1): TensorData => ({
    name,
    dtype: 'F32',
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
  });
  const standard = [f32('W_enc', [2, 3]), f32('W_dec', [3, 2]), f32('b_dec', [2]), f32('b_enc', [3])];
  const load = (tensors: TensorData[], cfg?: unknown, more: { name: string; bytes: Uint8Array }[] = []) =>
    loadSae(sources([file(tensors), ...(cfg === undefined ? [] : [json('cfg.json', cfg)]), ...more]));
  const v6 = { architecture: 'standard', d_in: 2, d_sae: 3, normalize_activations: 'none', metadata: {} };

  it('computes SAELens’ own hand vector', async () => {
    const gated = [f32('W_enc', [2, 3]), f32('W_dec', [3, 2]), f32('b_dec', [2], 0), f32('b_mag', [3])];
    const list = (name: string, values: number[]): TensorData => ({ name, dtype: 'F32', shape: [3], data: Float32Array.from(values) });
    const sae = await load([...gated, list('b_gate', [-2, 0, 1]), list('r_mag', [1, 2, 3])]);
    close(reconstruct(sae, [0.3, 0.3]), [18.4848, 18.4848], 3);
  });

  it('reads other float dtypes', async () => {
    const half = standard.map((t) => ({ ...t, dtype: 'F16' as const, data: new Uint16Array(t.data.byteLength / 4).fill(0x3800) }));
    expect((await load(half, v6)).wEnc).toEqual(new Float32Array(6).fill(0.5));
    const wide = standard.map((t) => ({ ...t, dtype: 'F64' as const, data: new Float64Array(t.data.byteLength / 4).fill(0.1) }));
    expect((await load(wide)).bDec).toEqual(new Float32Array(2).fill(0.1));
  });

  it('reads flat cfg.json of v1 to v5', async () => {
    expect(
      (await load(standard, { d_in: 2, d_sae: 3, hook_name: 'h', activation_fn_str: 'relu', normalize_activations: 'none' })).hookName,
    ).toBe('h');
    expect(
      (await load(standard, { d_in: 2, d_sae: 3, hook_point: 'p', activation_fn: 'relu', normalize_activations: false })).hookName,
    ).toBe('p');
  });

  it('says which architecture it takes where cfg.json names none', async () => {
    expect((await load(standard, v6)).notes).toEqual([]);
    expect((await load(standard, { d_in: 2, d_sae: 3 })).notes).toEqual([
      'cfg.json names no architecture: "standard" is taken, as SAELens does.',
    ]);
  });

  it.each([
    ['unknown architecture', { ...v6, architecture: 'temporal' }, /cfg\.json: architecture "temporal".*standard, gated/],
    ['top-k of old', { d_in: 2, d_sae: 3, activation_fn_str: 'topk' }, /architecture "topk" and no k/],
    ['another activation', { d_in: 2, d_sae: 3, activation_fn_str: 'tanh-relu' }, /activation function "tanh-relu" is not read/],
    ['layer_norm', { ...v6, normalize_activations: 'layer_norm' }, /layer_norm/],
    ['unfolded scale', { ...v6, normalize_activations: 'expected_average_only_in' }, /activation_scaler\.json/],
    ['other sizes', { ...v6, d_sae: 4 }, /d_sae 4, d_in 2/],
    ['gated without its tensors', { ...v6, architecture: 'gated' }, /no tensor "b_gate"/],
    ['nonsense width', { ...v6, d_in: 'x' }, /d_in is "x"/],
    ['no object', [], /no JSON object/],
  ])('refuses %s', async (_, cfg, words) => {
    await expect(load(standard, cfg)).rejects.toThrow(words);
    await expect(load(standard, cfg)).rejects.toThrow(/^sae\/(cfg\.json|sae_weights\.safetensors): /);
  });

  it('refuses weights that are not what they should be', async () => {
    await expect(load([...standard, f32('threshold', [3])], v6)).rejects.toThrow(/jumprelu/);
    await expect(load(standard.slice(0, 3))).rejects.toThrow(/neither b_enc/);
    await expect(load([f32('W_enc', [3, 2]), ...standard.slice(1)])).rejects.toThrow(/W_enc has shape \[3, 2\]; \[2, 3\]/);
    await expect(load([...standard.slice(0, 3), f32('b_enc', [3], Number.NaN)])).rejects.toThrow(/b_enc holds NaN/);
    await expect(load([f32('x', [1, 1])])).rejects.toThrow(/no saved SAE/);
    await expect(loadSae(sources([json('cfg.json', v6)]))).rejects.toThrow(/no weights here/);
    await expect(loadSae(sources([{ name: 'sae_weights.safetensors', bytes: file(standard).bytes.slice(0, -4) }]))).rejects.toThrow(
      /truncated/,
    );
  });

  it('folds what the lab has no word for, and says so', async () => {
    const ones = await load([...standard, f32('scaling_factor', [3], 1)], v6);
    expect(ones.notes).toEqual([]);
    const twice = await load([...standard, f32('scaling_factor', [3], 2)], v6);
    expect(twice.wDec).toEqual(new Float32Array(6).fill(2));
    expect(twice.notes).toHaveLength(1);
    const scaled = await load(standard, { ...v6, normalize_activations: 'expected_average_only_in' }, [
      json('activation_scaler.json', { scaling_factor: 4 }),
    ]);
    expect([scaled.bDec[0], scaled.vectors.b_enc?.[0], scaled.notes.length]).toEqual([0.25, 0.25, 1]);
    expect((await load(standard, v6, [json('activation_scaler.json', { scaling_factor: null })])).notes).toEqual([]);
    expect((await load(standard, { ...v6, apply_b_dec_to_input: false })).vectors.b_enc?.[0]).toBe(3);
  });
});

describe('folding', () => {
  const x = [0.7, -0.2, 1.1, 0.4, -0.9];
  it.each(['gated', 'baseline'] as const)('%s: a SAE of s·x becomes the same SAE of x', (arch) => {
    const weights = someSae(arch);
    const s = 3.7;
    const folded = foldScale(weights, s);
    close(
      reconstruct(folded, x).map((v) => v * s),
      reconstruct(
        weights,
        x.map((v) => v * s),
      ),
    );
    expect(folded.wDec).toBe(weights.wDec);
    expect(() => foldScale(weights, 0)).toThrow(RangeError);
  });

  it.each(['gated', 'baseline'] as const)('%s: b_dec moves into the encoder’s biases', (arch) => {
    const weights = someSae(arch);
    close(reconstruct(foldInputBias(weights), x), reconstruct(weights, x, false));
  });
});
