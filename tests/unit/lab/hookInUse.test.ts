/** Where rows come from, by what files, folders and people say. */
import { describe, expect, it } from 'vitest';
import { contradicts, hookInUse, type Labelled, shardsSay } from '../../../src/lab/hookInUse';

interface Said {
  path?: string;
  metadata?: Record<string, string>;
  hookName?: string;
  tensor?: string;
}
const shard = ({ path = 'a.safetensors', metadata = {}, hookName, tensor = 'activations' }: Said = {}): Labelled => ({
  facts: { label: path },
  hookName,
  tensor,
  metadata: new Map(Object.entries(metadata)),
});
const HOOKS = ['attn.hook_z', 'mlp.hook_post', 'hook_mlp_out', 'hook_resid_post'].map((place) => ({
  name: `blocks.0.${place}`,
  width: place === 'mlp.hook_post' ? 512 : 128,
}));
const use = (shards: Labelled[], more: Partial<Parameters<typeof hookInUse>[0]> = {}) =>
  hookInUse({ shards, d: 128, hooks: HOOKS, wanted: undefined, insists: false, preferred: 'blocks.0.mlp.hook_post', ...more });

describe('what shards say', () => {
  it.each([
    [{ metadata: { hook_name: 'blocks.0.hook_mlp_out' } }, 'blocks.0.hook_mlp_out', 'hook_name in a.safetensors'],
    [{ metadata: { hook_point: 'blocks.0.hook_mlp_out' } }, 'blocks.0.hook_mlp_out', 'hook_point in a.safetensors'],
    [
      { tensor: 'blocks.0.hook_resid_post', hookName: 'blocks.0.hook_resid_post' },
      'blocks.0.hook_resid_post',
      "the tensor's name in a.safetensors",
    ],
    [{ path: 'run/blocks_0_hook_mlp_out/chunk-0.pt' }, 'blocks.0.hook_mlp_out', 'the folder blocks_0_hook_mlp_out'],
    [
      { path: 'gelu-1l_blocks.0.attn.hook_z_0.safetensors' },
      'blocks.0.attn.hook_z',
      'the name of gelu-1l_blocks.0.attn.hook_z_0.safetensors',
    ],
    [{ path: 'x/0.pt', hookName: 'blocks.3.hook_resid_pre' }, 'blocks.3.hook_resid_pre', 'the folder of x/0.pt'],
  ])('%j: %s', (said, hook, from) => {
    expect(shardsSay([shard(said)])).toEqual({ hook, from });
  });

  it('nothing, where a folder or file is merely called something', () => {
    expect(shardsSay([shard({ path: 'blocks/acts/mlp_out/0.pt', hookName: 'acts' })])).toBeUndefined();
  });

  it('believes a file’s own note over its name, and says so', () => {
    const said = shardsSay([shard({ path: 'blocks.0.hook_mlp_out.safetensors', metadata: { hook_name: 'blocks.0.attn.hook_z' } })]);
    expect(said).toEqual({
      hook: 'blocks.0.attn.hook_z',
      from: 'hook_name in blocks.0.hook_mlp_out.safetensors',
      contradiction:
        'the name of blocks.0.hook_mlp_out.safetensors says blocks.0.hook_mlp_out, hook_name in blocks.0.hook_mlp_out.safetensors says blocks.0.attn.hook_z; the latter is believed.',
    });
  });

  it('one name in two spellings is one place; two places are none', () => {
    const [a, b] = [shard({ metadata: { hook: 'blocks.0.hook_mlp_out' } }), shard({ path: 'blocks_0_hook_mlp_out/b.npy' })];
    expect(shardsSay([a, b])).toEqual({ hook: 'blocks.0.hook_mlp_out', from: 'hook in a.safetensors' });
    const other = shard({ path: 'c.npy', metadata: { hook: 'blocks.1.hook_mlp_out' } });
    expect(shardsSay([a, other])).toMatchObject({
      isMixed: true,
      contradiction:
        'hook in a.safetensors says blocks.0.hook_mlp_out, hook in c.npy says blocks.1.hook_mlp_out: these rows come from different places.',
    });
  });
});

