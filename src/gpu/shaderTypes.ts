/** Made by scripts/shader-types.mjs (npm run format) from the WGSL files: members of `struct Params` by file, and of `struct Run`. */
export interface Shaders {
  'data/ingest': 'rows' | 'd' | 'quads' | 'dtype';
  'lm/activation': 'rows' | 'width';
  'lm/add': 'count';
  'lm/attention': 'sequence' | 'heads' | 'kv_heads' | 'head4' | 'first' | 'block0' | 'scale';
  'lm/column_sums': 'rows' | 'width';
  'lm/cross_entropy_reduce': 'predictions' | 'tiles';
  'lm/embed': 'rows' | 'width' | 'sequence' | 'first' | 'part' | 'has_positions';
  'lm/layernorm': 'rows' | 'width' | 'eps';
  'lm/linear': 'row0' | 'row_end' | 'ins' | 'outs' | 'out0' | 'stride' | 'has_bias';
  'lm/linear_ragged': 'row0' | 'row_end' | 'ins' | 'outs' | 'out0' | 'stride' | 'has_bias';
  'lm/rmsnorm': 'rows' | 'width' | 'eps';
  'lm/rope': 'rows' | 'stride' | 'heads' | 'head_dim' | 'pairs' | 'sequence';
  'lm/splice_value': 'rows' | 'width' | 'scale';
  'lm/unembed_cross_entropy': 'p0' | 'p_end' | 'predictions' | 'sequence' | 'ins' | 'part' | 'v0' | 'tile' | 'tile0' | 'first';
  'matmul/direct': never;
  'matmul/direct_4x8': never;
  'matmul/direct_8x4': never;
  'matmul/direct_8x8': never;
  'matmul/plain': 'rows' | 'columns' | 'quads';
  'matmul/processor/broadcast': never;
  'matmul/tiled_4x4': never;
  'matmul/tiled_8x8': never;
  'sae/adam': never;
  'sae/adam_b_dec': 'quads';
  'sae/architectures/baseline': never;
  'sae/architectures/gated': never;
  'sae/architectures/jumprelu': never;
  'sae/architectures/no_heaviside': never;
  'sae/architectures/penalty': never;
  'sae/architectures/rescale_shift': never;
  'sae/architectures/topk_family': never;
  'sae/center': 'rows' | 'quads' | 'd' | 'first_row' | 'scale';
  'sae/choose': 'runs' | 'batch' | 'dispatches' | 'share';
  'sae/clip': 'runs' | 'quads';
  'sae/clip_sum': 'latents' | 'first';
  'sae/column_moments': 'rows' | 'quads';
  'sae/common': never;
  'sae/correction': 'latents' | 'quads' | 'runs';
  'sae/count': 'latents';
  'sae/decode': 'batch' | 'quads' | 'latents' | 'runs' | 'from_row' | 'first' | 'last' | 'width';
  'sae/dense/activate': 'rows' | 'stride' | 'runs' | 'first_row' | 'latents' | 'row_groups';
  'sae/dense/adam_latents': 'latents';
  'sae/dense/adam_rows': 'latents' | 'quads' | 'runs' | 'mate' | 'width';
  'sae/dense/backward': 'rows' | 'quads' | 'stride' | 'batch' | 'first_row' | 'latents' | 'row_groups';
  'sae/dense/decode': 'rows' | 'first_row' | 'quads' | 'stride' | 'runs' | 'batch';
  'sae/dense/encode': 'rows' | 'first_row' | 'quads' | 'latents' | 'stride';
  'sae/dense/grad_b_dec_encoder': 'quads';
  'sae/dense/grad_latents': 'tiles' | 'latents' | 'accumulate' | 'batch' | 'ends';
  'sae/dense/grad_rows': 'rows' | 'first_row' | 'quads' | 'stride' | 'batch' | 'accumulate' | 'mate' | 'scale';
  'sae/dense/points': never;
  'sae/dense/row_stats': 'rows' | 'first_row' | 'quads' | 'runs' | 'batch' | 'width';
  'sae/encode': 'rows' | 'quads' | 'latents' | 'row_groups' | 'from_latent' | 'to_latent';
  'sae/encode_x16': 'rows' | 'quads' | 'latents' | 'row_groups' | 'from_latent' | 'to_latent';
  'sae/encode_x32': 'rows' | 'quads' | 'latents' | 'row_groups' | 'from_latent' | 'to_latent';
  'sae/fire_count': 'rows' | 'quads' | 'latents' | 'row_groups' | 'offset';
  'sae/frequencies': 'latents' | 'batch' | 'first';
  'sae/gather': 'batch' | 'quads' | 'scale';
  'sae/grad_b_dec_decoder': 'batch' | 'quads' | 'scale';
  'sae/grad_b_dec_encoder': 'quads' | 'first' | 'last' | 'clipped';
  'sae/gradients': never;
  'sae/latent': never;
  'sae/latent_update': 'batch' | 'quads' | 'latents' | 'row_groups' | 'runs' | 'chunks' | 'from_group' | 'to_group' | 'per_row' | 'width';
  'sae/point': never;
  'sae/processor/decode': 'batch' | 'quads' | 'latents' | 'row_groups' | 'runs' | 'from_row' | 'first' | 'last';
  'sae/processor/latent_update': 'batch' | 'quads' | 'latents' | 'row_groups' | 'runs' | 'from_group' | 'to_group' | 'per_row';
  'sae/processor/registers': never;
  'sae/pursuit/round': 'quads' | 'latents' | 'width' | 'round' | 'capacity';
  'sae/pursuit/scores': 'rows' | 'quads' | 'latents';
  'sae/recall': 'runs';
  'sae/reduce_stats': 'rows' | 'batch' | 'runs' | 'chunks';
  'sae/restore': 'rows' | 'quads' | 'd' | 'batch' | 'slot' | 'first_row' | 'runs' | 'unscale';
  'sae/row': never;
  'sae/select/batch_apply': 'latents' | 'row_groups';
  'sae/select/batch_count': 'latents' | 'row_groups' | 'round';
  'sae/select/batch_pick': 'batch' | 'round';
  'sae/select/batch_ties': 'latents' | 'row_groups';
  'sae/select/dead': 'batch' | 'latents' | 'row_groups';
  'sae/select/floors': 'rows' | 'quads' | 'row_groups' | 'runs' | 'lanes';
  'sae/select/note': 'batch' | 'row_groups' | 'runs' | 'd' | 'lanes';
  'sae/select/rows': 'latents' | 'row_groups' | 'runs';
  'sae/select/state': never;
  'sae/select/ties': never;
  'sae/select/walk': never;
  'sae/settle': 'runs' | 'batch' | 'quads' | 'first';
}

export interface Structs {
  Run:
    | 'first'
    | 'width'
    | 'arch'
    | 'live'
    | 'lambda'
    | 'lr'
    | 'correction1'
    | 'correction2'
    | 'beta1'
    | 'beta2'
    | 'eps'
    | 'main_slot'
    | 'aux_slot'
    | 'before'
    | 'flags'
    | 'mate'
    | 'clip'
    | 'clip_norm'
    | 'aux_weight'
    | 'threshold'
    | 'power'
    | 'next_power'
    | 'parts'
    | 'k'
    | 'step'
    | 'anneal'
    | 'queue'
    | 'target_l0'
    | 'scores'
    | 'k_aux'
    | 'dead_after'
    | 'decay'
    | 'start'
    | 'options'
    | 'more'
    | 'ends'
    | 'more_ends'
    | 'weights'
    | 'more_weights';
}
