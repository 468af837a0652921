/**
 * A family is one file: a table entry made here, without touching anything else, gives right numbers. GPT-NeoX, whose blocks are
 * parallel, whose heads are rotated in part and whose queries, keys and values are stored by heads; expected values are
 * transformers' (the makers of the fixtures are described in docs/testing.md).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFloats } from '../../../src/gpu/buffers';
import { FAMILIES, parseConfig } from '../../../src/lm/families';
import { activation } from '../../../src/lm/families/keys';
import { type Family, type LinearTensors, STAGES } from '../../../src/lm/families/types';
import { LanguageModel } from '../../../src/lm/model';
import { parseRope } from '../../../src/lm/rope';
import { Splicer } from '../../../src/lm/splice';
import { maxError, testGpu } from '../../gpu';
import { ReferenceModel } from '../../reference/lm/model';
import { openTensors, readJson } from './safetensors';

const FOLDER = 'tests/fixtures/lm/gpt_neox';

const neox: Family = {
  id: 'gpt_neox',
  label: 'GPT-NeoX',
  hooks: STAGES.filter((stage) => stage !== 'hook_mlp_out'),
  harmless: ['attention_dropout'],
  parse(fields) {
    const [layers, dModel, heads] = [
      fields.size(['num_hidden_layers']),
      fields.size(['hidden_size']),
      fields.size(['num_attention_heads']),
    ] as const;
    const headDim = dModel / heads;
    const context = fields.size(['max_position_embeddings']);
    return {
      layers,
      dModel,
      heads,
      kvHeads: heads,
      headDim,
      dMlp: fields.size(['intermediate_size']),
      context,
      norm: 'layernorm',
      normEps: fields.positive(['layer_norm_eps'], 1e-5),
      activation: activation(fields, 'gelu'),
      gated: false,
      rope: parseRope(fields, context, headDim),
      attentionScale: new Array<number>(layers).fill(headDim ** -0.5),
      attentionBias: fields.flag('attention_bias', true),
      mlpBias: true,
      parallel: fields.flag('use_parallel_residual', true),
      tied: fields.flag('tie_word_embeddings', false),
    };
  },
  tensors({ dModel, dMlp, heads, headDim, attentionBias }) {
    const linear = (name: string, outs: number, ins: number, bias = true): LinearTensors => ({ modules: [{ name, outs }], ins, bias });
    return {
      root: 'gpt_neox.',
      embed: 'embed_in',
      layer: (i) => `layers.${i}.`,
      block: {
        norm1: { module: 'input_layernorm', bias: true },
        qkv: {
          ...linear('attention.query_key_value', 3 * dModel, dModel, attentionBias),
          // Stored head by head: its queries, its keys, its values.
          order: (r) => {
            const [which, head, dim] = [Math.floor(r / dModel), Math.floor((r % dModel) / headDim), r % headDim];
            return (head * 3 + which) * headDim + dim;
          },
        },
        attnOut: linear('attention.dense', dModel, heads * headDim, attentionBias),
        norm2: { module: 'post_attention_layernorm', bias: true },
        mlpIn: linear('mlp.dense_h_to_4h', dMlp, dModel),
        mlpOut: linear('mlp.dense_4h_to_h', dModel, dMlp),
      },
      finalNorm: { module: 'final_layer_norm', bias: true },
      head: 'embed_out',
      constants: /\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/,
    };
  },
};

describe('a family that a test puts into the table', () => {
  beforeAll(() => void FAMILIES.set(neox.id, neox));
  afterAll(() => void FAMILIES.delete(neox.id));

  it('agrees with transformers at every hook it offers and in the loss of every token, and so does the twin', async () => {
    const notes: string[] = [];
    const config = parseConfig(readJson(`${FOLDER}/config.json`), 'config.json', (note) => notes.push(note));
    expect(notes).toEqual([]);
    expect(config).toMatchObject({ label: 'GPT-NeoX', parallel: true, rope: { theta: 10000, dims: 2 } });
    const tensors = openTensors(`${FOLDER}/model.safetensors`);
    const values = openTensors(`${FOLDER}/expected.safetensors`);
    const [n, T] = values.shape('input_ids') as [number, number];
    const tokens = Uint32Array.from(values.get('input_ids'));
    const gpu = await testGpu();
    const model = await LanguageModel.load(gpu, config, tensors, { maxTokens: n * T });
    const twin = (await ReferenceModel.load(config, tensors)).run(tokens, n, T);
    const { spliced } = readJson(`${FOLDER}/expected.json`) as { spliced: Record<string, { zero: number }> };
    expect(model.hooks.map(({ name }) => name)).toEqual([0, 1].flatMap((i) => neox.hooks.map((stage) => `blocks.${i}.${stage}`)));
    for (const { name, width } of model.hooks) {
      const value = model.prefix(name, tokens, n, T);
      expect(maxError(await readFloats(gpu, value.buffer, 0, n * T * width), values.get(name)), name).toBeLessThan(1e-4);
      expect(maxError(twin.hooks.get(name) as Float64Array, values.get(name)), name).toBeLessThan(1e-4);
      expect(maxError(await model.crossEntropy(), values.get('ce')), name).toBeLessThan(1e-4);
      const splicer = await Splicer.create(gpu, width, n * T);
      const zeroed = await model.crossEntropy(splicer.zero(value));
      expect(zeroed.reduce((a, b) => a + b, 0) / zeroed.length).toBeCloseTo(spliced[name]?.zero as number, 4);
      splicer.destroy();
    }
    expect(() => model.hookWidth('blocks.0.hook_mlp_out')).toThrow(
      'The model has no hook blocks.0.hook_mlp_out. It has blocks.i.attn.hook_z,',
    );
    model.destroy();
    gpu.check();
  });

  it('is read without a model_type too, and is unknown again when it is taken out', () => {
    const json = readJson(`${FOLDER}/config.json`) as Record<string, unknown>;
    const { model_type: _, ...rest } = json;
    expect(parseConfig(rest).family).toBe('gpt_neox');
    FAMILIES.delete(neox.id);
    expect(() => parseConfig(json)).toThrow('model family gpt_neox (GPTNeoXForCausalLM) is not supported');
    FAMILIES.set(neox.id, neox);
  });
});
