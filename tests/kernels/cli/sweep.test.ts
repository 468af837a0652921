/** `sweep` on files, and what it writes. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { randoms } from '../../gpu';
import { at, file, type Json, lab, lines, writeShard, writeShardFolder } from './harness';

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
