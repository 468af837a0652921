/** SAEs as other programs saved them: those that are read compute what their own library does, the others are refused by name. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { listFiles } from '../../../src/data/bytes/nodeFiles';
import type { ByteSource } from '../../../src/data/bytes/types';
import { inspectFiles } from '../../../src/data/dropped/classify';
import { type TensorData, writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { loadSae, saeOrigin } from '../../../src/interop/saelens';
import { readF32 } from '../../fixtures';
import { worstError } from './formula';

const ROOT = 'tests/fixtures/saes';
const filesOf = async (folder: string): Promise<ByteSource[]> =>
  (await listFiles([`${ROOT}/${folder}`])).filter(({ path }) => !path.endsWith('/expected.safetensors'));

describe('those that are read', () => {
  const cases = readdirSync(`${ROOT}/read`);

  it.each(cases)('%s: features and reconstructions are those of its own library', async (name) => {
    const sae = await loadSae(await filesOf(`read/${name}`));
    const expected = readF32(`saes/read/${name}/expected.safetensors`);
    const [x, f, hat] = ['x', 'f', 'x_hat'].map((key) => expected[key]?.data);
    if (!x || !f || !hat) throw new Error('the fixture lacks tensors');
    expect(worstError(sae, { x, f, hat })).toBeLessThan(2e-4);
  });

  it('are recognised by the page, each in its folder, and never as activations', async () => {
    const files = (await Promise.all(cases.map((name) => filesOf(`read/${name}`)))).flat();
    const { saes, shards, reports } = await inspectFiles(files);
    expect(saes.map(({ sources }) => sources.length)).toEqual(cases.map(() => 2));
    expect([shards.length, reports.filter(({ ok }) => !ok)]).toEqual([0, []]);
  });
});

describe('those that are not read', () => {
  const WORDS: Record<string, RegExp> = {
    '1l-25': /not read yet: 1L-Sparse-Autoencoder/,
    'batchtopk-repo-jumprelu': /not read yet: the BatchTopK repository/,
    'circuit-tracer-transcoder': /not read yet: circuit-tracer/,
    'dl-AutoEncoder': /not read yet: dictionary_learning/,
    'dl-GatedAutoEncoder': /not read yet: dictionary_learning/,
    'dl-JumpReluAutoEncoder': /not read yet: dictionary_learning/,
    'dl-MatryoshkaBatchTopKSAE': /not read yet: dictionary_learning/,
    'dl-backup': /backup of an interrupted run/,
    'dl-square': /not read yet: dictionary_learning/,
    'duplicate-cfg-key': /cfg\.json: gives "d_sae" twice/,
    'extra-tensor': /holds W_skip \[12, 12\] \(of a skip_transcoder SAE\), for which a jumprelu SAE has no place/,
    'gemma-scope-stored': /not read yet: Gemma Scope \(params\.npz\)/,
    'k-missing': /cfg\.json: architecture "topk" and no k \(SAELens would take 100\)/,
    'k-too-large': /cfg\.json: k is 43, more than the 40 latents of this SAE/,
    'llama-scope': /not read yet: Llama Scope/,
    'missing-threshold': /has no tensor "threshold", which a jumprelu SAE needs/,
    'npz-object-array': /not read yet: Gemma Scope/,
    'openai-topk': /not read yet: OpenAI/,
    'openmoss-topk': /not read yet: OpenMOSS/,
    'pickle-executes': /asks to run builtins\.eval.*Nothing was run/,
    'pickled-module': /asks to build torch\.nn\.modules\.linear\.Linear/,
    'saelens-constant-norm': /normalize_activations is "constant_norm_rescale": this SAE rescales every row/,
    'saelens-expected-average': /"expected_average_only_in" and there is no activation_scaler\.json/,
    'saelens-layer-norm': /normalize_activations is "layer_norm": this SAE rescales every row/,
    'saelens-skip-transcoder': /architecture "skip_transcoder"/,
    'sparsify-skip-transcoder': /not read yet: sparsify/,
    'square-but-cfg-says-otherwise': /W_dec is \[12, 12\] but cfg\.json says d_sae 40/,
    'truncated-npz': /truncated/,
    'truncated-safetensors': /truncated/,
    'unknown-architecture': /architecture "kan" is not one the lab reads \(standard, gated, jumprelu, topk, /,
  };

  it('are all in the table of this test', () => expect(readdirSync(`${ROOT}/refused`).sort()).toEqual(Object.keys(WORDS).sort()));

  it.each(Object.entries(WORDS))('%s is refused by name, and is no activations either', async (name, words) => {
    const files = await filesOf(`refused/${name}`);
    await expect(loadSae(files)).rejects.toThrow(words);
    const { shards, tokens, reports } = await inspectFiles(files);
    expect([shards.length, tokens.length]).toEqual([0, 0]);
    for (const { candidates, error } of reports)
      expect([candidates, error ?? '']).toEqual([undefined, expect.not.stringMatching(/--tensor/)]);
  });
});

it('a threshold below 0, which nothing negative passes there, becomes 0, and that is said', async () => {
  const sae = await loadSae(await filesOf('odd/threshold-negative'));
  expect(Math.min(...(sae.vectors.threshold as Float32Array))).toBe(0);
  expect(sae.notes).toEqual([expect.stringMatching(/^threshold holds \d+ values below 0, which act as 0 there/)]);
});

it.each(['batchtopk', 'matryoshka', 'topk-from-training'])('%s needs no remark', async (name) => {
  expect((await loadSae(await filesOf(`read/${name}`))).notes).toEqual([]);
});

it('decoder norms that select are folded, and that is said', async () => {
  expect((await loadSae(await filesOf('read/topk-rescale'))).notes).toEqual([
    'Decoder norms were folded into the encoder (rescale_acts_by_decoder_norm), which is the same function.',
  ]);
});

describe('several at once', () => {
  it('a parent folder is refused with the folders in it, whatever else lies there', async () => {
    await expect(loadSae(await filesOf('read'))).rejects.toThrow(
      /^read: holds 17 saved SAEs: name one of read\/batchtopk, read\/bf16, read\/fewer-features, /,
    );
    await expect(loadSae(await filesOf('refused'))).rejects.toThrow(/holds \d+ saved SAEs: name one of/);
  });

  it('weights are never paired with the cfg.json of another folder', async () => {
    const [gated, standard] = [await filesOf('read/gated'), await filesOf('read/standard')];
    const cfg = gated.find(({ path }) => path.endsWith('cfg.json')) as ByteSource;
    const weights = standard.find(({ path }) => path.endsWith('.safetensors')) as ByteSource;
    const sae = await loadSae([cfg, weights]);
    expect(sae.arch).toBe('baseline');
    expect(sae.notes).toEqual([
      'gated/cfg.json lies in another folder than the weights and was not read.',
      'No cfg.json: taken for a standard SAE that subtracts b_dec from its input, of activations as they are.',
    ]);
  });

  it('two weights files in one folder are refused, unless one has the usual name: then the other is named', async () => {
    const file = await standardFile({});
    const [a, b] = [new MemorySource('f/a.safetensors', file), new MemorySource('f/b.safetensors', file)];
    await expect(loadSae([a, b])).rejects.toThrow('f: holds 2 saved SAEs: name one of f/a.safetensors, f/b.safetensors.');
    const { notes } = await loadSae([a, new MemorySource('f/sae_weights.safetensors', file)]);
    expect(notes[0]).toBe('f/a.safetensors is another SAE and was not read.');
  });
});

/** The bytes of a tiny standard SAE with more tensors, or other ones. */
async function standardFile(more: Record<string, number[]>, value = 0.5): Promise<Uint8Array> {
  const shapes = { W_enc: [2, 3], W_dec: [3, 2], b_dec: [2], b_enc: [3], ...more };
  const tensors = Object.entries(shapes).map(
    ([name, shape]): TensorData => ({ name, dtype: 'F32', shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value) }),
  );
  return writeSafetensors(tensors);
}

