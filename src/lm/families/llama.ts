/** Llama: RMSNorm, rotary positions, grouped key/value heads, a gated MLP. Keys and defaults of transformers' LlamaConfig, 4.x and 5.x. */
import { parseRope } from '../rope';
import { activation } from './keys';
import { type Family, type LinearTensors, STAGES } from './types';

export const llama: Family = {
  id: 'llama',
  label: 'Llama',
  hooks: STAGES,
  // pretraining_tp: products computed in slices, with the same sums.
  harmless: ['attention_dropout', 'pretraining_tp', 'max_sequence_length', 'is_llama_config'],

  parse(fields) {
    fields.refuse('position_embedding_type', 'rope', 'a position embedding of another kind');
    const layers = fields.size(['num_hidden_layers']);
    const dModel = fields.size(['hidden_size']);
    const heads = fields.size(['num_attention_heads']);
    const kvHeads = fields.size(['num_key_value_heads'], heads);
    if (heads % kvHeads !== 0) fields.fail(`num_attention_heads ${heads} is not divisible by num_key_value_heads ${kvHeads}`);
    if (fields.get('head_dim') === undefined && dModel % heads !== 0)
      fields.fail(`hidden_size ${dModel} is not divisible by num_attention_heads ${heads} and there is no head_dim`);
    const headDim = fields.size(['head_dim'], dModel / heads);
    fields.refuse('query_pre_attn_scalar', headDim, 'attention scores divided by the root of another number than the head width');
    const context = fields.size(['max_position_embeddings']);
    return {
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
  },

  tensors({ dModel, dMlp, heads, kvHeads, headDim, attentionBias, mlpBias }) {
    const linear = (names: string[], outs: number[], ins: number, bias: boolean): LinearTensors => ({
      modules: names.map((name, i) => ({ name, outs: outs[i] as number })),
      ins,
      bias,
    });
    const q = heads * headDim;
    const kv = kvHeads * headDim;
    return {
      root: 'model.',
      embed: 'embed_tokens',
      layer: (i) => `layers.${i}.`,
      block: {
        norm1: { module: 'input_layernorm' },
        qkv: linear(['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'], [q, kv, kv], dModel, attentionBias),
        attnOut: linear(['self_attn.o_proj'], [dModel], q, attentionBias),
        // The norm before the MLP, whatever its name says.
        norm2: { module: 'post_attention_layernorm' },
        mlpIn: linear(['mlp.gate_proj', 'mlp.up_proj'], [dMlp, dMlp], dModel, mlpBias),
        mlpOut: linear(['mlp.down_proj'], [dModel], dMlp, mlpBias),
      },
      finalNorm: { module: 'norm' },
      head: 'lm_head',
      constants: /\.rotary_emb\.inv_freq$/,
    };
  },
};
