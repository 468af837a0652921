/** What a checkpoint holds against what its config.json says: used and said, refused by name, or listed; right losses are transformers'. */
import { describe, expect, it } from 'vitest';
import type { TensorReader } from '../../../src/lm/checkpoint';
import { parseConfig } from '../../../src/lm/families';
import { checkWeights, loadWeights } from '../../../src/lm/weights';
import { maxError } from '../../gpu';
import { openTensors, readJson } from '../../kernels/lm/safetensors';
import { ReferenceModel } from '../../reference/lm/model';

type Json = Record<string, unknown>;
const folder = (name: string) => `tests/fixtures/lm/${name}`;
const json = (name: string) => readJson(`${folder(name)}/config.json`) as Json;
const keep = { matrix: (_: string, data: Float32Array) => data, vector: (_: string, data: Float32Array) => data };

/** The tensors of a fixture with more of them. */
function withMore(name: string, more: Record<string, number[]>): TensorReader {
  const tensors = openTensors(`${folder(name)}/model.safetensors`);
  const sizes = new Map(Object.entries(more));
  return {
    label: 'm.safetensors',
    names: () => [...tensors.names(), ...sizes.keys()],
    shape: (tensor) => sizes.get(tensor) ?? tensors.shape(tensor),
    read: async (tensor) =>
      sizes.has(tensor) ? new Float32Array(sizes.get(tensor)?.reduce((a, b) => a * b, 1) ?? 0) : tensors.read(tensor),
  };
}

describe('config.json says less than the checkpoint holds', () => {
  it.each<[string, Json, RegExp]>([
    // A head of its own where the config ties it to the embedding, aloud or by GPT-2's default.
    [
      'gpt2-gelu-untied',
      { tie_word_embeddings: true },
      /has a head of its own, lm_head\.weight, that differs from the embedding.*The head is used/,
    ],
    ['gpt2-gelu-untied', { tie_word_embeddings: null }, /head of its own/],
    ['llama', { tie_word_embeddings: true }, /head of its own/],
    // Biases that nothing asks for.
    ['llama-linear-rope', { attention_bias: null, mlp_bias: null }, /has 7 biases that config\.json does not ask for.*added.*q_proj\.bias/],
    ['llama-linear-rope', { attention_bias: false, mlp_bias: false }, /7 biases/],
  ])('%s with %o: the checkpoint is believed, aloud', async (name, change, words) => {
    const config = parseConfig({ ...json(name), ...change });
    const tensors = openTensors(`${folder(name)}/model.safetensors`);
    const values = openTensors(`${folder(name)}/expected.safetensors`);
    const [n, T] = values.shape('input_ids') as [number, number];
    const { ce } = (await ReferenceModel.load(config, tensors)).run(values.get('input_ids'), n, T);
    expect(maxError(ce, values.get('ce'))).toBeLessThan(1e-4);
    expect((await loadWeights(config, tensors, keep)).notes).toEqual([expect.stringMatching(words)]);
    expect(checkWeights(config, tensors)).toEqual([expect.stringMatching(/has a head|biases/)]);
  });

  it('says nothing of a head that is the embedding, and counts it once', async () => {
    const tensors = openTensors(`${folder('gpt2')}/model.safetensors`);
    const doubled: TensorReader = {
      names: () => [...tensors.names(), 'lm_head.weight'],
      shape: (name) => tensors.shape(name === 'lm_head.weight' ? 'transformer.wte.weight' : name),
      read: (name) => tensors.read(name === 'lm_head.weight' ? 'transformer.wte.weight' : name),
    };
    const weights = await loadWeights(parseConfig(json('gpt2')), doubled, keep);
    expect([weights.unembed, weights.notes, weights.parameters]).toEqual([weights.embed, [], 16792]);
  });
});

describe('tensors that nothing reads', () => {
  it.each<[string, Record<string, number[]>]>([
    ['llama', { 'model.layers.1.self_attn.q_norm.weight': [8] }],
    ['llama', { 'model.layers.0.post_feedforward_layernorm.weight': [32] }],
    ['llama', { 'lm_head.bias': [97] }],
    ['llama', { 'model.norm.bias': [32] }],
    ['gpt2', { 'transformer.h.0.crossattention.c_attn.weight': [24, 48] }],
    ['gpt2', { 'transformer.h.1.attn.c_attn.lora_A.weight': [4, 24] }],
  ])('%s: %o would change the numbers, and is refused', async (name, more) => {
    const config = parseConfig(json(name));
    const refusal = `m.safetensors: has tensors in the way from tokens to logits for which ${config.label}, as config.json describes it, has no place: ${Object.keys(more)[0]}`;
    expect(() => checkWeights(config, withMore(name, more))).toThrow(refusal);
    await expect(loadWeights(config, withMore(name, more), keep)).rejects.toThrow(refusal);
  });

  it('lists the others, and leaves constants of the code unmentioned', async () => {
    const config = parseConfig(json('gpt2'));
    const more = { 'transformer.h.0.attn.bias': [1, 1, 64, 64], 'transformer.h.0.attn.masked_bias': [], 'h.1.attn.bias': [1, 1, 64, 64] };
    expect((await loadWeights(config, withMore('gpt2', more), keep)).notes).toEqual([]);
    const beside = { 'score.weight': [2, 24], 'transformer.h.2.ln_1.weight': [24] };
    expect((await loadWeights(config, withMore('gpt2', beside), keep)).notes).toEqual([
      'm.safetensors has 2 tensors that nothing reads: score.weight, transformer.h.2.ln_1.weight.',
    ]);
    const llama = parseConfig(json('llama'));
    expect(checkWeights(llama, withMore('llama', { 'model.layers.0.self_attn.rotary_emb.inv_freq': [4] }))).toEqual([]);
  });

  it('says that a model was saved inside a wrapper', () => {
    const tensors = openTensors(`${folder('llama')}/model.safetensors`);
    const wrapped: TensorReader = { ...tensors, names: () => tensors.names().map((name) => `base_model.model.${name}`) };
    expect(() => checkWeights(parseConfig(json('llama')), wrapped)).toThrow(
      'tensor model.embed_tokens.weight is missing; there is base_model.model.model.embed_tokens.weight: the model was saved inside a wrapper',
    );
  });
});
