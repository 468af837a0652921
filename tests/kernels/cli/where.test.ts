/** Loss recovered is measured where the rows come from, or not at all; on text that was not trained on, as far as that can be known. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { readJson } from '../../fixtures';
import { randoms } from '../../gpu';
import { openTensors } from '../lm/safetensors';
import { at, cfg, GPT2, type Json, LOSSES, lab, TOKENS } from './harness';

const [N, T, D] = [2, 24, 24];
const expected = readJson<{ ce_clean: number; spliced: Record<string, { zero: number }> }>('lm/gpt2/expected.json');
const zeroAt = (hook: string) => expected.spliced[hook]?.zero as number;
const tensors = openTensors(TOKENS);
const ids = Int32Array.from(tensors.get('input_ids'));

interface Shard {
  rows?: Float32Array;
  tokens?: Int32Array | undefined;
  metadata?: Record<string, string>;
  shape?: number[];
}

/** Rows as PyTorch computed them, with its tokens unless `tokens` is given otherwise. */
function write(path: string, hook: string, { rows = tensors.get(hook), tokens, metadata, shape = [N, T, D] }: Shard = {}): string {
  const list = [{ name: 'activations', dtype: 'F32' as const, shape, data: Float32Array.from(rows) }];
  const saved = tokens === undefined ? list : [...list, { name: 'tokens', dtype: 'I32' as const, shape: shape.slice(0, -1), data: tokens }];
  writeFileSync(at(path), writeSafetensors(saved, metadata));
  return at(path);
}
let runs = 0;
const train = (...more: (string | number)[]) =>
  lab(
    ...['train', '--arch', 'gated', '--d-sae', 30, '--lambda', 0.05, '--steps', 3, '--batch', 8, '--holdout', 0],
    ...['--out', at(`run${runs++}`), '--json', ...more],
  );
const OUT = 'blocks.0.hook_mlp_out';

describe('shards that say where they come from', () => {
  it.each([
    ['in their metadata', 'said.safetensors', { metadata: { hook_name: OUT } }, 'hook_name in '],
    ['in their name', 'dump_blocks_0_hook_mlp_out.safetensors', {}, 'the name of dump_blocks_0_hook_mlp_out'],
  ])('%s are measured there: zero ablation as PyTorch has it at that hook, not at the first of the width', async (_, name, shard, from) => {
    const path = write(name, OUT, { ...shard, tokens: ids });
    const { code, json, err } = await train('--data', path, '--model', GPT2, '--tokens', TOKENS);
    expect(code, err).toBe(0);
    expect(json.ce_zero).toBeCloseTo(zeroAt(OUT), 4);
    expect(json.ce_clean).toBeCloseTo(expected.ce_clean, 4);
    expect(json).toMatchObject({ hook: OUT, hook_from: expect.stringContaining(from), hook_check: 'rows' });
    expect(json.hook_check_found).toMatch(/rows of the shards are what gpt2 gives at blocks\.0\.hook_mlp_out for their tokens/);
    expect((cfg(at(`run${runs - 1}`)).metadata as Json).hook_name).toBe(OUT);
  });

  it('by a folder of the hook’s name', async () => {
    mkdirSync(at('blocks.1.attn.hook_z'), { recursive: true });
    const path = write('blocks.1.attn.hook_z/0.safetensors', 'blocks.1.attn.hook_z', { tokens: ids });
    const { json, err } = await train('--data', dirname(path), '--model', GPT2, '--tokens', TOKENS);
    expect(json.ce_zero, err).toBeCloseTo(zeroAt('blocks.1.attn.hook_z'), 4);
    expect(json.hook_from).toBe('the folder blocks.1.attn.hook_z');
  });

  it('are not measured elsewhere by a --hook that contradicts them: both are named, unless it is insisted on', async () => {
    const path = write('said.safetensors', OUT, { metadata: { hook_name: OUT }, tokens: ids });
    const given = ['--data', path, '--model', GPT2, '--tokens', TOKENS, '--hook', 'blocks.0.attn.hook_z'];
    const refused = await train(...given);
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringMatching(
        /--hook: blocks\.0\.attn\.hook_z was asked for, but the shards come from blocks\.0\.hook_mlp_out \(hook_name in .*--trust-hook/,
      ),
    ]);
    const forced = await train(...given, '--trust-hook');
    expect(forced.code).toBe(0);
    expect(forced.json.ce_zero).toBeCloseTo(zeroAt('blocks.0.attn.hook_z'), 4);
    expect(forced.json).toMatchObject({ hook: 'blocks.0.attn.hook_z', hook_check: 'trusted' });
    expect(forced.json.hook_check_found).toMatch(
      /are not those of blocks\.0\.attn\.hook_z .* but those of blocks\.0\.hook_mlp_out of gpt2/,
    );
  });
});

