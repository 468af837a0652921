/**
 * PEFT adapters: merged as peft merges them, or refused by name. tests/fixtures/lm/adapters: random LoRA adapters that peft 0.21 saved
 * for the tiny models beside them, with the losses that peft and transformers compute (eager attention, f32).
 */
import { describe, expect, it } from 'vitest';
import { withAdapter } from '../../../src/lm/adapter';
import type { TensorReader } from '../../../src/lm/checkpoint';
import { parseConfig } from '../../../src/lm/families';
import { maxError } from '../../gpu';
import { openTensors, readJson } from '../../kernels/lm/safetensors';
import { ReferenceModel } from '../../reference/lm/model';

const LM = 'tests/fixtures/lm';
type Json = Record<string, unknown>;

function open(name: string, change: Json = {}, tensors: (adapter: TensorReader) => TensorReader = (adapter) => adapter) {
  const config = parseConfig(readJson(`${LM}/${name}/config.json`));
  const folder = `${LM}/adapters/${name}`;
  const adapter = {
    config: { ...(readJson(`${folder}/adapter_config.json`) as Json), ...change },
    path: 'adapter_config.json',
    tensors: tensors(openTensors(`${folder}/adapter_model.safetensors`)),
  };
  return { config, folder, merge: () => withAdapter(openTensors(`${LM}/${name}/model.safetensors`), adapter, config) };
}

/** Tensors under other names; undefined hides one. */
const renamed =
  (rename: (name: string) => string | undefined) =>
  (tensors: TensorReader): TensorReader => {
    const original = new Map(tensors.names().flatMap((name) => (rename(name) === undefined ? [] : [[rename(name) as string, name]])));
    const find = (name: string) => original.get(name) as string;
    return {
      ...tensors,
      names: () => [...original.keys()],
      shape: (name) => tensors.shape(find(name)),
      read: (name) => tensors.read(find(name)),
    };
  };

describe.each([
  // Conv1D layers, a head tied to the embedding, all biases, ranks and alphas of their own; then rank-stabilised, with a head saved whole.
  ['gpt2', /rank 4, alpha 8\) was merged into 9 matrices, and \d+ tensors replaced; it was trained on tiny gpt2\.$/],
  ['llama', /rank 4, alpha 6, scaled by the root of the rank\) was merged into 10 matrices, and 1 tensor replaced/],
])('an adapter of %s', (name, words) => {
  it('gives the losses that peft gives', async () => {
    const { config, folder, merge } = open(name);
    const { tensors, notes } = merge();
    expect(notes).toEqual([expect.stringMatching(words)]);
    const values = openTensors(`${folder}/expected.safetensors`);
    const [n, T] = values.shape('input_ids') as [number, number];
    const { hooks, ce } = (await ReferenceModel.load(config, tensors)).run(values.get('input_ids'), n, T);
    expect(maxError(ce, values.get('ce'))).toBeLessThan(1e-4);
    expect(maxError(hooks.get('blocks.0.hook_resid_post') as Float64Array, values.get('blocks.0.hook_resid_post'))).toBeLessThan(1e-4);
    const { ce: mean, ce_without } = readJson(`${folder}/expected.json`) as { ce: number; ce_without: number };
    expect(ce.reduce((a, b) => a + b, 0) / ce.length).toBeCloseTo(mean, 5);
    expect(Math.abs(mean - ce_without)).toBeGreaterThan(0.4);
  });
});

it('knows the names that other savers give, and models without the prefix', async () => {
  const { config, merge } = open('llama');
  const { merge: other } = open(
    'llama',
    {},
    renamed((name) =>
      name
        .replace('base_model.model.', '')
        .replace(/(lora_.)\./, '$1.default.')
        .replace('lm_head.', 'lm_head.modules_to_save.default.'),
    ),
  );
  const tokens = [1, 2, 3, 4, 5, 6];
  const run = async (tensors: TensorReader) => (await ReferenceModel.load(config, tensors)).run(tokens, 1, 6).ce;
  expect(await run(other().tensors)).toEqual(await run(merge().tensors));
});

describe('what cannot be applied is refused by name', () => {
  it.each<[string, Json, string]>([
    ['another kind', { peft_type: 'IA3' }, 'adapter_config.json: an adapter of type IA3 is not supported: LORA only'],
    ['DoRA', { use_dora: true }, 'DoRA (use_dora = true) is not supported'],
    [
      'a start from singular vectors',
      { init_lora_weights: 'pissa' },
      'a start that changes the base weights (init_lora_weights = "pissa")',
    ],
    ['biases of its own', { lora_bias: true }, 'LoRA with biases (lora_bias = true)'],
    ['trained tokens', { trainable_token_indices: [1] }, 'more than LoRA on linear layers (trainable_token_indices = [1])'],
    ['another rank', { r: 8 }, 'asks for rank 8 at model.layers.0.mlp.down_proj; its matrices have rank 4'],
    ['no scale', { lora_alpha: null }, 'lora_alpha is missing'],
  ])('%s', (_, change, message) => {
    expect(open('llama', change).merge).toThrow(message);
  });

  it.each<[string, string, (name: string) => string | undefined, string]>([
    [
      'a tensor of nothing in the model',
      'llama',
      (name) => name.replace('q_proj', 'qq_proj'),
      'self_attn.qq_proj.lora_A.weight, which is of no linear layer',
    ],
    [
      'an embedding in its own form',
      'llama',
      (name) => name.replace('lm_head.weight', 'model.embed_tokens.lora_embedding_A'),
      'lora_embedding_A, which is of no',
    ],
    ['half of a pair', 'llama', (name) => (/layers.1.*up_proj.lora_B/.test(name) ? undefined : name), 'without its other half'],
    [
      'an adapted embedding',
      'llama',
      (name) => (/layers.1.*up_proj/.test(name) ? name.replace(/model.layers.1.mlp.up_proj/, 'model.embed_tokens') : name),
      'adapts the embedding',
    ],
    ['matrices of another layer', 'llama', (name) => name.replace('self_attn.v_proj', 'mlp.gate_proj'), 'do not fit'],
    [
      'an embedding whose head is not known',
      'gpt2',
      (name) => (/lm_head.lora/.test(name) ? undefined : name.replace('lm_head.base_layer', 'transformer.wte')),
      'to which the head is tied',
    ],
  ])('%s', (_, name, rename, message) => {
    expect(open(name, {}, renamed(rename)).merge).toThrow(message);
  });

  it('lists what nothing reads', () => {
    expect(open('llama', { new_scale: 2 }).merge().notes[1]).toContain(
      'adapter_config.json has a key that nothing here reads: new_scale = 2',
    );
  });
});
