/** `lm` and `harvest` on models whose files contradict themselves, and on sizes that cannot be had: what is said, in words and in JSON. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { readJson } from '../../fixtures';
import { openTensors } from '../lm/safetensors';
import { at, HOOK, type Json, lab } from './harness';

const LM = 'tests/fixtures/lm';

/** A copy of a fixture's model, its config.json changed, with other files beside it. */
function model(name: string, fixture: string, change: Json = {}, beside: string[] = []): string {
  const folder = at(name);
  mkdirSync(folder, { recursive: true });
  const config = { ...(JSON.parse(readFileSync(join(LM, fixture, 'config.json'), 'utf8')) as Json), ...change };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  for (const path of [join(LM, fixture, 'model.safetensors'), ...beside])
    copyFileSync(path, join(folder, path.split('/').at(-1) as string));
  return folder;
}
const tokensOf = (fixture: string) => join(LM, fixture, 'expected.safetensors');
const measure = (folder: string, fixture: string, ...more: (string | number)[]) =>
  lab('lm', '--model', folder, '--tokens', tokensOf(fixture), '--json', ...more);

describe('a model whose files contradict each other', () => {
  it('is measured with its own head where config.json ties it to the embedding, and it is said', async () => {
    const folder = model('own-head', 'gpt2-gelu-untied', { tie_word_embeddings: true });
    const { code, json, err } = await measure(folder, 'gpt2-gelu-untied');
    expect(code).toBe(0);
    expect(json.ce).toBeCloseTo(readJson<{ ce_clean: number }>('lm/gpt2-gelu-untied/expected.json').ce_clean, 4);
    expect(json.model_notes).toEqual([expect.stringContaining('has a head of its own, lm_head.weight')]);
    expect(err).toContain('note: ');
  });

  it('is described by inspect, without a GPU: the notes, or why it cannot be used', async () => {
    const folder = model('inspected', 'gpt2-gelu-untied', { tie_word_embeddings: true, mup: 1 });
    const { json } = await lab('inspect', folder, '--json');
    expect(json.model).toMatchObject({ label: 'inspected', family: 'GPT-2', layers: 1, d_model: 16, context: 64, vocab: 97 });
    const { notes } = json.model as { notes: string[] };
    expect(notes).toEqual([expect.stringContaining('mup = 1'), expect.stringContaining('where they differ the head is used')]);
    const { out } = await lab('inspect', folder);
    expect(out).toContain('language model inspected (GPT-2): 1 layer of 16, context 64');
    expect(out).toContain('mup = 1');
    const bad = model('unusable', 'llama', { sliding_window: 8 });
    const refused = await lab('inspect', bad, '--json');
    expect(refused.json.model).toEqual({
      error: expect.stringContaining('sliding-window attention (sliding_window = 8) is not supported'),
    });
    expect((await lab('inspect', bad)).out).toContain('language model: not usable: ');
  });

  it('lists keys that nothing reads', async () => {
    const { json } = await measure(model('unknown-key', 'llama', { embed_scale: 3 }), 'llama');
    expect(json.model_notes).toEqual([expect.stringContaining('a key that nothing here reads: embed_scale = 3.')]);
  });
});

describe('weights that hold NaN', () => {
  it('give no loss and no shard: an error says so', async () => {
    const folder = model('nan', 'gpt2');
    const bytes = readFileSync(join(folder, 'model.safetensors'));
    const start = 8 + Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, { dtype: string; data_offsets: [number, number] }>;
    const [, weight] = Object.entries(header).find(([name]) => name.endsWith('h.0.mlp.c_fc.weight')) ?? [];
    expect(weight?.dtype).toBe('F32');
    bytes.writeFloatLE(Number.NaN, start + (weight?.data_offsets[0] ?? 0));
    writeFileSync(join(folder, 'model.safetensors'), bytes);
    const measured = await measure(folder, 'gpt2');
    expect([measured.code, measured.err, measured.out]).toEqual([1, expect.stringContaining('the cross-entropy is NaN'), '']);
    const harvested = await lab('harvest', '--model', folder, '--hook', HOOK, '--tokens', tokensOf('gpt2'), '--out', at('nan-shards'));
    expect([harvested.code, harvested.err]).toEqual([1, expect.stringContaining('the model gives NaN at row 0')]);
    expect(existsSync(at('nan-shards', 'shard_00000.safetensors'))).toBe(false);
  });
});

