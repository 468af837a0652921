/**
 * What the forward pass needs to know of a model, from its Hugging Face `config.json`.
 *
 * Keys and defaults are those of transformers' `GPT2Config` and `LlamaConfig` (4.x and 5.x spellings). Anything that
 * would change the arithmetic and is not implemented is refused by name: a model that loads is a model that is right.
 */
import { Fields } from './fields';
import { parseRope, type Rope } from './rope';

export const ACTIVATIONS = ['gelu', 'gelu_new', 'silu', 'relu'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

export interface LmConfig {
  family: 'gpt2' | 'llama';
  /** The family's name for people. */
  label: 'GPT-2' | 'Llama';
  layers: number;
  dModel: number;
  heads: number;
  /** Key/value heads; a divisor of `heads`. */
  kvHeads: number;
  headDim: number;
  dMlp: number;
  vocab: number;
  /** Longest sequence in tokens. */
  context: number;
  norm: 'layernorm' | 'rmsnorm';
  normEps: number;
  activation: Activation;
  /** True when the MLP multiplies the activation by a second projection (SwiGLU). */
  gated: boolean;
  /** Learned position embeddings when absent. */
  rope?: Rope;
  /** Factor of q·k, one a layer. */
  attentionScale: number[];
  attentionBias: boolean;
  mlpBias: boolean;
  /** The unembedding is the token embedding. */
  tied: boolean;
  bosTokenId?: number;
  eosTokenId?: number;
  /** dtype of the checkpoint as the config names it; arithmetic is f32 whatever it says. */
  dtype?: string;
}

// Spellings of one function; `gelu_new` is the tanh approximation.
const ACTIVATION_NAMES: Record<string, Activation> = {
  gelu: 'gelu',
  gelu_new: 'gelu_new',
  gelu_pytorch_tanh: 'gelu_new',
  silu: 'silu',
  swish: 'silu',
  relu: 'relu',
};

const FAMILIES = 'GPT-2 (gpt2), Llama (llama)';

/**
 * @param json the parsed config.json.
 * @param path its name, for messages.
 * @throws DataError naming the part that is missing, malformed or not supported.
 */
export function parseConfig(json: unknown, path = 'config.json'): LmConfig {
  const fields: Fields = new Fields(path, json);
  const architectures = fields.get('architectures');
  const architecture = Array.isArray(architectures) && typeof architectures[0] === 'string' ? architectures[0] : undefined;
  const family = fields.text(['model_type']) ?? architecture?.replace(/(LMHeadModel|ForCausalLM|Model)$/, '').toLowerCase();
  if (family === undefined) fields.fail('has neither model_type nor architectures, so the model family is unknown');
  if (fields.get('quantization_config') !== undefined)
    fields.fail('quantised weights (quantization_config) are not supported; use the f32, f16 or bf16 checkpoint');
  const config = family === 'gpt2' ? gpt2(fields) : family === 'llama' ? llama(fields) : undefined;
  if (!config)
    fields.fail(`model family ${family}${architecture ? ` (${architecture})` : ''} is not supported; supported families: ${FAMILIES}`);
  checkSizes(fields, config);
  return config;
}

function activation(fields: Fields, otherwise: string): Activation {
  const name = fields.text(['activation_function', 'hidden_act', 'hidden_activation'], otherwise) as string;
  const known = Object.hasOwn(ACTIVATION_NAMES, name) ? ACTIVATION_NAMES[name] : undefined;
  if (!known) fields.fail(`activation ${name} is not supported; supported: ${Object.keys(ACTIVATION_NAMES).join(', ')}`);
  return known;
}

function common(fields: Fields) {
  return {
    vocab: fields.size(['vocab_size']),
    bosTokenId: fields.tokenId('bos_token_id'),
    eosTokenId: fields.tokenId('eos_token_id'),
    dtype: fields.text(['dtype', 'torch_dtype']),
  };
}

function gpt2(fields: Fields): LmConfig {
  fields.refuse('add_cross_attention', false, 'cross-attention');
  const layers = fields.size(['n_layer', 'num_hidden_layers']);
  const dModel = fields.size(['n_embd', 'hidden_size']);
  const heads = fields.size(['n_head', 'num_attention_heads']);
  if (dModel % heads !== 0) fields.fail(`n_embd ${dModel} is not divisible by n_head ${heads}`);
  const headDim = dModel / heads;
  const scale = fields.flag('scale_attn_weights', true) ? 1 / Math.sqrt(headDim) : 1;
  const byLayer = fields.flag('scale_attn_by_inverse_layer_idx', false);
  return {
    ...common(fields),
    family: 'gpt2',
    label: 'GPT-2',
    layers,
    dModel,
    heads,
    kvHeads: heads,
    headDim,
    dMlp: fields.size(['n_inner'], 4 * dModel),
    context: fields.size(['n_positions', 'n_ctx', 'max_position_embeddings']),
    norm: 'layernorm',
    normEps: fields.positive(['layer_norm_epsilon', 'layer_norm_eps'], 1e-5),
    activation: activation(fields, 'gelu_new'),
    gated: false,
    attentionScale: Array.from({ length: layers }, (_, layer) => (byLayer ? scale / (layer + 1) : scale)),
    attentionBias: true,
    mlpBias: true,
    tied: fields.flag('tie_word_embeddings', true),
  };
}

function llama(fields: Fields): LmConfig {
  fields.refuse('sliding_window', false, 'sliding-window attention');
  fields.refuse('partial_rotary_factor', 1, 'partial rotary embedding');
  fields.refuse('attn_logit_softcapping', 0, 'attention logit soft-capping');
  fields.refuse('final_logit_softcapping', 0, 'logit soft-capping');
  const layers = fields.size(['num_hidden_layers']);
  const dModel = fields.size(['hidden_size']);
  const heads = fields.size(['num_attention_heads']);
  const kvHeads = fields.size(['num_key_value_heads'], heads);
  if (heads % kvHeads !== 0) fields.fail(`num_attention_heads ${heads} is not divisible by num_key_value_heads ${kvHeads}`);
  if (fields.get('head_dim') === undefined && dModel % heads !== 0)
    fields.fail(`hidden_size ${dModel} is not divisible by num_attention_heads ${heads} and there is no head_dim`);
  const headDim = fields.size(['head_dim'], dModel / heads);
  const context = fields.size(['max_position_embeddings']);
  return {
    ...common(fields),
    family: 'llama',
    label: 'Llama',
    layers,
    dModel,
    heads,
    kvHeads,
    headDim,
    dMlp: fields.size(['intermediate_size']),
    context,
    norm: 'rmsnorm',
    normEps: fields.positive(['rms_norm_eps'], 1e-6),
    activation: activation(fields, 'silu'),
    gated: true,
    rope: parseRope(fields, context),
    attentionScale: new Array<number>(layers).fill(1 / Math.sqrt(headDim)),
    attentionBias: fields.flag('attention_bias', false),
    mlpBias: fields.flag('mlp_bias', false),
    tied: fields.flag('tie_word_embeddings', false),
  };
}

// Kernels read vectors of four; every published model of these families satisfies this.
function checkSizes(fields: Fields, { dModel, headDim }: LmConfig): void {
  if (dModel % 4 !== 0) fields.fail(`a model width of ${dModel} is not supported: it must be a multiple of 4`);
  if (headDim % 4 !== 0) fields.fail(`a head width of ${headDim} is not supported: it must be a multiple of 4`);
}
