import { describe, expect, it } from 'vitest';
import { groupFolders } from '../../../../src/data/formats/folders/group';
import { gaps } from '../../../../src/data/formats/folders/numbered';
import type { FolderGroup } from '../../../../src/data/formats/folders/types';

const listing = (paths: string[]) => paths.map((path) => ({ path, size: 10 }));
const grouped = (paths: string[], jsons: Record<string, unknown> = {}) => groupFolders(listing(paths), new Map(Object.entries(jsons)));
const only = (paths: string[], jsons: Record<string, unknown> = {}): FolderGroup => {
  const { groups } = grouped(paths, jsons);
  expect(groups).toHaveLength(1);
  return groups[0] as FolderGroup;
};

describe('a folder of a Hugging Face data set', () => {
  const dir = 'activations/gpt2/blocks.3.hook_resid_pre';
  const arrows = ['data-00001-of-00003.arrow', 'data-00000-of-00003.arrow', 'data-00002-of-00003.arrow'].map((name) => `${dir}/${name}`);
  const info = {
    features: {
      'blocks.3.hook_resid_pre': { shape: [128, 768], dtype: 'float32', _type: 'Array2D' },
      token_ids: { feature: { dtype: 'int32', _type: 'Value' }, length: 128, _type: 'List' },
    },
  };

  it('is ordered by state.json and named by its 2-D column', () => {
    const state = { _data_files: [2, 0, 1].map((i) => ({ filename: `data-0000${i}-of-00003.arrow` })) };
    const paths = [...arrows, `${dir}/state.json`, `${dir}/dataset_info.json`, `${dir}/cache-1f.arrow`, 'notes.txt'];
    const { groups, rest } = grouped(paths, { [`${dir}/state.json`]: state, [`${dir}/dataset_info.json`]: info });
    expect(groups).toMatchObject([
      { layout: 'hf-dataset', folder: dir, reader: 'hf-dataset', hookName: 'blocks.3.hook_resid_pre', missing: [] },
    ]);
    expect(groups[0]?.files).toEqual([2, 0, 1].map((i) => `${dir}/data-0000${i}-of-00003.arrow`));
    expect(groups[0]?.companions).toEqual(['state.json', 'dataset_info.json', 'cache-1f.arrow'].map((name) => `${dir}/${name}`));
    expect(groups[0]?.assumptions).toEqual([expect.stringContaining('cache-1f.arrow not listed')]);
    expect(rest).toEqual(['notes.txt']);
  });

  it('without state.json is ordered by names, which also tell what is missing', () => {
    const group = only(arrows.slice(0, 1).concat(arrows.slice(2)));
    expect(group.files).toEqual([arrows[0], arrows[2]]);
    expect(group.missing).toEqual(['data-00000-of-00003.arrow']);
    expect(group.assumptions).toHaveLength(2);
  });

  it('with a listed file missing names it', () => {
    const state = { _data_files: [{ filename: 'data-00000-of-00002.arrow' }, { filename: 'data-00001-of-00002.arrow' }] };
    const group = only([`${dir}/data-00000-of-00002.arrow`, `${dir}/state.json`], { [`${dir}/state.json`]: state });
    expect(group.missing).toEqual(['data-00001-of-00002.arrow']);
  });

  it('is not seen in a state.json of something else', () => {
    expect(grouped(['a/state.json'], { 'a/state.json': { step: 3 } }).groups).toEqual([]);
  });
});

describe('safetensors with an index', () => {
  const map = {
    'acts.10': 'a-00002-of-00002.safetensors',
    'acts.9': 'a-00001-of-00002.safetensors',
    'acts.2': 'a-00001-of-00002.safetensors',
  };

  it('are ordered by name, with the file of each tensor', () => {
    const paths = ['x/a-00002-of-00002.safetensors', 'x/a.safetensors.index.json', 'x/a-00001-of-00002.safetensors'];
    const index = { metadata: { total_size: 1234 }, weight_map: map };
    const group = only(paths, { 'x/a.safetensors.index.json': index });
    expect(group).toMatchObject({
      layout: 'safetensors-index',
      files: [paths[2], paths[0]],
      companions: [paths[1]],
      missing: [],
      companionsApart: true,
    });
    expect([...(group.tensors as Map<string, string>)]).toEqual([
      ['acts.2', paths[2]],
      ['acts.9', paths[2]],
      ['acts.10', paths[0]],
    ]);
    expect(group.metadata.get('total_size')).toBe('1234');
  });

  it('name the files that are missing', () => {
    const group = only(['a-00001-of-00002.safetensors', 'm.index.json'], { 'm.index.json': { weight_map: map } });
    expect(group.files).toEqual(['a-00001-of-00002.safetensors']);
    expect(group.missing).toEqual(['a-00002-of-00002.safetensors']);
  });

  it('of a language model are left to others', () => {
    const index = { weight_map: { 'model.layers.0.mlp.up_proj.weight': 'model-00001-of-00001.safetensors' } };
    const paths = ['m/model.safetensors.index.json', 'm/model-00001-of-00001.safetensors'];
    expect(grouped(paths, { 'm/model.safetensors.index.json': index })).toEqual({ groups: [], rest: paths });
  });
});