describe('what cfg.json and the weights say of each other', () => {
  const V6 = { architecture: 'standard', d_in: 2, d_sae: 3, normalize_activations: 'none' };
  const load = async (cfg: unknown, more: Record<string, number[]> = {}) =>
    loadSae([
      new MemorySource('sae/cfg.json', new TextEncoder().encode(typeof cfg === 'string' ? cfg : JSON.stringify(cfg))),
      new MemorySource('sae/sae_weights.safetensors', await standardFile(more)),
    ]);

  it.each([
    ['threshold', [3], /holds threshold \[3\] \(of a jumprelu SAE\), for which a standard SAE has no place/],
    ['W_skip', [2, 2], /holds W_skip \[2, 2\] \(of a skip_transcoder SAE\)/],
    ['topk_threshold', [], /holds topk_threshold \[\] \(of a batchtopk SAE\)/],
    ['b_gate', [3], /holds b_gate \[3\] \(of a gated SAE\)/],
    ['anything', [1, 1], /holds anything \[1, 1\], for which/],
  ])('a tensor that the architecture has no place for is refused: %s', async (name, shape, words) => {
    await expect(load(V6, { [name]: shape })).rejects.toThrow(words);
  });

  it.each([
    [{ d_in: 3, d_sae: 2 }, /look transposed/],
    [{ normalize_activations: 'zca' }, /"zca", which is not known \(known: none, expected_average_only_in/],
    [{ normalize_activations: 'constant_norm_rescale' }, /rescales every row at run time/],
    [{ reshape_activations: 'other' }, /reshape_activations is "other"/],
    [{ metadata: { hook_head_index: 3 } }, /hook_head_index is 3: a SAE of one attention head/],
    [{ metadata: { hook_name: 'a', hook_name_out: 'b' } }, /hook_name_out is "b", not the hook that is read/],
    [{ d_out: 5 }, /d_out is 5 and d_in 2: a transcoder/],
    [{ finetuning_scaling_factor: true }, /there is no tensor scaling_factor/],
    [{ metadata: { model_from_pretrained_kwargs: 3 } }, /model_from_pretrained_kwargs is 3; an object/],
  ])('what changes the arithmetic and is not done is refused: %j', async (more, words) => {
    await expect(load({ ...V6, ...more })).rejects.toThrow(words);
  });

  it('factors on the features that cfg.json denies are refused', async () => {
    await expect(load({ ...V6, finetuning_scaling_factor: false }, { scaling_factor: [3] })).rejects.toThrow(/not 1 everywhere/);
    expect((await load({ ...V6, finetuning_scaling_factor: true }, { scaling_factor: [3] })).wDec).toEqual(new Float32Array(6).fill(0.25));
  });

  it('keys that nothing reads are named, those that say nothing are not', async () => {
    const silent = { dtype: 'float32', device: 'cpu', seqpos_slice: [null], activation_fn_kwargs: {}, use_ghost_grads: false, k: null };
    expect((await load({ ...V6, ...silent, context_size: 8 })).notes).toEqual([]);
    const { notes } = await load({
      ...V6,
      l1_coefficient: 5,
      noise_scale: 0.1,
      metadata: { seqpos_slice: [1, null], model_from_pretrained_kwargs: { fold_ln: true, revision: 'step3000' } },
    });
    expect(notes).toEqual(['cfg.json keys that were not used: noise_scale, metadata.seqpos_slice, model_from_pretrained_kwargs.revision.']);
  });

  it('numbers that Python wrote as NaN count as absent, and are named', async () => {
    const text = '{"architecture": "standard", "d_in": 2, "d_sae": 3, "l0": NaN, "normalize_activations": NaN}';
    expect((await load(text)).notes).toEqual(['cfg.json keys that were NaN or infinite and count as absent: l0, normalize_activations.']);
  });

  it('what it says of the model and its tokens is handed on', async () => {
    const kwargs = { center_writing_weights: true, fold_value_biases: true };
    const { cfg } = await load({ ...V6, model_name: 'm', prepend_bos: false, context_size: 64, model_from_pretrained_kwargs: kwargs });
    expect(saeOrigin(cfg)).toEqual({
      modelName: 'm',
      prependBos: false,
      contextSize: 64,
      model: { centerWritingWeights: true, foldValueBiases: true, refactorAttention: false },
    });
  });
});
