/**
 * The command line in this process, through files on disk: training against PyTorch's fixtures, evaluation, language models, harvests,
 * sweeps, and what happens to bad files. Every JSON that is printed or written is checked for null and NaN on the way.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../../src/cli/main';
import { blockToFloats, encodeF16 } from '../../../src/data/floats';
import { FileSource } from '../../../src/data/nodeFiles';
import { writeSafetensors } from '../../../src/data/safetensorsWrite';
import { ShardSource } from '../../../src/data/shard';
import { splitRows } from '../../../src/data/split';
import { readF32, readJson } from '../../fixtures';
import { maxError, randoms } from '../../gpu';
import { openTensors } from '../lm/safetensors';

const folder = mkdtempSync(join(tmpdir(), 'lab-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...parts: string[]) => join(folder, ...parts);

type Json = Record<string, unknown>;

/** Nothing in a result may be null, or a number that JSON cannot hold. */
function noNull(value: unknown, path = 'result'): void {
  expect(value, path).not.toBeNull();
  if (typeof value === 'number') expect(Number.isFinite(value), path).toBe(true);
  else if (typeof value === 'string') expect(value, path).not.toMatch(/\bNaN\b|undefined|\[object/);
  else if (typeof value === 'object') for (const [key, inner] of Object.entries(value as Json)) noNull(inner, `${path}.${key}`);
}
const parsed = (text: string): Json => {
  const value = JSON.parse(text) as Json;
  noNull(value);
  return value;
};
const file = (path: string): Json => parsed(readFileSync(path, 'utf8'));
/** cfg.json is SAELens' own format, nulls and all. */
const cfg = (path: string) => JSON.parse(readFileSync(join(path, 'cfg.json'), 'utf8')) as Json;
const lines = (path: string): Json[] => readFileSync(path, 'utf8').trimEnd().split('\n').map(parsed);

/** Runs a command; with --json the last line of stdout is parsed. */
async function lab(...args: (string | number)[]): Promise<{ code: number; out: string; err: string; json: Json }> {
  let [out, err] = ['', ''];
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += text;
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += text;
      return true;
    }),
  ];
  try {
    const code = await main(args.map(String));
    const last = out.trimEnd().split('\n').at(-1) ?? '';
    return { code, out, err, json: args.includes('--json') && code === 0 ? parsed(last) : {} };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const writeShard = (path: string, rows: number, d: number, values: Float32Array) =>
  writeFileSync(path, writeSafetensors([{ name: 'activations', dtype: 'F32', shape: [rows, d], data: values.subarray(0, rows * d) }]));
const shard = async (path: string) => ShardSource.open(await FileSource.open(path));
const METRICS = ['l0', 'mse', 'fvu', 'r2', 'gamma', 'cosine', 'alive', 'alive_window_tokens', 'tokens'];
const LOSSES = ['ce_clean', 'ce_sae', 'ce_zero', 'ce_mean', 'loss_recovered', 'loss_recovered_mean'];

const GPT2 = 'tests/fixtures/lm/gpt2';
const TOKENS = `${GPT2}/expected.safetensors`;
const HOOK = 'blocks.0.mlp.hook_post';

describe('train', () => {
  interface Expected {
    d_in: number;
    d_sae: number;
    batch: number;
    steps: number;
    lr: number;
    lambda: number;
    lr_warmup_steps: number;
    lambda_warmup_steps: number;
    per_step: Record<string, number>[];
  }
  it.each(['gated', 'baseline'] as const)('%s: reproduces PyTorch’s weights and losses through files on disk', async (arch) => {
    const data = `tests/fixtures/train/${arch}`;
    const e = readJson<Expected>(`train/${arch}/expected.json`);
    const out = at(`fixture-${arch}`);
    const { code, json, err } = await lab(
      ...['train', '--data', `${data}/data.safetensors`, '--init', `${data}/init.safetensors`, '--arch', arch, '--d-sae', e.d_sae],
      ...['--lambda', e.lambda, '--steps', e.steps, '--batch', e.batch, '--lr', e.lr, '--lr-warmup', e.lr_warmup_steps],
      ...['--lambda-warmup', e.lambda_warmup_steps, '--shuffle', 'none', '--holdout', 0, '--log-every', 1, '--out', out, '--json'],
    );
    expect(err).toMatch(/nothing is held out/);
    expect(code).toBe(0);
    const [init, final, actual] = [
      readF32(`train/${arch}/init.safetensors`),
      readF32(`train/${arch}/final.safetensors`),
      openTensors(join(out, 'sae_weights.safetensors')),
    ];
    expect(actual.names().sort()).toEqual(Object.keys(final).sort());
    for (const [name, { data: to, shape }] of Object.entries(final)) {
      expect(actual.shape(name), name).toEqual(shape);
      const [from, got] = [init[name]?.data as Float32Array, actual.get(name)];
      let [off, change] = [0, 0];
      to.forEach((value, i) => {
        off += (value - (got[i] as number)) ** 2;
        change += (value - (from[i] as number)) ** 2;
      });
      expect(Math.sqrt(off / change), `change of ${name}`).toBeLessThan(1e-2);
    }
    const log = lines(join(out, 'metrics.jsonl'));
    expect(log.map(({ step }) => step)).toEqual(Array.from({ length: e.steps }, (_, i) => i));
    const keys = ['step', 'lr', 'lambda', 'loss', 'mse_loss', 'sparsity_loss', ...(arch === 'gated' ? ['aux_loss'] : []), 'l0', 'gamma'];
    log.forEach((line, i) => {
      expect(Object.keys(line)).toEqual(keys);
      for (const key of keys) {
        const expected = e.per_step[i]?.[key] as number;
        expect(Math.abs((line[key] as number) - expected), `${key} at ${i}`).toBeLessThanOrEqual(1e-4 * Math.abs(expected));
      }
    });
    expect(json).toMatchObject({
      arch,
      d_in: e.d_in,
      d_sae: e.d_sae,
      lambda: e.lambda,
      steps: e.steps,
      seed: 0,
      state: 'done',
      adapter: expect.any(String),
    });
    expect(json.rows_per_s).toBeGreaterThan(0);
    expect(
      METRICS.filter((name) => name in json),
      'nothing was held out, nothing is measured',
    ).toEqual([]);
    expect(file(join(out, 'result.json'))).toEqual(json);
    expect(cfg(out)).toMatchObject({
      architecture: arch === 'gated' ? 'gated' : 'standard',
      d_in: e.d_in,
      d_sae: e.d_sae,
      normalize_activations: 'none',
    });
  });

  it('measures on held-out rows what eval measures of the saved folder on the same rows', async () => {
    const [rows, d] = [400, 10];
    const data = at('split');
    writeShardFolder(data, rows, d);
    const out = at('split-out');
    const args = ['train', '--data', data, '--arch', 'gated', '--d-sae', 24, '--lambda', 0.1, '--steps', 30, '--batch', 32, '--lr', 2e-3];
    const { code, json } = await lab(
      ...args,
      '--seed',
      3,
      '--holdout',
      0.25,
      '--normalize',
      'mean-square',
      '--log-every',
      7,
      '--out',
      out,
      '--json',
    );
    expect(code).toBe(0);
    // Every seventh step and the last.
    expect(lines(join(out, 'metrics.jsonl')).map(({ step }) => step)).toEqual([0, 7, 14, 21, 28, 29]);
    expect(Object.keys(json)).toEqual(
      expect.arrayContaining([...METRICS, 'arch', 'd_in', 'd_sae', 'lambda', 'steps', 'seed', 'state', 'rows_per_s', 'adapter']),
    );
    expect(LOSSES.filter((name) => name in json)).toEqual([]);

    const sources = await Promise.all(readdirSync(data).map((name) => shard(join(data, name))));
    const { heldOut, heldOutRows } = splitRows(sources, 3, 0.25);
    expect(json.tokens).toBe(heldOutRows);
    const held = new Float32Array(heldOutRows * d);
    let next = 0;
    for (const { source, start, rows: n } of heldOut) {
      held.set(blockToFloats(await (sources[source] as ShardSource).read(start, n)), next * d);
      next += n;
    }
    writeShard(at('held.safetensors'), heldOutRows, d, held);
    const measured = await lab('eval', '--sae', out, '--data', at('held.safetensors'), '--json');
    expect(measured.code).toBe(0);
    expect(measured.json).toMatchObject({ arch: 'gated', d_in: d, d_sae: 24, adapter: expect.any(String) });
    for (const name of METRICS) expect(Math.abs((measured.json[name] as number) / (json[name] as number) - 1), name).toBeLessThan(1e-4);
    const facts = (cfg(out).metadata as Json).gated_sae_lab as Json;
    expect(facts).toMatchObject({ lambda: 0.1, steps: 30, batch: 32, seed: 3, lr: 2e-3, normalize: 'mean-square' });
    expect(facts.activation_scale).not.toBe(1);

    // The same command gives the same bytes.
    await lab(...args, '--seed', 3, '--holdout', 0.25, '--normalize', 'mean-square', '--out', at('again'));
    const weights = (path: string) => readFileSync(join(path, 'sae_weights.safetensors'));
    expect(weights(at('again')).equals(weights(out))).toBe(true);
  });

  it('leaves out a truncated shard, and one of another width, by name; the rest trains', async () => {
    const data = at('mixed');
    writeShardFolder(data, 120, 6);
    const whole = readFileSync(join(data, 'shard_1.safetensors'));
    writeFileSync(join(data, 'shard_1.safetensors'), whole.subarray(0, whole.length - 40));
    writeShard(join(data, 'shard_7.safetensors'), 5, 3, randoms(15, 1));
    const { code, err, json } = await lab(
      ...[
        'train',
        '--data',
        data,
        '--arch',
        'baseline',
        '--d-sae',
        9,
        '--lambda',
        0.1,
        '--steps',
        4,
        '--batch',
        8,
        '--out',
        at('mixed-out'),
        '--json',
      ],
    );
    expect(code).toBe(0);
    expect(err).toMatch(/refused mixed\/shard_1\.safetensors: truncated: .* Copy or download it again/);
    expect(err).toMatch(/refused mixed\/shard_7\.safetensors: its rows are 3 wide; the other files' are 6/);
    expect(json).toMatchObject({ state: 'done', steps: 4, d_in: 6 });
    const alone = await lab(
      'train',
      '--data',
      join(data, 'shard_1.safetensors'),
      '--arch',
      'baseline',
      '--d-sae',
      9,
      '--lambda',
      0.1,
      '--out',
      at('none'),
    );
    expect(alone.code).toBe(1);
    expect(alone.err).toMatch(/shard_1\.safetensors: truncated/);
  });

  it('refuses starting weights of another shape, and data whose files are missing', async () => {
    const common = ['--arch', 'gated', '--d-sae', 9, '--lambda', 0.1, '--steps', 1, '--batch', 8, '--out', at('refused')];
    const missing = await lab('train', '--data', at('not-there'), ...common);
    expect([missing.code, missing.err]).toEqual([1, expect.stringMatching(/not-there: no such file or folder/)]);
    const other = await lab(
      'train',
      '--data',
      'tests/fixtures/train/gated/data.safetensors',
      '--init',
      'tests/fixtures/train/gated/init.safetensors',
      ...common,
    );
    expect([other.code, other.err]).toEqual([1, expect.stringMatching(/d_in 24, d_sae 80; the run is gated with d_in 24, d_sae 9/)]);
  });
});

/** Three shards with structure: a few directions that fire now and then. */
function writeShardFolder(path: string, rows: number, d: number) {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  const directions = randoms(12 * d, 1);
  for (const [i, n] of [Math.floor(rows / 2), Math.floor(rows / 3), rows - Math.floor(rows / 2) - Math.floor(rows / 3)].entries()) {
    const strengths = randoms(n * 12, 50 + i);
    const values = Float32Array.from({ length: n * d }, (_, j) => {
      const b = Math.floor(j / d);
      let value = 1;
      for (let f = 0; f < 12; f++)
        value += 6 * Math.max(0, (strengths[b * 12 + f] as number) - 0.3) * (directions[f * d + (j % d)] as number);
      return value;
    });
    writeShard(join(path, `shard_${i}.safetensors`), n, d, values);
  }
}

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
    for (const name of [...METRICS, ...LOSSES]) {
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
      const blocks = await Promise.all(sources.map((source) => source.read(0, source.rows)));
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
    expect(cut.sources.map((source) => source.rows)).toEqual([20, 20, 8]);
    expect(cut.bytes.equals(whole.bytes)).toBe(true);
    expect(half.sources[0]).toMatchObject({ dtype: 'f16', hasTokens: true, d: 80 });
    const rounded = encodeF16(whole.values);
    expect(half.bytes.equals(Buffer.from(rounded.buffer, rounded.byteOffset, rounded.byteLength))).toBe(true);
    expect(whole.sources[0]?.metadata.get('hook_name')).toBe(HOOK);
  });
});

