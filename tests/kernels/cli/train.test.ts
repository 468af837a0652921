/** `train` on files: dictionary_learning's fixtures, bad input, logs and results. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blockToFloats } from '../../../src/data/rows/block';
import type { ShardSource } from '../../../src/data/rows/shard';
import { splitRows } from '../../../src/data/rows/split';
import { readF32, readJson } from '../../fixtures';
import { randoms } from '../../gpu';
import { openTensors } from '../lm/safetensors';
import { at, cfg, file, type Json, LOSSES, lab, lines, METRICS, shard, writeShard, writeShardFolder } from './harness';

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

  it('--x-dtype f16 trains on rounded rows, says so, and takes their bytes beside the others', async () => {
    const data = at('half');
    writeShardFolder(data, 300, 12);
    const args = ['train', '--data', data, '--arch', 'gated', '--d-sae', 24, '--lambda', 0.1, '--steps', 20, '--batch', 32, '--lr', 2e-3];
    const outcomes = [];
    for (const dtype of ['f32', 'f16']) {
      const out = at(`half-${dtype}`);
      const { code, json } = await lab(...args, '--x-dtype', dtype, '--out', out, '--json');
      expect(code).toBe(0);
      expect(json.x_dtype).toBe(dtype);
      expect((cfg(out).metadata as Json).gated_sae_lab).toMatchObject({ x_dtype: dtype });
      outcomes.push(json);
    }
    const [full, half] = outcomes as [Json, Json];
    const [a, b] = [full, half].map((json) => json.r2 as number) as [number, number];
    expect(a).not.toBe(b);
    expect(Math.abs(a - b)).toBeLessThan(0.01);
    for (const key of ['gpu_bytes', 'gpu_bytes_formula']) expect((half[key] as number) - (full[key] as number), key).toBe(32 * 12 * 2 - 16);
    const wrong = await lab(...args, '--x-dtype', 'bf16', '--out', at('half-wrong'));
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/x-dtype.*f32.*f16|f32.*f16/)]);
  });

  it.each(['mean-square', 'mean-norm'])(
    '%s: measures on held-out rows what eval measures of the saved folder on the same rows',
    async (normalize) => {
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
        normalize,
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
      const { train, heldOut, heldOutRows } = splitRows(sources, 3, 0.25);
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
      expect(facts).toMatchObject({ lambda: 0.1, steps: 30, batch: 32, seed: 3, lr: 2e-3, beta2: 0.999, eps: 1e-8, normalize });
      // SAELens' names, where it has them; the others in `settings`.
      expect(cfg(out).metadata).toMatchObject({
        lr: 2e-3,
        l1_coefficient: 0.1,
        train_batch_size_tokens: 32,
        training_tokens: 960,
        seed: 3,
      });
      expect(facts.settings).toMatchObject({ arch: 'gated', d_sae: 24, b_dec_init: 'mean', x_dtype: 'f32', lr_decay: 0, lambda_warmup: 0 });
      expect(json).toMatchObject({ normalize, activation_scale: facts.activation_scale });
      // The factor is of the rows that were trained on, which are all in the sample.
      const norms: number[] = [];
      for (const { source, start, rows: n } of train) {
        const values = blockToFloats(await (sources[source] as ShardSource).read(start, n));
        for (let r = 0; r < n; r++) norms.push(Math.hypot(...values.subarray(r * d, (r + 1) * d)));
      }
      const mean = (of: (norm: number) => number) => norms.reduce((sum, norm) => sum + of(norm), 0) / norms.length;
      const scale = normalize === 'mean-norm' ? Math.sqrt(d) / mean((norm) => norm) : 1 / Math.sqrt(mean((norm) => norm ** 2));
      expect((facts.activation_scale as number) / scale).toBeCloseTo(1, 6);

      // The same command gives the same bytes.
      await lab(...args, '--seed', 3, '--holdout', 0.25, '--normalize', normalize, '--out', at('again'));
      const weights = (path: string) => readFileSync(join(path, 'sae_weights.safetensors'));
      expect(weights(at('again')).equals(weights(out))).toBe(true);
    },
  );

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

describe('shards of other formats', () => {
  const common = ['--arch', 'gated', '--d-sae', 24, '--lambda', 0.1, '--steps', 6, '--batch', 16, '--holdout', 0.25, '--json'];
  const good = 'tests/fixtures/formats/good';

  it('train to the same weights as safetensors of the same values', async () => {
    const weights = async (name: string, ...more: string[]) => {
      const { code, err } = await lab('train', '--data', `${good}/${name}`, ...more, ...common, '--out', at(`format-${name}`));
      expect([name, code, err]).toEqual([name, 0, expect.any(String)]);
      return readFileSync(join(at(`format-${name}`), 'sae_weights.safetensors'));
    };
    const expected = await weights('f32.safetensors');
    for (const name of ['fortran.npy', 'deflated.npz', 'strided.pt', 'list.parquet'])
      expect((await weights(name)).equals(expected), name).toBe(true);
    const [first, second] = ['blocks.0.hook_resid_post', 'blocks.1.hook_resid_post'];
    const asked = await lab('train', '--data', `${good}/tl_cache.pt`, ...common, '--out', at('asked'));
    expect([asked.code, asked.err]).toEqual([1, expect.stringContaining(`${first}, ${second}`)]);
    await weights('tl_cache.pt', '--tensor', second);
    expect(cfg(at('format-tl_cache.pt'))).toMatchObject({ metadata: { hook_name: second } });
  });

  it('leave out what is asked for, in training and in evaluation, and say so with the fingerprint', async () => {
    const data = `${good}/saelens_float32`;
    const out = at('filtered');
    const { code, json, err } = await lab('train', '--data', data, '--drop-bos', '--max-norm', '1.2x', ...common, '--out', out);
    expect(code).toBe(0);
    const dropped = json.dropped_rows as Record<string, number>;
    // 12 sequences of 9 rows; all of them were met, in training, in the moments or held out.
    expect(dropped).toMatchObject({ masked: 0, bos: 12, tokens: 0, norm: expect.any(Number) });
    expect(dropped.norm).toBeGreaterThan(0);
    expect(json.filter).toMatch(/^without first positions, rows with a norm above \d/);
    expect(json.data_sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(err).toMatch(/rows left out: 12 at first positions, \d+ with a norm above the bound/);
    expect((cfg(out).metadata as Json).gated_sae_lab).toMatchObject({ data_sha256: json.data_sha256, rows: json.filter });
    const whole = await lab('eval', '--sae', out, '--data', data, '--json');
    const less = await lab('eval', '--sae', out, '--data', data, '--drop-bos', '--json');
    expect([whole.json.tokens, less.json.tokens]).toEqual([108, 96]);
    expect(whole.json.data_sha256).toBe(json.data_sha256);
    const tokens = await lab('eval', '--sae', out, '--data', `${good}/f32.npy`, '--drop-tokens', 0);
    expect([tokens.code, tokens.err]).toEqual([1, expect.stringMatching(/f32\.npy: has no tokens/)]);
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
