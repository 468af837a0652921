/** `lm`, `harvest`, `eval` and `inspect` on files. */

import { readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { encodeF16 } from '../../../src/data/formats/floats';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { blockToFloats } from '../../../src/data/rows/block';
import { readJson } from '../../fixtures';
import { maxError, randoms } from '../../gpu';
import { openTensors } from '../lm/safetensors';
import { at, DENSITIES, GPT2, HOOK, type Json, LOSSES, lab, METRICS, shard, TOKENS } from './harness';

describe('a language model', () => {
  const expected = readJson<{ ce_clean: number; spliced: Record<string, Record<string, number>> }>('lm/gpt2/expected.json');

  it.each(['zero', 'mean', 'half'])('lm: clean and with a hook replaced (%s), as PyTorch measures', async (mode) => {
    const { code, json } = await lab('lm', '--model', GPT2, '--tokens', TOKENS, '--splice', `${HOOK}=${mode}`, '--json');
    expect(code).toBe(0);
    expect(json.ce).toBeCloseTo(expected.ce_clean, 4);
    expect(json).toMatchObject({ tokens: 48, predictions: 46, splice: { hook: HOOK, mode } });
    expect((json.splice as Json).ce).toBeCloseTo(expected.spliced[HOOK]?.[mode] as number, 4);
  });

  it('lm: says which hooks there are, and which tokens do not belong', async () => {
    const hook = await lab('lm', '--model', GPT2, '--tokens', TOKENS, '--splice', 'blocks.9.mlp.hook_post=zero');
    expect([hook.code, hook.err]).toEqual([
      1,
      expect.stringMatching(/no hook blocks\.9\.mlp\.hook_post\. It has blocks\.i\.attn\.hook_z, blocks\.i\.mlp\.hook_post/),
    ]);
    writeFileSync(
      at('foreign.safetensors'),
      writeSafetensors([{ name: 'tokens', dtype: 'I32', shape: [1, 4], data: Int32Array.of(1, 2, 5000, 3) }]),
    );
    const tokens = await lab('lm', '--model', GPT2, '--tokens', at('foreign.safetensors'));
    expect([tokens.code, tokens.err]).toEqual([1, expect.stringMatching(/token id 5000; the model's vocabulary has 97/)]);
  });

  it('train through it, then eval the saved folder on the same held-out sequences: the same metrics, losses included', async () => {
    const T = 24;
    const ids = Int32Array.from(randoms(12 * T, 3), (v) => Math.floor((v + 0.5) * 97));
    const write = (path: string, values: Int32Array) =>
      writeFileSync(path, writeSafetensors([{ name: 'input_ids', dtype: 'I32', shape: [values.length / T, T], data: values }]));
    write(at('ids.safetensors'), ids);
    const out = at('through');
    const { code, json } = await lab(
      ...[
        'train',
        '--model',
        GPT2,
        '--hook',
        HOOK,
        '--tokens',
        at('ids.safetensors'),
        '--holdout',
        0.25,
        '--arch',
        'gated',
        '--d-sae',
        100,
      ],
      ...['--lambda', 0.05, '--steps', 15, '--batch', 24, '--lr', 2e-3, '--normalize', 'mean-square', '--out', out, '--json'],
    );
    expect(code).toBe(0);
    expect(Object.keys(json)).toEqual(expect.arrayContaining([...METRICS, ...LOSSES]));
    expect(json.tokens).toBe(3 * T);
    write(at('held-ids.safetensors'), ids.subarray(0, 3 * T));
    // The hook is in cfg.json, so it need not be given.
    const measured = await lab('eval', '--sae', out, '--model', GPT2, '--tokens', at('held-ids.safetensors'), '--json');
    expect(measured.code).toBe(0);
    expect(measured.json.hook).toBe(HOOK);
    for (const name of [...METRICS, ...DENSITIES, ...LOSSES]) {
      expect(Math.abs((measured.json[name] as number) - (json[name] as number)), name).toBeLessThan(
        1e-4 * Math.max(1, Math.abs(json[name] as number)),
      );
    }
    const readable = await lab('eval', '--sae', out, '--model', GPT2, '--tokens', at('held-ids.safetensors'), '--max-tokens', 24);
    expect(readable.out).toMatch(/on 24 tokens[\s\S]*loss recovered/);
  });

  it('harvest: shards that ShardSource reads, rows as PyTorch has them, tokens beside them; f16 is f32 rounded', async () => {
    const rows = openTensors(TOKENS).get(HOOK);
    const ids = [...openTensors(TOKENS).get('input_ids')];
    const harvested = async (name: string, ...more: (string | number)[]) => {
      const out = at(name);
      const { code, json } = await lab('harvest', '--model', GPT2, '--hook', HOOK, '--tokens', TOKENS, '--out', out, '--json', ...more);
      expect(code).toBe(0);
      expect(json).toMatchObject({ rows: 48, d: 80, hook: HOOK });
      const sources = await Promise.all((json.shards as { path: string; rows: number }[]).map(({ path }) => shard(path)));
      expect(readdirSync(out).length).toBe(sources.length);
      const blocks = await Promise.all(sources.map((source) => source.read(0, source.facts.rows)));
      return {
        json,
        sources,
        values: Float32Array.from(blocks.flatMap((block) => [...blockToFloats(block)])),
        bytes: Buffer.concat(blocks.map(({ bytes }) => Buffer.from(bytes))),
        tokens: blocks.flatMap(({ tokens }) => [...(tokens ?? [])]),
      };
    };
    const [whole, cut, half] = [
      await harvested('f32'),
      await harvested('f32-cut', '--rows-per-shard', 20),
      await harvested('f16', '--dtype', 'f16'),
    ];
    expect(maxError(whole.values, rows)).toBeLessThan(1e-5);
    expect([whole.tokens, cut.tokens, half.tokens]).toEqual([ids, ids, ids]);
    expect(cut.sources.map((source) => source.facts.rows)).toEqual([20, 20, 8]);
    expect(cut.bytes.equals(whole.bytes)).toBe(true);
    expect(half.sources[0]).toMatchObject({ facts: { dtype: 'f16', hasTokens: true, d: 80 } });
    const rounded = encodeF16(whole.values);
    expect(half.bytes.equals(Buffer.from(rounded.buffer, rounded.byteOffset, rounded.byteLength))).toBe(true);
    expect(whole.sources[0]?.metadata.get('hook_name')).toBe(HOOK);
  });
});

const KEYS = [
  ...['path', 'ok', 'format', 'files', 'rows', 'd', 'dtype', 'tokens', 'has_tokens', 'mask', 'sequence', 'tensor', 'hook'],
  ...['candidates', 'error', 'assumptions', 'question', 'fingerprint'],
];

describe('inspect', () => {
  it('names each file, what it is, or why it is refused, and opens no GPU', async () => {
    const open = vi.spyOn(globalThis.__dawn as GPU, 'requestAdapter');
    const { code, json } = await lab('inspect', 'tests/fixtures/formats', '--json');
    expect(open).not.toHaveBeenCalled();
    open.mockRestore();
    expect(code).toBe(0);
    expect(Object.keys(json)).toEqual(['files', 'fingerprint', 'pooled']);
    const files = json.files as Json[];
    const byName = new Map(files.map((entry) => [(entry.path as string).split('/').at(-1), entry]));
    expect(byName.get('f32.safetensors')).toMatchObject({
      ok: true,
      format: 'safetensors',
      dtype: 'f32',
      rows: expect.any(Number),
      d: expect.any(Number),
      has_tokens: expect.any(Boolean),
    });
    expect(byName.get('f16_tokens.safetensors')).toMatchObject({ ok: true, dtype: 'f16', has_tokens: true });
    expect(byName.get('two_candidates.safetensors')).toMatchObject({ ok: false, candidates: expect.any(Array) });
    expect(byName.get('truncated.safetensors')).toMatchObject({ ok: false, error: expect.stringMatching(/truncated/) });
    for (const entry of files) {
      expect(Object.keys(entry).filter((key) => !KEYS.includes(key))).toEqual([]);
      expect(entry.ok === true || typeof entry.error === 'string', String(entry.path)).toBe(true);
    }
    const bad = await lab('inspect', 'tests/fixtures/formats/bad/truncated.safetensors');
    expect(bad.out).toMatch(/truncated\.safetensors .*truncated/);
  });
});
