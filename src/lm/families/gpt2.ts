/** GPT-2: LayerNorm, learned positions, biases everywhere, weights stored [in, out]. Keys and defaults of transformers' GPT2Config. */
import { activation } from './keys';
import { type Family, type LinearTensors, STAGES } from './types';

export const gpt2: Family = {
  id: 'gpt2',
  label: 'GPT-2',
  hooks: STAGES,
  harmless: [
    'attn_pdrop',
    'embd_pdrop',
    'resid_pdrop',
    // Half precision only: here everything is f32.
    'reorder_and_upcast_attn',
    'summary_activation',
    'summary_first_dropout',
    'summary_proj_to_labels',
    'summary_type',
    'summary_use_proj',
    // The context under its old name, beside n_positions.
    'n_ctx',
  ],

  parse(fields) {
    fields.refuse('position_embedding_type', 'absolute', 'a position embedding of another kind');
    const layers = fields.size(['n_layer', 'num_hidden_layers']);
    const dModel = fields.size(['n_embd', 'hidden_size']);
    const heads = fields.size(['n_head', 'num_attention_heads']);
    if (dModel % heads !== 0) fields.fail(`n_embd ${dModel} is not divisible by n_head ${heads}`);
    const headDim = dModel / heads;
    fields.refuse('head_dim', headDim, `a head width other than n_embd / n_head = ${headDim}`);
    const scale = fields.flag('scale_attn_weights', true) ? 1 / Math.sqrt(headDim) : 1;
    const byLayer = fields.flag('scale_attn_by_inverse_layer_idx', false);
    return {
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
  },

  tensors({ dModel, dMlp }) {
    const conv1d = (name: string, ins: number, outs: number): LinearTensors => ({
      modules: [{ name, outs }],
      ins,
      bias: true,
      conv1d: true,
    });
    return {
      root: 'transformer.',
      embed: 'wte',
      positions: 'wpe',
      layer: (i) => `h.${i}.`,
      block: {
        norm1: { module: 'ln_1', bias: true },
        qkv: conv1d('attn.c_attn', dModel, 3 * dModel),
        attnOut: conv1d('attn.c_proj', dModel, dModel),
        norm2: { module: 'ln_2', bias: true },
        mlpIn: conv1d('mlp.c_fc', dModel, dMlp),
        mlpOut: conv1d('mlp.c_proj', dMlp, dModel),
      },
      finalNorm: { module: 'ln_f', bias: true },
      head: 'lm_head',
      constants: /(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/,
    };
  },
};
