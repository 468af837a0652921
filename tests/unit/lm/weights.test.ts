/** Tensor names and shapes: with and without prefix, stacked and transposed, and what is said when one does not fit. */
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/data/bytes/types';
import type { TensorReader } from '../../../src/lm/checkpoint';
import { FAMILIES, familyOf, parseConfig } from '../../../src/lm/families';
import type { Family } from '../../../src/lm/families/types';
import { loadWeights } from '../../../src/lm/weights';
import { openTensors, readJson } from '../../kernels/lm/safetensors';

const keep = {
  matrix: (_: string, data: Float32Array, rows: number, cols: number) => ({ data, rows, cols }),
  vector: (_: string, data: Float32Array) => data,
};
const open = (name: string) => ({
  config: parseConfig(readJson(`tests/fixtures/lm/${name}/config.json`)),
  tensors: openTensors(`tests/fixtures/lm/${name}/model.safetensors`),
});

/** The same tensors under other names; undefined hides one. */
function renamed(tensors: TensorReader, rename: (name: string) => string | undefined): TensorReader {
  const original = new Map(tensors.names().flatMap((name) => (rename(name) === undefined ? [] : [[rename(name) as string, name]])));
  return {
    label: 'm.safetensors',
    names: () => [...original.keys()],
    shape: (name) => tensors.shape(original.get(name) as string),
    read: (name) => tensors.read(original.get(name) as string),
  };
}

describe('loadWeights', () => {
  it('stacks projections and turns Conv1D round', async () => {
    const { config, tensors } = open('gpt2');
    const weights = await loadWeights(config, tensors, keep);
    const conv = tensors.get('transformer.h.1.mlp.c_fc.weight');
    const { weight } = weights.layers[1]?.mlpIn ?? { weight: undefined };
    expect([weight?.rows, weight?.cols]).toEqual([80, 24]);
    expect(weight?.data[7 * 24 + 3]).toBe(conv[3 * 80 + 7]);
    expect(weights.unembed).toBe(weights.embed);

    const other = open('llama');
    const stacked = await loadWeights(other.config, other.tensors, keep);
    const { qkv, mlpIn } = stacked.layers[0] as (typeof stacked.layers)[number];
    expect([qkv.weight.rows, mlpIn.weight.rows, qkv.bias]).toEqual([64, 176, undefined]);
    expect(qkv.weight.data.subarray(48 * 32)).toEqual(other.tensors.get('model.layers.0.self_attn.v_proj.weight'));
    expect(mlpIn.weight.data.subarray(88 * 32)).toEqual(other.tensors.get('model.layers.0.mlp.up_proj.weight'));
    expect(stacked.parameters).toBe(other.tensors.names().reduce((sum, name) => sum + other.tensors.get(name).length, 0));
  });

  it.each([
    ['gpt2', 'transformer.'],
    ['llama', 'model.'],
  ])('reads %s without its prefix', async (name, prefix) => {
    const { config, tensors } = open(name);
    const bare = renamed(tensors, (tensor) => tensor.replace(prefix, ''));
    expect(await loadWeights(config, bare, keep)).toEqual(await loadWeights(config, tensors, keep));
  });

  it('names the tensor that is missing or of another shape', async () => {
    const { config, tensors } = open('llama');
    const headless = renamed(tensors, (name) => (name === 'lm_head.weight' ? undefined : name));
    await expect(loadWeights(config, headless, keep)).rejects.toThrow(
      'm.safetensors: tensor lm_head.weight is missing; expected shape [97, 32]',
    );
    expect((await loadWeights({ ...config, tied: true }, headless, keep)).unembed.rows).toBe(97);
    await expect(loadWeights({ ...config, dMlp: 90 }, tensors, keep)).rejects.toThrow(
      'tensor model.layers.0.mlp.gate_proj.weight has shape [88, 32]; config.json asks for [90, 32]',
    );
    await expect(loadWeights({ ...config, layers: 3 }, tensors, keep)).rejects.toThrow(
      'tensor model.layers.2.input_layernorm.weight is missing',
    );
    await expect(loadWeights({ ...config, layers: 3 }, tensors, keep)).rejects.toThrow(DataError);
  });

  it('refuses a tensor whose values do not fill its shape', async () => {
    const { config, tensors } = open('llama');
    const short: TensorReader = {
      names: tensors.names,
      shape: tensors.shape,
      read: async (name) => (await tensors.read(name)).subarray(1),
    };
    await expect(loadWeights(config, short, keep)).rejects.toThrow('model.safetensors: tensor model.embed_tokens.weight holds 3103 values');
  });

  it('adds the offset of norms that store w and mean 1 + w, and gives LayerNorms without a bias one of zeros', async () => {
    const { config, tensors } = open('llama');
    const llama = familyOf(config);
    const shifted: Family = {
      ...llama,
      id: 'shifted',
      tensors: (of) => {
        const layout = llama.tensors(of);
        const { block, finalNorm } = layout;
        return { ...layout, block: { ...block, norm1: { ...block.norm1, offset: 1 } }, finalNorm };
      },
    };
    FAMILIES.set(shifted.id, shifted);
    try {
      const { layers, finalNorm } = await loadWeights({ ...config, family: 'shifted', norm: 'layernorm' }, tensors, keep);
      const stored = (name: string) => tensors.get(`model.${name}.weight`);
      expect(layers[1]?.norm1.weight).toEqual(stored('layers.1.input_layernorm').map((w) => w + 1));
      expect(layers[1]?.norm2.weight).toEqual(stored('layers.1.post_attention_layernorm'));
      expect([finalNorm.weight, finalNorm.bias]).toEqual([stored('norm'), new Float32Array(32)]);
    } finally {
      FAMILIES.delete(shifted.id);
    }
  });
});
