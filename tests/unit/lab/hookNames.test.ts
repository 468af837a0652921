import { describe, expect, it } from 'vitest';
import { hooksIn, sameHook } from '../../../src/lab/hookNames';

describe('hooks in the names of files', () => {
  it.each([
    ['blocks.0.hook_mlp_out', 'blocks.0.hook_mlp_out'],
    ['blocks_3_attn_hook_z', 'blocks.3.attn.hook_z'],
    ['gpt2-small_blocks-11-hook_resid_post', 'blocks.11.hook_resid_post'],
    ['blocks.7.hook_resid_pre_f16', 'blocks.7.hook_resid_pre'],
    ['acts.blocks.2.ln1.hook_normalized.safetensors', 'blocks.2.ln1.hook_normalized'],
    ['BLOCKS.2.mlp.hook_post', 'blocks.2.mlp.hook_post'],
    ['blocks_05_mlp_hook_pre_linear', 'blocks.5.mlp.hook_pre_linear'],
  ])('%s holds %s', (name, hook) => {
    expect(hooksIn(name)).toEqual([hook]);
  });

  it.each([
    'shard_0',
    'layer_3',
    'blocks.0',
    'hook_mlp_out',
    'myblocks.0.hook_mlp_out',
    'blocks.0.hook_mlp_output',
    'blocks.x.hook_z',
    'mlp.hook_post',
  ])('%s holds none', (name) => {
    expect(hooksIn(name)).toEqual([]);
  });

  it('names each of several once', () => {
    expect(hooksIn('blocks.0.hook_mlp_out-blocks_0_hook_mlp_out-blocks.1.hook_resid_post')).toEqual([
      'blocks.0.hook_mlp_out',
      'blocks.1.hook_resid_post',
    ]);
  });
});

describe('the same place in a model', () => {
  const hooks = ['blocks.0.hook_mlp_out', 'blocks.0.hook_resid_post', 'blocks.1.hook_mlp_out'].map((name) => ({ name }));

  it.each([
    ['blocks.0.hook_mlp_out', 'blocks.0.hook_mlp_out'],
    ['blocks_1_hook_mlp_out', 'blocks.1.hook_mlp_out'],
    ['blocks.1.hook_resid_pre', 'blocks.0.hook_resid_post'],
  ])('%s is %s', (name, hook) => {
    expect(sameHook(name, hooks)).toBe(hook);
  });

  it.each(['blocks.0.hook_resid_pre', 'blocks.2.hook_mlp_out', 'transformer.h.0.mlp', 'layer_0'])('%s is none of them', (name) => {
    expect(sameHook(name, hooks)).toBeUndefined();
  });
});