describe('shards that do not say it', () => {
  it('are asked about where several hooks fit: an error lists them', async () => {
    const { code, err } = await train('--data', write('mute.safetensors', OUT, { tokens: ids }), '--model', GPT2, '--tokens', TOKENS);
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(
        /do not say where they come from, and 6 hooks of this model are 24 wide: blocks\.0\.attn\.hook_z, .*blocks\.1\.hook_resid_post\. Say which one it is\. \(--hook NAME\)/,
      ),
    ]);
  });

  it('are measured where --hook says, when their tokens give these rows there; elsewhere R² alone, and the right hook is named', async () => {
    const path = write('mute.safetensors', OUT, { tokens: ids });
    const right = await train('--data', path, '--model', GPT2, '--tokens', TOKENS, '--hook', OUT);
    expect(right.json).toMatchObject({ hook: OUT, hook_from: 'as chosen', hook_check: 'rows' });
    expect(right.json.ce_zero).toBeCloseTo(zeroAt(OUT), 4);
    const wrong = await train('--data', path, '--model', GPT2, '--tokens', TOKENS, '--hook', 'blocks.1.hook_resid_post', '--holdout', 0.5);
    expect(wrong.code).toBe(0);
    for (const name of LOSSES) expect(name in wrong.json, name).toBe(false);
    expect(wrong.json).toMatchObject({ hook_check: 'mismatch', r2: expect.any(Number) });
    expect(wrong.json.loss_recovered_problem).toMatch(
      /not those of blocks\.1\.hook_resid_post .* but those of blocks\.0\.hook_mlp_out of gpt2/,
    );
    expect('hook_name' in (cfg(at(`run${runs - 1}`)).metadata as Json), 'a disproved hook in cfg.json').toBe(false);
    expect(wrong.err).toMatch(/loss recovered is not measured: the shards' rows are not those of/);
  });

  it('are measured at the only hook of their width', async () => {
    const hook = 'blocks.0.mlp.hook_post';
    const path = write('wide.safetensors', hook, { tokens: ids, shape: [N, T, 80], metadata: { hook_name: hook } });
    const { json } = await train('--data', path, '--model', GPT2, '--tokens', TOKENS);
    expect(json.ce_zero).toBeCloseTo(zeroAt(hook), 4);
  });
});

describe('rows that the model does not give', () => {
  const given = ['--model', GPT2, '--tokens', TOKENS];
  const rows = tensors.get(OUT);
  it.each([
    ['scaled', rows.map((v) => 3 * v), ids, /They are those rows times 3: they were scaled/],
    [
      'centred',
      rows.map((v, j) => v - rows.subarray(j - (j % D), j - (j % D) + D).reduce((a, b) => a + b, 0) / D),
      ids,
      /less each row’s own mean, as TransformerLens/,
    ],
    ['less a mean', rows.map((v, j) => v - 2 * Math.cos(j % D)), ids, /less one vector: a mean was subtracted/],
    ['of nothing', randoms(N * T * D, 3), ids, /None of its 6 hooks of that width gives them: they come from another model/],
    [
      'of another vocabulary',
      rows,
      ids.map((id) => id + 97),
      /tokens hold id \d+, the vocabulary of gpt2 has 97: they come from another model/,
    ],
  ])('%s: R² alone, with the reason', async (name, values, tokens, reason) => {
    const path = write(`odd ${name}.safetensors`, OUT, { rows: values, tokens, metadata: { hook_name: OUT } });
    const { code, json } = await train('--data', path, ...given, '--holdout', 0.5);
    expect(code).toBe(0);
    expect(json).toMatchObject({ hook: OUT, hook_check: 'mismatch' });
    expect(json.loss_recovered_problem).toMatch(reason);
    expect('loss_recovered' in json).toBe(false);
  });

  it('kept in 8-bit mantissas are the hook’s', async () => {
    const words = new Uint32Array(Float32Array.from(rows).buffer);
    const coarse = new Float32Array(words.map((word) => (word + 0x8000) & 0xffff0000).buffer);
    const { json } = await train(
      '--data',
      write('bf16.safetensors', OUT, { rows: coarse, tokens: ids, metadata: { hook_name: OUT } }),
      ...given,
    );
    expect(json.hook_check).toBe('rows');
  });

  it('of shards without tokens are compared by their moments, which do not tell for 24 columns, and that is said', async () => {
    const { json } = await train('--data', write('no tokens.safetensors', OUT, { metadata: { hook_name: OUT } }), ...given);
    expect(json.hook_check).toBe('unknown');
    expect(json.ce_zero).toBeCloseTo(zeroAt(OUT), 4);
    expect(json.eval_text).toMatch(/cannot be known: the shards have no tokens/);
    expect('eval_tokens_seen_in_training' in json).toBe(false);
    const scaled = write('scaled.safetensors', OUT, { rows: rows.map((v) => v / 9), metadata: { hook_name: OUT } });
    expect((await train('--data', scaled, ...given)).json).toMatchObject({
      hook_check: 'mismatch',
      loss_recovered_problem: expect.stringMatching(/not like those of the hook .*the norms' ratio is 0\.1/),
    });
  });
});

describe('a model without a text', () => {
  const many = Int32Array.from(randoms(40 * T, 5), (v) => Math.floor((v + 0.5) * 97));
  async function harvested(name: string): Promise<string> {
    writeFileSync(at('many.safetensors'), writeSafetensors([{ name: 'input_ids', dtype: 'I32', shape: [40, T], data: many }]));
    const { code } = await lab('harvest', '--model', GPT2, '--hook', OUT, '--tokens', at('many.safetensors'), '--out', at(name), '--json');
    expect(code).toBe(0);
    return at(name);
  }

  it('reads the shards’ own held-out tokens, also those of flat rows', async () => {
    const { code, json, err } = await train('--data', await harvested('own'), '--model', GPT2, '--holdout', 0.2);
    expect(code, err).toBe(0);
    expect(json).toMatchObject({ hook: OUT, hook_check: 'rows', eval_tokens_seen_in_training: 0 });
    expect(json.loss_recovered).toEqual(expect.any(Number));
    expect(json.eval_text).toMatch(/held-out sequences of the shards themselves: 0 of \d+ tokens were trained on/);
  });

  it('is refused in words where there are no tokens', async () => {
    const path = write('no tokens.safetensors', OUT, { metadata: { hook_name: OUT } });
    const { code, err } = await train('--data', path, '--model', GPT2);
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/loss recovered needs a text, and the shards have no tokens of their own.*--text FILE/),
    ]);
  });

  it('the text that the shards were made from: windows that were trained on are passed over, and counted where none is left', async () => {
    const data = await harvested('same');
    const given = ['--data', data, '--model', GPT2, '--tokens', at('many.safetensors')];
    const held = await train(...given, '--holdout', 0.2);
    expect(held.json.eval_tokens_seen_in_training).toBe(0);
    expect(held.json.tokens).toBeLessThanOrEqual(0.3 * 40 * T);
    expect(held.json.eval_text).toMatch(/0 of \d+ tokens were trained on .* passed over: trained on\./);
    const all = await train(...given, '--holdout', 0);
    expect(all.json).toMatchObject({ tokens: 40 * T, eval_tokens_seen_in_training: 40 * T });
    expect(all.err).toMatch(/960 of 960 tokens were trained on/);
  });
});