describe('what is beside the weights', () => {
  it('a padded sequence is left out of the loss, by the mask of its file, and it is said', async () => {
    const { get, shape } = openTensors(tokensOf('gpt2'));
    const [n, T] = shape('input_ids') as [number, number];
    const save = (name: string, mask: Int32Array) => {
      const ids = Int32Array.from(get('input_ids'));
      const tensors = [
        { name: 'input_ids', dtype: 'I32' as const, shape: [n, T], data: ids },
        { name: 'attention_mask', dtype: 'I32' as const, shape: [n, T], data: mask },
      ];
      writeFileSync(at(name), writeSafetensors(tensors));
      return lab('lm', '--model', `${LM}/gpt2`, '--tokens', at(name), '--json');
    };
    const { json } = await save(
      'padded.safetensors',
      Int32Array.from({ length: n * T }, (_, i) => (i === 3 ? 0 : 1)),
    );
    const losses = get('ce').subarray(T - 1); // of the second sequence
    expect(json).toMatchObject({ tokens: T, model_notes: [expect.stringContaining('1 of 2 sequences have padding by its mask')] });
    expect(json.ce).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / losses.length, 4);
    const all = await save('all-padded.safetensors', new Int32Array(n * T));
    expect([all.code, all.err]).toEqual([1, expect.stringContaining('"attention_mask" says that each of the 2 sequences has padding')]);
  });

  it('a tokenizer that seems to be another model’s, or lies elsewhere, is named', async () => {
    const folder = model('foreign-tokenizer', 'gpt2', { bos_token_id: 0 });
    mkdirSync(join(folder, 'elsewhere'));
    copyFileSync('public/demo/tokenizer.json', join(folder, 'elsewhere/tokenizer.json'));
    const { json } = await measure(folder, 'gpt2');
    expect(json.model_notes).toEqual([
      expect.stringMatching(/^The tokenizer in use is .*elsewhere\/tokenizer\.json: there is none in the model’s own folder\.$/),
      'The tokenizer has 1024 tokens, the model’s vocabulary 97: it may be another model’s.',
    ]);
  });

  it('of several texts the one that is read is named, and those that are not', async () => {
    mkdirSync(at('texts'), { recursive: true });
    const words = readFileSync('public/demo/stories.txt', 'utf8').slice(0, 4000);
    for (const name of ['a.txt', 'b.txt']) writeFileSync(at('texts', name), words);
    const { json } = await lab('lm', '--model', 'public/demo', '--text', at('texts'), '--max-tokens', 128, '--json');
    expect(json.model_notes).toEqual([expect.stringMatching(/^One text is read, .*a\.txt; not .*b\.txt\.$/)]);
  });

  it('an index that names files which are not there is refused by their names', async () => {
    const folder = model('half-index', 'llama');
    const weight_map = { 'model.norm.weight': 'model.safetensors', 'lm_head.weight': 'model-00002-of-00002.safetensors' };
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map }));
    const { code, err } = await measure(folder, 'llama');
    expect([code, err]).toEqual([1, expect.stringContaining('index.json: names model-00002-of-00002.safetensors, which is not there')]);
  });
});

