/**
 * Keys of `config.json` that any model may have: those that change no number of a forward pass, those that change it and that
 * no family here does, and the spellings of activations. What is in neither list and read by nobody is listed to the user.
 */
import type { Activation } from '../config';
import type { Fields } from '../fields';

// Spellings of one function; `gelu_new` is the tanh approximation.
const ACTIVATION_NAMES: Record<string, Activation> = {
  gelu: 'gelu',
  gelu_new: 'gelu_new',
  gelu_pytorch_tanh: 'gelu_new',
  silu: 'silu',
  swish: 'silu',
  relu: 'relu',
};

/** The MLP's activation. @throws DataError naming those there are. */
export function activation(fields: Fields, otherwise: string): Activation {
  const keys = ['activation_function', 'hidden_act', 'hidden_activation'];
  const name = fields.text(keys, otherwise) as string;
  const known = Object.hasOwn(ACTIVATION_NAMES, name) ? ACTIVATION_NAMES[name] : undefined;
  if (!known) fields.fail(`activation ${name} is not supported; supported: ${Object.keys(ACTIVATION_NAMES).join(', ')}`);
  return known;
}

/** Bookkeeping, training and generation: transformers' PretrainedConfig and GenerationConfig, and what tools write beside them. */
export const HARMLESS_KEYS: ReadonlySet<string> = new Set(
  `_name_or_path _commit_hash _attn_implementation _attn_implementation_autoset _attn_implementation_internal attn_implementation
  _num_labels architectures bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id decoder_start_token_id dtype torch_dtype
  use_bfloat16 model_type transformers_version tokenizer_class tokenizer_name prefix problem_type task_specific_params finetuning_task
  id2label label2id num_labels classifier_dropout hidden_dropout initializer_range gradient_checkpointing use_cache output_past
  output_attentions output_hidden_states output_scores return_dict return_dict_in_generate torchscript tf_legacy_loss
  chunk_size_feed_forward is_decoder tie_encoder_decoder cross_attention_hidden_size
  max_length min_length max_new_tokens do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p
  typical_p repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences
  forced_bos_token_id forced_eos_token_id remove_invalid_values exponential_decay_length_penalty suppress_tokens begin_suppress_tokens
  eos_token_ids xla_device model_max_length use_flash_attn _flash_attn_2_enabled unsloth_version unsloth_fixed transformers.js_config`.split(
    /\s+/,
  ),
);

/** Key, the values with which it changes nothing, and what it is. Null is absent everywhere. */
const UNSUPPORTED: readonly [key: string, allowed: readonly unknown[], what: string][] = [
  ['add_cross_attention', [false], 'cross-attention'],
  ['is_encoder_decoder', [false], 'an encoder beside the decoder'],
  ['use_bidirectional_attention', [false], 'attention in both directions'],
  ['sliding_window', [false], 'sliding-window attention'],
  ['attention_chunk_size', [], 'attention in chunks'],
  ['clip_qkv', [], 'clipping of queries, keys and values'],
  ['alibi', [false], 'ALiBi position biases'],
  ['partial_rotary_factor', [1], 'partial rotary embedding'],
  ['rotary_pct', [1], 'partial rotary embedding'],
  ['rotary_dim', [], 'partial rotary embedding'],
  ['rope_interleaved', [false], 'interleaved rotary embedding'],
  ['rope_local_base_freq', [], 'rotary embedding with a base of its own on some layers'],
  ['no_rope_layers', [], 'layers without rotary embedding'],
  ['attn_logit_softcapping', [0], 'attention logit soft-capping'],
  ['final_logit_softcapping', [0], 'logit soft-capping'],
  ['qk_layernorm', [false], 'norms of queries and keys'],
  ['use_qk_norm', [false], 'norms of queries and keys'],
  ['embedding_multiplier', [1], 'a scale of the embedding'],
  ['scale_emb', [1], 'a scale of the embedding'],
  ['scale_embedding', [false], 'a scale of the embedding'],
  ['residual_multiplier', [1], 'a scale of what blocks add'],
  ['scale_depth', [], 'a scale of what blocks add'],
  ['attention_multiplier', [], 'a scale of the attention scores'],
  ['query_pre_attn_scalar', [], 'a scale of the attention scores'],
  ['logits_scaling', [1], 'a scale of the logits'],
  ['logit_scale', [1], 'a scale of the logits'],
  ['use_parallel_residual', [false], 'attention and MLP in parallel'],
  ['parallel_attn', [false], 'attention and MLP in parallel'],
  ['num_local_experts', [0], 'a mixture of experts'],
  ['num_experts', [0], 'a mixture of experts'],
  ['n_routed_experts', [0], 'a mixture of experts'],
];

const show = (value: unknown): string => JSON.stringify(value) ?? String(value);

/**
 * Refuses what changes the arithmetic, whatever the family, unless the family has read the key itself.
 * @throws DataError naming key, value and meaning.
 */
export function refuseUnsupported(fields: Fields): void {
  for (const key of ['quantization_config', 'compression_config', 'quantization'])
    if (!fields.isRead(key) && fields.get(key) !== undefined)
      fields.fail(`quantised weights (${key}) are not supported; use the f32, f16 or bf16 checkpoint`);
  // A window that is switched off (Qwen 2 writes it so) is none.
  const isWindowOff = !fields.isRead('use_sliding_window') && fields.get('use_sliding_window') === false;
  for (const [key, allowed, what] of UNSUPPORTED) {
    if (fields.isRead(key)) continue;
    if (key === 'sliding_window' && isWindowOff) fields.get(key);
    else fields.refuse(key, allowed, what);
  }
  if (!fields.isRead('layer_types')) {
    const types = fields.get('layer_types');
    const other = Array.isArray(types) ? types.find((type) => type !== 'full_attention') : types;
    if (other !== undefined) fields.fail(`layers of another kind than full attention (layer_types has ${show(other)}) are not supported`);
  }
  if (!fields.isRead('pruned_heads')) {
    const pruned = fields.get('pruned_heads');
    if (pruned !== undefined && show(pruned) !== '{}') fields.fail(`pruned heads (pruned_heads = ${show(pruned)}) are not supported`);
  }
}

/** A sentence about the keys that nothing read and that nobody knows to be harmless; undefined when there are none. */
export function unreadKeys(fields: Fields, harmless: readonly string[]): string | undefined {
  const unread = fields.unread().filter(([key]) => !HARMLESS_KEYS.has(key) && !harmless.includes(key));
  if (unread.length === 0) return undefined;
  const list = unread.map(([key, value]) => {
    const text = show(value);
    return `${key} = ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
  });
  const [it, its] = unread.length === 1 ? ['it changes', 'a key'] : ['they change', 'keys'];
  return `${fields.path} has ${its} that nothing here reads: ${list.join(', ')}. If ${it} the arithmetic, the numbers are not this model’s.`;
}
