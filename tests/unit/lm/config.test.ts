/** config.json: both spellings of every key, and a refusal by name for everything that is not implemented. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/data/bytes/types';
import { parseConfig } from '../../../src/lm/families';
import { listHooks } from '../../../src/lm/hooks';
import { ropeFrequencies } from '../../../src/lm/rope';

type Json = Record<string, unknown>;
const fixture = (name: string): Json => JSON.parse(readFileSync(`tests/fixtures/lm/${name}/config.json`, 'utf8')) as Json;
const gpt2 = fixture('gpt2');
const llama = fixture('llama');
const without = (json: Json, ...keys: string[]): Json => Object.fromEntries(Object.entries(json).filter(([key]) => !keys.includes(key)));

describe('parseConfig', () => {
  it('reads GPT-2', () => {
    expect(parseConfig(gpt2)).toEqual({
      family: 'gpt2',
      label: 'GPT-2',
      layers: 2,
      dModel: 24,
      heads: 3,
      kvHeads: 3,
      headDim: 8,
      dMlp: 80,
      vocab: 97,
      context: 64,
      norm: 'layernorm',
      normEps: 1e-5,
      activation: 'gelu_new',
      gated: false,
      attentionScale: [8 ** -0.5, 8 ** -0.5],
      attentionBias: true,
      mlpBias: true,
      tied: true,
      bosTokenId: 50256,
      eosTokenId: 50256,
      dtype: 'float32',
    });
    expect(parseConfig(fixture('gpt2-gelu-untied'))).toMatchObject({ dMlp: 64, activation: 'gelu', tied: false });
  });

  it('reads Llama', () => {
    expect(parseConfig(llama)).toEqual({
      family: 'llama',
      label: 'Llama',
      layers: 2,
      dModel: 32,
      heads: 4,
      kvHeads: 2,
      headDim: 8,
      dMlp: 88,
      vocab: 97,
      context: 64,
      norm: 'rmsnorm',
      normEps: 1e-5,
      activation: 'silu',
      gated: true,
      rope: { theta: 10000 },
      attentionScale: [8 ** -0.5, 8 ** -0.5],
      attentionBias: false,
      mlpBias: false,
      tied: false,
      bosTokenId: 1,
      eosTokenId: 2,
      dtype: 'float32',
    });
  });

  it('reads the older spellings of the same models', () => {
    const oldLlama = {
      ...without(llama, 'dtype', 'rope_parameters', 'head_dim', 'attention_bias', 'mlp_bias', 'tie_word_embeddings'),
      torch_dtype: 'float32',
      rope_theta: 10000,
      rope_scaling: null,
    };
    expect(parseConfig(oldLlama)).toEqual(parseConfig(llama));
    expect(parseConfig(without(oldLlama, 'rope_theta', 'rope_scaling'))).toEqual(parseConfig(llama));
    expect(parseConfig({ ...oldLlama, rope_theta: 5e5 }).rope).toEqual({ theta: 5e5 });
    expect(parseConfig({ ...llama, rope_parameters: { rope_theta: 5e5, rope_type: 'default' } }).rope).toEqual({ theta: 5e5 });
    const oldGpt2 = {
      ...without(gpt2, 'dtype', 'n_positions', 'tie_word_embeddings', 'scale_attn_weights'),
      torch_dtype: 'float32',
      n_ctx: 64,
    };
    expect(parseConfig(oldGpt2)).toEqual(parseConfig(gpt2));
    expect(parseConfig({ ...without(gpt2, 'activation_function'), hidden_act: 'gelu_pytorch_tanh' })).toEqual(parseConfig(gpt2));
    expect(parseConfig(without(gpt2, 'model_type'))).toEqual(parseConfig(gpt2));
  });

  it('keeps the details that change the arithmetic', () => {
    expect(parseConfig({ ...gpt2, scale_attn_weights: false, scale_attn_by_inverse_layer_idx: true }).attentionScale).toEqual([1, 1 / 2]);
    expect(parseConfig(without(llama, 'num_key_value_heads')).kvHeads).toBe(4);
    expect(parseConfig({ ...llama, head_dim: 16 })).toMatchObject({ headDim: 16, attentionScale: [1 / 4, 1 / 4] });
    expect(parseConfig({ ...llama, eos_token_id: [128001, 128008] }).eosTokenId).toBe(128001);
    expect(parseConfig({ ...llama, attention_bias: true, mlp_bias: true, tie_word_embeddings: true })).toMatchObject({
      attentionBias: true,
      mlpBias: true,
      tied: true,
    });
  });

  it.each<[string, unknown, string]>([
    [
      'a family',
      { model_type: 'gemma', architectures: ['GemmaForCausalLM'] },
      'model family gemma (GemmaForCausalLM) is not supported; supported families: GPT-2 (gpt2), Llama (llama)',
    ],
    [
      'a family known by its architecture only',
      { architectures: ['GPTNeoXForCausalLM'] },
      'model family gptneox (GPTNeoXForCausalLM) is not supported',
    ],
    ['no family', {}, 'neither model_type nor architectures'],
    ['an activation', { ...gpt2, activation_function: 'quick_gelu' }, 'activation quick_gelu is not supported'],
    ['a prototype name as activation', { ...gpt2, activation_function: 'toString' }, 'activation toString is not supported'],
    [
      'a rope scaling',
      { ...llama, rope_parameters: { rope_theta: 1e4, rope_type: 'yarn', factor: 4 } },
      'rope scaling yarn is not supported',
    ],
    [
      'a rope scaling of old',
      { ...without(llama, 'rope_parameters'), rope_scaling: { type: 'dynamic', factor: 2 } },
      'rope scaling dynamic is not supported',
    ],
    [
      'partial rotation',
      { ...llama, rope_parameters: { rope_theta: 1e4, partial_rotary_factor: 0.25 } },
      'partial rotary embedding (partial_rotary_factor = 0.25) is not supported',
    ],
    ['a sliding window', { ...llama, sliding_window: 4096 }, 'sliding-window attention (sliding_window = 4096) is not supported'],
    ['cross-attention', { ...gpt2, add_cross_attention: true }, 'cross-attention (add_cross_attention = true) is not supported'],
    ['quantised weights', { ...llama, quantization_config: { quant_method: 'gptq' } }, 'quantised weights'],
    [
      'angles that differ between layers',
      { ...llama, rope_parameters: { full_attention: { rope_theta: 1e6 }, sliding_attention: { rope_theta: 1e4 } } },
      'rotary embedding that differs between layers (rope_parameters is given by full_attention, sliding_attention) is not supported',
    ],
    [
      'two kinds of scaling at once',
      { ...llama, rope_parameters: { rope_theta: 1e4, rope_type: 'linear', type: 'default', factor: 2 } },
      'rope_parameters says both rope_type linear and type default',
    ],
    ['a scaling without its factor', { ...llama, rope_parameters: { rope_theta: 1e4, rope_type: 'linear' } }, 'factor is missing'],
    [
      'layers of another kind',
      { ...llama, layer_types: ['full_attention', 'sliding_attention'] },
      'layers of another kind than full attention (layer_types has "sliding_attention")',
    ],
    ['a scale of the embedding', { ...llama, embedding_multiplier: 12 }, 'a scale of the embedding (embedding_multiplier = 12) is not'],
    ['a scale of the blocks', { ...llama, residual_multiplier: 0.22 }, 'a scale of what blocks add (residual_multiplier = 0.22)'],
    ['a scale of the scores', { ...llama, query_pre_attn_scalar: 144 }, '(query_pre_attn_scalar = 144) is not supported'],
    ['soft-capping', { ...gpt2, attn_logit_softcapping: 50 }, 'attention logit soft-capping (attn_logit_softcapping = 50)'],
    ['experts', { ...llama, num_local_experts: 8 }, 'a mixture of experts (num_local_experts = 8)'],
    ['parallel blocks', { ...llama, use_parallel_residual: true }, 'attention and MLP in parallel'],
    ['pruned heads', { ...gpt2, pruned_heads: { 0: [1] } }, 'pruned heads'],
    ['a head width that is not the quotient', { ...gpt2, head_dim: 16 }, 'a head width other than n_embd / n_head = 8 (head_dim = 16)'],
    ['a missing size', without(llama, 'hidden_size'), 'hidden_size is missing'],
    ['a size that is none', { ...gpt2, n_embd: '24' }, 'n_embd is "24"; expected a positive whole number'],
    ['a negative size', { ...gpt2, n_layer: -1 }, 'n_layer is -1'],
    ['a fraction', { ...gpt2, vocab_size: 0.5 }, 'vocab_size is 0.5'],
    ['heads that do not divide', { ...gpt2, n_head: 5 }, 'n_embd 24 is not divisible by n_head 5'],
    ['groups that do not divide', { ...llama, num_key_value_heads: 3 }, 'num_attention_heads 4 is not divisible by num_key_value_heads 3'],
    ['an odd head', { ...llama, head_dim: 6 }, 'a head width of 6 is not supported'],
    ['a flag that is none', { ...llama, mlp_bias: 'yes' }, 'mlp_bias is "yes"; expected true or false'],
    ['a list', [], 'not a JSON object'],
    ['nothing', null, 'not a JSON object'],
  ])('refuses %s', (_, json, message) => {
    expect(() => parseConfig(json, 'model/config.json')).toThrow(DataError);
    expect(() => parseConfig(json, 'model/config.json')).toThrow(message);
    expect(() => parseConfig(json, 'model/config.json')).toThrow(/^model\/config.json: /);
  });
});

describe('keys that nothing reads', () => {
  const notes = (json: unknown): string[] => {
    const all: string[] = [];
    parseConfig(json, 'config.json', (note) => all.push(note));
    return all;
  };

  it('are none in the configs that transformers writes, with what it writes for training and generation', () => {
    for (const json of [gpt2, llama, fixture('gpt2-gelu-untied'), fixture('llama-linear-rope')]) expect(notes(json)).toEqual([]);
    const hub = { id2label: { 0: 'LABEL_0' }, task_specific_params: {}, max_length: 50, n_ctx: 64, pruned_heads: {}, sliding_window: null };
    expect(notes({ ...gpt2, ...hub })).toEqual([]);
    expect(notes({ ...llama, layer_types: ['full_attention', 'full_attention'], use_sliding_window: false, sliding_window: 32 })).toEqual(
      [],
    );
    expect(notes({ ...llama, rope_parameters: { full_attention: { rope_theta: 10000, rope_type: 'default' } } })).toEqual([]);
  });

  it('are listed with their values, nested ones too', () => {
    expect(notes({ ...llama, mup_width: 256, norm_after: true })).toEqual([
      'config.json has keys that nothing here reads: mup_width = 256, norm_after = true. If they change the arithmetic, the numbers are not this model’s.',
    ]);
    expect(notes({ ...llama, rope_parameters: { rope_theta: 10000, beta_fast: 32 } })[0]).toContain(
      'rope_parameters.beta_fast = 32. If it changes',
    );
    expect(notes({ ...llama, rope_theta: 5e5 })[0]).toContain('rope_theta = 500000');
    expect(notes({ ...llama, architectures: ['MistralForCausalLM'] })).toEqual([
      'config.json names the architecture MistralForCausalLM; the model is read as Llama, after its model_type.',
    ]);
  });
});

describe('rope scaling', () => {
  it('linear divides every frequency', () => {
    const { rope } = parseConfig({ ...llama, rope_parameters: { rope_theta: 100, rope_type: 'linear', factor: 4 } });
    expect([...ropeFrequencies(rope as NonNullable<typeof rope>, 4)]).toEqual([1 / 4, 1 / 40]);
  });

  it('llama3 leaves short wavelengths, divides long ones, and passes smoothly', () => {
    const scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
    const { rope } = parseConfig({ ...without(llama, 'rope_parameters'), rope_theta: 5e5, rope_scaling: scaling });
    const plain = ropeFrequencies({ theta: 5e5 }, 128);
    const scaled = ropeFrequencies(rope as NonNullable<typeof rope>, 128);
    const ratio = Array.from(scaled, (f, j) => f / (plain[j] as number));
    // Wavelength 2π·theta^(j/64): 2048 is reached at j = 28.2, 8192 at j = 35.
    expect(ratio.slice(0, 29).every((r) => r === 1)).toBe(true);
    expect(ratio.slice(35).every((r) => Math.abs(r - 1 / 8) < 1e-12)).toBe(true);
    const wavelength = (2 * Math.PI) / (plain[32] as number);
    const smooth = (8192 / wavelength - 1) / 3;
    expect(ratio[32]).toBeCloseTo((1 - smooth) / 8 + smooth, 12);
  });
});

it('names the hooks as TransformerLens does, in the order they are computed', () => {
  expect(
    listHooks(parseConfig(llama))
      .map(({ name, width }) => `${name} ${width}`)
      .slice(0, 5),
  ).toEqual([
    'blocks.0.attn.hook_z 32',
    'blocks.0.mlp.hook_post 88',
    'blocks.0.hook_mlp_out 32',
    'blocks.0.hook_resid_post 32',
    'blocks.1.attn.hook_z 32',
  ]);
});