describe('the folders of other tools', () => {
  it('Activault: ordered by the number in the name, with the hook from the folder and the notes of both JSON files', () => {
    const dir = 'run/models.layers.7.mlp';
    const names = ['b1d--10_2.saved.pt', '77a--2_1.saved.pt', 'c3c--2_0.saved.pt', '00f--4_0.saved.pt', 'stray.saved.pt'];
    const group = only([...names.map((name) => `${dir}/${name}`), `${dir}/metadata.json`, `${dir}/statistics.json`, 'run/cfg.json'], {
      [`${dir}/metadata.json`]: { d_in: 768, dtype: 'torch.float16', shape: [4, 128, 768] },
      'run/cfg.json': { transformer_config: { model_name: 'gpt2' } },
    });
    expect(group.files).toEqual([2, 1, 3, 0, 4].map((i) => `${dir}/${names[i]}`));
    expect(group).toMatchObject({ layout: 'activault', hookName: 'models.layers.7.mlp', companionsApart: true });
    expect(group.missing).toEqual([3, 5, 6, 7, 8, 9].map((n) => `*--${n}_*.saved.pt`));
    expect([...group.metadata]).toEqual([
      ['cfg.transformer_config.model_name', 'gpt2'],
      ['d_in', '768'],
      ['dtype', 'torch.float16'],
      ['shape', '4, 128, 768'],
    ]);
    expect(group.assumptions).toEqual([
      expect.stringContaining('1 .saved.pt files have no number'),
      expect.stringContaining('6 numbered files are missing'),
    ]);
  });

  it('Llamascopium: ordered by shard, then chunk; a sidecar belongs to its chunk', () => {
    const names = ['shard-1-chunk-00000000.safetensors', 'shard-0-chunk-00000010.safetensors', 'shard-0-chunk-00000009.safetensors'];
    const group = only([...names, 'shard-0-chunk-00000009.meta.json'].map((name) => `cache/blocks.0.hook/${name}`));
    expect(group.files).toEqual([2, 1, 0].map((i) => `cache/blocks.0.hook/${names[i]}`));
    expect(group).toMatchObject({ layout: 'llamascopium', hookName: 'blocks.0.hook' });
    expect(group.companions).toEqual(['cache/blocks.0.hook/shard-0-chunk-00000009.meta.json']);
    expect(group.missing[0]).toBe('shard-0-chunk-00000000');
    expect(group.missing).toHaveLength(9);
    expect(only(['h/chunk-00000001.pt', 'h/chunk-00000000.pt']).files).toEqual(['h/chunk-00000000.pt', 'h/chunk-00000001.pt']);
  });

  it('SAEBench: counted from 1 to the number in the name', () => {
    const group = only(['s/activations_10_of_11.pt', 's/activations_2_of_11.pt', 's/activations_1_of_11.pt']);
    expect(group.files).toEqual(['s/activations_1_of_11.pt', 's/activations_2_of_11.pt', 's/activations_10_of_11.pt']);
    expect(group.missing).toEqual([3, 4, 5, 6, 7, 8, 9, 11].map((n) => `activations_${n}_of_11.pt`));
  });

  it('SAELens 3: counted from 0, perhaps scaled', () => {
    const group = only(['c/10.safetensors', 'c/9.safetensors', 'c/0.safetensors', 'c/1.safetensors']);
    expect(group.files).toEqual(['c/0.safetensors', 'c/1.safetensors', 'c/9.safetensors', 'c/10.safetensors']);
    expect(group.missing).toEqual([2, 3, 4, 5, 6, 7, 8].map((n) => `${n}.safetensors`));
    expect(group.assumptions[0]).toContain('scaled');
  });

  it('saev: ordered by shards.json, without the pickled part of its metadata', () => {
    const jsons = {
      'h/metadata.json': { family: 'clip', ckpt: 'x', layers: [3, 7], d_model: 4, protocol: '2.1', data: 'gASV' },
      'h/shards.json': [
        { name: 'acts000000.bin', n_ex: 3 },
        { name: 'acts000001.bin', n_ex: 3 },
      ],
    };
    const group = only(['h/acts000000.bin', 'h/labels.bin', 'h/metadata.json', 'h/shards.json'], jsons);
    expect(group).toMatchObject({ layout: 'saev', reader: 'saev', files: ['h/acts000000.bin'], missing: ['acts000001.bin'] });
    expect(group.companions).toEqual(['h/metadata.json', 'h/shards.json', 'h/labels.bin']);
    expect(group.metadata.get('layers')).toBe('3, 7');
    expect(group.metadata.has('data')).toBe(false);
  });

  it('Parquet of the hub: one group for each split', () => {
    const { groups } = grouped([
      'd/train-00001-of-00003-0a1b.parquet',
      'd/train-00000-of-00003-99ff.parquet',
      'd/test-00000-of-00001.parquet',
    ]);
    expect(groups.map((group) => [group.files.length, group.missing])).toEqual([
      [1, []],
      [2, ['train-00002-of-00003.parquet']],
    ]);
  });
});

describe('everything else', () => {
  it('is left alone, in its order', () => {
    const paths = ['b.safetensors', 'a/x.pt', 'shard_10.npy', 'train.parquet', 'a/cfg.json', '20240101120000.pt'];
    expect(grouped(paths, { 'a/cfg.json': { d_in: 3 } })).toEqual({ groups: [], rest: paths });
  });

  it('that looks like JSON of a layout but is not does no harm', () => {
    const names = ['state.json', 'dataset_info.json', 'metadata.json', 'shards.json', 'x.index.json', 'a.saved.pt'];
    for (const json of [
      null,
      3,
      'x',
      [],
      [null],
      {},
      { _data_files: [null, { filename: 3 }], features: null, weight_map: { a: 1 }, protocol: 1 },
    ]) {
      const jsons = Object.fromEntries(names.map((name) => [name, json]));
      expect(grouped(names, jsons).groups.map((group) => group.layout)).toEqual(['activault']);
    }
  });

  it('missing in the millions is counted, not listed', () => {
    const found = gaps([0, 900_000_000], 0, 900_000_000, String);
    expect(found.count).toBe(899_999_999);
    expect(found.names).toHaveLength(20);
  });
});