describe('the hook in use', () => {
  it('is the shards’, though another one of that width comes first', () => {
    expect(use([shard({ metadata: { hook_name: 'blocks.0.hook_mlp_out' } })])).toEqual({
      hook: 'blocks.0.hook_mlp_out',
      from: 'hook_name in a.safetensors',
    });
  });

  it('is asked where nobody says it and several fit', () => {
    const { hook, problem, among } = use([shard()]);
    expect(hook).toBeUndefined();
    expect(among).toEqual(['blocks.0.attn.hook_z', 'blocks.0.hook_mlp_out', 'blocks.0.hook_resid_post']);
    expect(problem).toMatch(
      /do not say where they come from, and 3 hooks of this model are 128 wide: blocks\.0\.attn\.hook_z, .* Say which one it is\.$/,
    );
  });

  it('is the only one that fits, and says that', () => {
    expect(use([shard()], { d: 512 })).toEqual({ hook: 'blocks.0.mlp.hook_post', from: 'the only hook of this model that is 512 wide' });
  });

  it('is what a person says where the shards do not say otherwise, or on insisting', () => {
    const wanted = 'blocks.0.hook_resid_post';
    const said = shard({ metadata: { hook_name: 'blocks.0.hook_mlp_out' } });
    expect(use([shard()], { wanted })).toEqual({ hook: wanted, from: 'as chosen' });
    expect(use([said], { wanted }).hook).toBe('blocks.0.hook_mlp_out');
    expect(use([said], { wanted, insists: true })).toEqual({ hook: wanted, from: 'as chosen' });
  });

  it.each([
    [
      'another layer',
      'blocks.7.hook_mlp_out',
      /the rows come from blocks\.7\.hook_mlp_out \(hook_name in a\.safetensors\); this model has no such hook\./,
    ],
    ['another width', 'blocks.0.mlp.hook_post', /that hook of this model is 512 wide, the rows are 128\./],
    ['a name of another library', 'transformer.h.0.mlp', /the rows come from transformer\.h\.0\.mlp .* this model has no such hook\./],
  ])('is asked where the shards name %s', (_, hook_name, problem) => {
    const found = use([shard({ metadata: { hook_name } })]);
    expect(found.hook).toBeUndefined();
    expect(found.problem).toMatch(problem);
    expect(found.among).toHaveLength(3);
  });

  it('is asked where shards of two places are mixed', () => {
    const found = use([
      shard({ metadata: { hook: 'blocks.0.hook_mlp_out' } }),
      shard({ path: 'b', metadata: { hook: 'blocks.0.attn.hook_z' } }),
    ]);
    expect([found.hook, found.among?.length]).toEqual([undefined, 3]);
    expect(found.problem).toMatch(/come from different places\. Take the files of one place/);
  });

  it('is none where no width fits', () => {
    expect(use([shard()], { d: 7 })).toEqual({ problem: expect.stringMatching(/no hook of this model is 7 wide .*128, 512 wide/) });
  });

  it('of rows that are computed is the chosen or the preferred one', () => {
    expect(use([], { d: undefined })).toEqual({ hook: 'blocks.0.mlp.hook_post', from: 'the default' });
    expect(use([], { d: undefined, wanted: 'blocks.0.hook_mlp_out' })).toEqual({ hook: 'blocks.0.hook_mlp_out', from: 'as chosen' });
  });

  it('without a model is what the shards or a person say', () => {
    const said = shard({ metadata: { hook_name: 'blocks.4.hook_mlp_out' } });
    expect(use([said], { hooks: undefined })).toEqual({ hook: 'blocks.4.hook_mlp_out', from: 'hook_name in a.safetensors' });
    expect(use([shard()], { hooks: undefined, wanted: 'blocks.1.hook_z' })).toEqual({ hook: 'blocks.1.hook_z', from: 'as chosen' });
    expect(use([shard()], { hooks: undefined })).toEqual({});
  });
});

describe('a hook that a person names', () => {
  const said = [shard({ metadata: { hook_name: 'blocks_0_hook_mlp_out' } })];

  it('contradicts shards that name another: both are named', () => {
    expect(contradicts('blocks.0.attn.hook_z', said, HOOKS)).toBe(
      'blocks.0.attn.hook_z was asked for, but the shards come from blocks_0_hook_mlp_out (hook_name in a.safetensors).',
    );
  });

  it('does not contradict another spelling, or shards that say nothing', () => {
    expect(contradicts('blocks.0.hook_mlp_out', said, HOOKS)).toBeUndefined();
    expect(contradicts('blocks.0.hook_mlp_out', said, undefined)).toBeUndefined();
    expect(contradicts('blocks.0.hook_mlp_out', [shard()], HOOKS)).toBeUndefined();
  });
});