describe('sweep', () => {
  it('writes results, a chart and a sentence', async () => {
    const data = at('sweep-data');
    writeShardFolder(data, 500, 12);
    const out = at('sweep');
    const { code, json, err } = await lab(
      ...['sweep', '--data', data, '--arch', 'gated,baseline', '--gated-d-sae', 24, '--baseline-d-sae', 36, '--gated-lambda', '0.05:0.4:3'],
      ...[
        '--baseline-lambda',
        '0.02,0.2',
        '--seed',
        '0',
        '--steps',
        150,
        '--batch',
        64,
        '--lr',
        5e-3,
        '--normalize',
        'mean-square',
        '--holdout',
        0.2,
        '--out',
        out,
        '--json',
      ],
    );
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(file(join(out, 'results.json'))).toEqual(json);
    const runs = json.runs as Json[];
    expect(json).toMatchObject({ quality: 'r2', adapter: expect.any(String), config: { steps: 150, batch: 64 } });
    expect(json.sentence).toMatch(/variance recovered/);
    expect(runs.map(({ id, arch, lambda, d_sae, state }) => [id, arch, lambda, d_sae, state])).toEqual([
      ['r1', 'baseline', 0.02, 36, 'done'],
      ['r2', 'baseline', 0.2, 36, 'done'],
      ['r3', 'gated', 0.05, 24, 'done'],
      ['r4', 'gated', 0.141421, 24, 'done'],
      ['r5', 'gated', 0.4, 24, 'done'],
    ]);
    for (const run of runs) {
      const names = readdirSync(run.folder as string).sort();
      expect(names).toEqual(['cfg.json', 'metrics.jsonl', 'sae_weights.safetensors']);
      expect(lines(join(run.folder as string, 'metrics.jsonl')).at(-1)?.step).toBe(149);
    }
    const byId = Object.fromEntries(runs.map((run) => [run.id, run]));
    // A larger lambda is sparser and worse, for both.
    for (const [loose, tight] of [
      ['r1', 'r2'],
      ['r3', 'r5'],
    ] as const) {
      expect(byId[loose]?.l0 as number).toBeGreaterThan(byId[tight]?.l0 as number);
      expect(byId[loose]?.r2 as number).toBeGreaterThan(byId[tight]?.r2 as number);
    }
    const svg = readFileSync(join(out, 'pareto.svg'), 'utf8');
    expect(svg).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    // A mark a run; those of the legend come on top.
    expect((svg.match(/<circle/g) ?? []).length).toBeGreaterThanOrEqual(3);
    expect((svg.match(/<rect/g) ?? []).length).toBeGreaterThanOrEqual(2);
    expect(svg).toContain((json.sentence as string).replace(/&/g, '&amp;').replace(/</g, '&lt;'));
  });

  it('runs without an active latent leave no hole in the JSON and no NaN in the chart', async () => {
    const args = [
      '--data',
      at('sweep-data'),
      '--arch',
      'gated,baseline',
      '--d-sae',
      9,
      '--lambda',
      5000,
      '--lr',
      0.5,
      '--steps',
      20,
      '--batch',
      32,
    ];
    const { code, json } = await lab('sweep', ...args, '--out', at('silent'), '--json');
    expect(code).toBe(0);
    expect(json.runs).toMatchObject([
      { arch: 'baseline', l0: 0, alive: 0, state: 'done' },
      { arch: 'gated', l0: 0, alive: 0, state: 'done' },
    ]);
    expect(file(at('silent', 'results.json'))).toEqual(json);
    // Nothing to put on a log axis.
    const svg = readFileSync(at('silent', 'pareto.svg'), 'utf8');
    expect(svg).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('a run alone is, bit for bit, the run of the sweep', async () => {
    const data = at('sweep-data');
    const common = ['--data', data, '--steps', 20, '--batch', 32, '--lr', 2e-3, '--holdout', 0.2, '--seed', 4];
    expect((await lab('sweep', ...common, '--arch', 'gated,baseline', '--d-sae', '7,33', '--lambda', 0.1, '--out', at('four'))).code).toBe(
      0,
    );
    expect((await lab('train', ...common, '--arch', 'gated', '--d-sae', 33, '--lambda', 0.1, '--out', at('one'))).code).toBe(0);
    const four = readdirSync(at('four')).find((name) => name.includes('gated_33')) as string;
    const weights = (path: string) => readFileSync(join(path, 'sae_weights.safetensors'));
    expect(weights(at('four', four)).equals(weights(at('one')))).toBe(true);
  });

  it('a run that diverges is reported as failed with its step; the others are done, and the exit code says so', async () => {
    const data = at('huge');
    mkdirSync(data);
    // Values whose squares overflow f32: every loss is infinite.
    writeShard(
      join(data, 'huge.safetensors'),
      64,
      4,
      randoms(256, 1).map((v) => v * 1e25),
    );
    const { code, err } = await lab(
      'sweep',
      '--data',
      data,
      '--arch',
      'gated',
      '--d-sae',
      5,
      '--lambda',
      '0.1,0.2',
      '--steps',
      3,
      '--batch',
      8,
      '--out',
      at('diverged'),
    );
    expect(code).toBe(1);
    expect(err).toMatch(/run r1 failed: the loss became (Infinity|NaN) at step 0/);
    const results = file(at('diverged', 'results.json'));
    for (const run of results.runs as Json[]) {
      expect(run).toMatchObject({ state: 'failed', message: expect.stringMatching(/at step 0/) });
      expect(readdirSync(run.folder as string)).toEqual(['metrics.jsonl']);
    }
    expect(results.sentence).toBe('No evaluation yet.');
    expect(readFileSync(at('diverged', 'pareto.svg'), 'utf8')).not.toMatch(/NaN|Infinity/);
  });
});

describe('odd held-out data', () => {
  it('one row is measured, without null or NaN', async () => {
    writeShard(at('one-row.safetensors'), 1, 10, randoms(10, 1));
    const { code, json } = await lab('eval', '--sae', at('split-out'), '--data', at('one-row.safetensors'), '--json');
    expect([code, json.tokens, json.alive_window_tokens]).toEqual([0, 1, 1]);
  });

  it('an SAE and rows of another width do not meet', async () => {
    writeShard(at('narrow.safetensors'), 4, 3, randoms(12, 1));
    const { code, err } = await lab('eval', '--sae', at('split-out'), '--data', at('narrow.safetensors'));
    expect([code, err]).toEqual([1, expect.stringMatching(/d_in is 10; the rows are 3 wide/)]);
  });
});

describe('inspect', () => {
  it('names each file, what it is, or why it is refused, and opens no GPU', async () => {
    const open = vi.spyOn(globalThis.__dawn as GPU, 'requestAdapter');
    const { code, json } = await lab('inspect', 'tests/fixtures/formats', '--json');
    expect(open).not.toHaveBeenCalled();
    open.mockRestore();
    expect(code).toBe(0);
    expect(Object.keys(json)).toEqual(['files']);
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
      expect(
        Object.keys(entry).filter(
          (key) => !['path', 'ok', 'format', 'rows', 'd', 'dtype', 'has_tokens', 'candidates', 'error', 'scale'].includes(key),
        ),
      ).toEqual([]);
      expect(entry.ok === true || typeof entry.error === 'string', String(entry.path)).toBe(true);
    }
    const bad = await lab('inspect', 'tests/fixtures/formats/bad/truncated.safetensors');
    expect(bad.out).toMatch(/truncated\.safetensors .*truncated/);
  });
});