describe('an adapter', () => {
  const files = (name: string) => [`${LM}/adapters/${name}/adapter_config.json`, `${LM}/adapters/${name}/adapter_model.safetensors`];

  it.each(['gpt2', 'llama'])('beside %s is merged, as peft does', async (name) => {
    const { json } = await measure(model(`adapted-${name}`, name, {}, files(name)), name);
    expect(json.ce).toBeCloseTo(readJson<{ ce: number }>(`lm/adapters/${name}/expected.json`).ce, 4);
    expect((json.model_notes as string[])[0]).toMatch(/^The LoRA adapter .*adapter_model\.safetensors \(rank 4, alpha \d/);
  });

  it('that is incomplete, or lies elsewhere, is never passed over in silence', async () => {
    const [config, weights] = files('llama') as [string, string];
    const half = await measure(model('no-weights', 'llama', {}, [config]), 'llama');
    expect([half.code, half.err]).toEqual([1, expect.stringContaining('is of an adapter without its adapter_model.safetensors')]);
    const other = await measure(model('no-config', 'llama', {}, [weights]), 'llama');
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('is an adapter without its adapter_config.json')]);
    const apart = model('apart', 'llama');
    mkdirSync(join(apart, 'checkpoint-8'));
    for (const path of [config, weights]) copyFileSync(path, join(apart, 'checkpoint-8', path.split('/').at(-1) as string));
    const { json, err } = await measure(apart, 'llama');
    expect(json.ce).toBeCloseTo(readJson<{ ce_clean: number }>('lm/llama/expected.json').ce_clean, 4);
    expect(err).toMatch(/refused .*checkpoint-8\/adapter_config\.json: an adapter that lies apart from the model in use/);
  });
});

describe('sizes that cannot be had', () => {
  it('lm: windows of the model’s context, and whole ones', async () => {
    const demo = ['--model', 'public/demo', '--text', 'public/demo/stories.txt', '--json'];
    const { json, err } = await lab('lm', ...demo, '--context', 1024, '--max-tokens', 100);
    expect(json).toMatchObject({ tokens: 128, context: 128 });
    expect(json.adjusted).toEqual([
      { option: '--context', asked: 1024, used: 128, why: 'the model’s context is 128' },
      { option: '--max-tokens', asked: 100, used: 128, why: 'sequences of 128 tokens are used whole' },
    ]);
    expect(err).toContain('--context 1024: 128 used, because the model’s context is 128');
    const exact = await lab('lm', ...demo, '--context', 64, '--max-tokens', 128);
    expect(exact.json).toMatchObject({ tokens: 128, context: 64 });
    expect(exact.json.adjusted).toBeUndefined();
  });

  it('lm: sequences that were given keep their length, and there are no more of them', async () => {
    const { json } = await measure('tests/fixtures/lm/gpt2', 'gpt2', '--context', 12, '--max-tokens', 1000);
    expect(json.adjusted).toEqual([
      { option: '--context', asked: 12, used: 24, why: 'the token sequences that were given are 24 long' },
      { option: '--max-tokens', asked: 1000, used: 48, why: 'there are no more than 2 sequences of 24 tokens' },
    ]);
  });

  it('train: windows, held-out tokens and tokens to train on', async () => {
    const { json, err } = await lab(
      ...['train', '--model', 'public/demo', '--text', 'public/demo/stories.txt', '--hook', HOOK, '--context', 256, '--eval-tokens', 300],
      ...['--train-tokens', 2000, '--steps', 1, '--batch', 256, '--arch', 'gated', '--d-sae', 64, '--lambda', 0.1, '--lr', 1e-3, '--json'],
      ...['--out', at('adjusted')],
    );
    expect(json.adjusted).toEqual([
      { option: '--context', asked: 256, used: 128, why: 'the model’s context is 128' },
      { option: '--eval-tokens', asked: 300, used: 256, why: 'sequences of 128 tokens are used whole' },
      { option: '--train-tokens', asked: 2000, used: 1920, why: 'sequences of 128 tokens are used whole' },
    ]);
    expect(err).toContain('--eval-tokens 300: 256 used');
  });

  it('harvest: the same', async () => {
    const options = [
      '--model',
      `${LM}/gpt2`,
      '--hook',
      HOOK,
      '--tokens',
      tokensOf('gpt2'),
      '--out',
      at('cut'),
      '--max-tokens',
      30,
      '--json',
    ];
    const { json } = await lab('harvest', ...options);
    expect(json).toMatchObject({ rows: 24, context: 24, adjusted: [{ option: '--max-tokens', asked: 30, used: 24 }] });
  });
});