describe('a text or tokens without a model', () => {
  it('are not used, and that is said', async () => {
    const data = ['--data', write('alone.safetensors', OUT)];
    const { code, err, json } = await train(...data, '--tokens', TOKENS);
    expect([code, json.loss_recovered]).toEqual([0, undefined]);
    expect(err).toContain('note: --tokens is not used: without --model');
    expect((await train(...data, '--train-tokens', 24)).err).toContain('note: --train-tokens is not used');
    const sized = await train(...data, '--eval-tokens', 24, '--holdout-tokens', 24, '--context', 8);
    for (const name of ['eval-tokens', 'holdout-tokens', 'context']) expect(sized.err).toContain(`note: --${name} is not used`);
    expect((await train(...data)).err).not.toContain('is not used');
  });
});

describe('shapes that files leave open', () => {
  it('are said by train, in words and in JSON: positions or layers', async () => {
    const data = Float32Array.from({ length: 8 * 3 * 24 }, (_, i) => Math.sin(i));
    writeFileSync(at('open.safetensors'), writeSafetensors([{ name: 'activations', dtype: 'F32', shape: [8, 3, 24], data }]));
    const { json, err } = await train('--data', at('open.safetensors'));
    const assumed = 'open.safetensors: assumed: [8, 3, 24] read as 8 sequences of 3 rows; if the middle axis is layers, save one of them';
    expect(json.data_notes).toEqual([expect.stringContaining(assumed)]);
    expect(err).toContain(`note: ${assumed}`);
  });
});

describe('eval', () => {
  it('names the hook, who says so, and whether that was checked', async () => {
    await train(
      '--data',
      write('said.safetensors', OUT, { metadata: { hook_name: OUT }, tokens: ids }),
      '--model',
      GPT2,
      '--tokens',
      TOKENS,
    );
    const sae = at(`run${runs - 1}`);
    const through = await lab('eval', '--sae', sae, '--model', GPT2, '--tokens', TOKENS, '--json');
    expect(through.json).toMatchObject({ hook: OUT, hook_from: 'cfg.json of the SAE', hook_check: 'computed' });
    const onRows = await lab('eval', '--sae', sae, '--data', at('said.safetensors'), '--json');
    expect(onRows.json).toMatchObject({ hook: OUT, hook_from: expect.stringContaining('hook_name in '), hook_check: 'unchecked' });
    const wrong = await lab('eval', '--sae', sae, '--data', at('said.safetensors'), '--hook', 'blocks.1.hook_mlp_out');
    expect([wrong.code, wrong.err]).toEqual([
      1,
      expect.stringMatching(/blocks\.1\.hook_mlp_out was asked for, but the shards come from blocks\.0\.hook_mlp_out/),
    ]);
    const both = await lab('eval', '--sae', sae, '--data', at('said.safetensors'), '--model', GPT2, '--tokens', TOKENS);
    expect([both.code, both.err]).toEqual([2, expect.stringContaining('give --data, or --model with a text, not both')]);
  });
});
