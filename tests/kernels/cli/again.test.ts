/** "Copy as command line": a run's own line, read by a real shell, trains the same bits. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeGpu } from '../../../src/gpu/node';
import type { LabEvent, RunSummary } from '../../../src/lab/protocol';
import { Session } from '../../../src/lab/session';
import { commandLine, defaultConfig } from '../../../src/lab/settings';
import { at, cfg, folder, type Json, lab, METRICS, writeShardFolder } from './harness';

/** The words of a line as a shell passes them on, without `npm run lab --`. */
function wordsOf(line: string): string[] {
  const prefix = 'npm run lab -- ';
  expect(line.startsWith(prefix)).toBe(true);
  const text = execFileSync('/bin/sh', ['-c', `for word in ${line.slice(prefix.length)}; do printf '%s\\0' "$word"; done`]);
  return text.toString().split('\0').slice(0, -1);
}

const weights = (path: string) => readFileSync(join(path, 'sae_weights.safetensors'));
const measured = (json: Json) => Object.fromEntries(METRICS.map((key) => [key, json[key]]));

describe('the line of a run', () => {
  const name = "it's $HOME's data";

  it('from a sweep: any seed of it, arms with settings of their own, in the same bits', async () => {
    const data = at(name);
    writeShardFolder(data, 300, 12);
    const out = at('swept');
    const swept = await lab(
      ...['sweep', '--data', data, '--arm', 'gated width=2x lambda=0.05:0.2:2 seeds=4,9', '--arm', 'baseline width=20 lambda=0.1'],
      ...['--seed', 4, '--steps', 25, '--batch', 32, '--lr', '2e-3', '--lr-warmup', 5, '--lr-decay', 0.3, '--lambda-warmup', 7],
      ...['--beta1', 0.5, '--normalize', 'mean-norm', '--x-dtype', 'f16', '--b-dec-init', 'zero', '--holdout', 0.15, '--max-norm', '40x'],
      ...['--out', out, '--json'],
    );
    expect(swept.code).toBe(0);
    const runs = swept.json.runs as Json[];
    expect(runs).toHaveLength(5);
    for (const run of [runs[1], runs[4]] as Json[]) {
      const args = wordsOf(run.command as string);
      expect(args.at(-2)).toBe('--out');
      const again = at(`again-${run.id}`);
      const { code, json, err } = await lab(...args.slice(0, -1), again, '--json');
      expect(code, err).toBe(0);
      expect(weights(again).equals(weights(run.folder as string)), run.command as string).toBe(true);
      expect(measured(json)).toEqual(measured(run));
      // What is said of it is the same too, and in its cfg.json.
      expect(json.settings).toEqual(run.settings);
      expect(json.command).toBe((run.command as string).replace(/ --out .*/, ' --out r1'));
      expect(JSON.stringify(cfg(again))).toContain('"lr_warmup":5');
    }
    expect(runs[1]?.settings).toMatchObject({
      ...{ arch: 'gated', d_sae: 24, lambda: 0.05, seed: 9, data_seed: 4, steps: 25, batch: 32, lr: 2e-3, lr_warmup: 5, lr_decay: 0.3 },
      ...{ lambda_warmup: 7, beta1: 0.5, normalize: 'mean-norm', x_dtype: 'f16', b_dec_init: 'zero', holdout: 0.15, shuffle: 'pool' },
    });
  });

  it('from a text through a model: what is harvested, held out and measured is the same', async () => {
    const out = at('harvested');
    const given = ['--model', 'public/demo', '--text', 'public/demo/stories.txt', '--hook', 'blocks.0.hook_mlp_out', '--context', 64];
    const first = await lab(
      ...['train', ...given, '--train-tokens', 2048, '--eval-tokens', 512, '--holdout-tokens', 0, '--holdout', 0.1, '--drop-bos'],
      ...['--arch', 'gated', '--d-sae', 48, '--lambda', 0.1, '--steps', 8, '--batch', 64, '--seed', 2, '--out', out, '--json'],
    );
    expect(first.code, first.err).toBe(0);
    expect(first.json.command).toContain('--eval-tokens 512 --holdout-tokens 0 --train-tokens 2048');
    const again = at('harvested-again');
    const { code, json, err } = await lab(...wordsOf(first.json.command as string).slice(0, -1), again, '--json');
    expect(code, err).toBe(0);
    expect(weights(again).equals(weights(out))).toBe(true);
    expect(json.ce_sae).toBe(first.json.ce_sae);
    expect(measured(json)).toEqual(measured(first.json));
  });

  it('from the page: runs of a first sweep and of one that joined its batches later', async () => {
    const data = at(name);
    writeShardFolder(data, 300, 12);
    let runs: RunSummary[] = [];
    const session = new Session(
      await nodeGpu(),
      (event: LabEvent) => {
        if (event.type === 'runs') runs = event.runs;
      },
      'about:blank',
    );
    const until = async (isSo: () => boolean) => {
      while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await session.handle({ type: 'open' });
    const files = readdirSync(data).map((shard) => ({
      path: `${name}/${shard}`,
      file: new File([readFileSync(join(data, shard))], shard),
    }));
    await session.handle({ type: 'add-files', files });
    const config = { ...defaultConfig(12, { steps: '20', batch: '32', seeds: '7', evalEvery: '3600', holdout: '0.1' }) };
    const start = async (change: object) => session.handle({ type: 'start', config: { ...config, ...change } });
    await start({ arms: [{ arch: 'gated', options: {}, widths: [24], knob: [0.1] }] });
    await until(() => runs.length === 1 && runs[0]?.state === 'done');
    await start({ arms: [{ arch: 'baseline', options: {}, widths: [30], knob: [0.05] }], seeds: [3], lr: 4e-3 });
    await until(() => runs.length === 2 && runs[1]?.state === 'done');
    expect(runs.map(({ recipe }) => recipe.batchesBefore)).toEqual([0, 20]);
    for (const run of runs) {
      const words = wordsOf(commandLine(run.recipe, 'out'));
      const here = words.map((word) => (word.startsWith(name) ? join(folder, word) : word));
      const again = at(`page-${run.id}`);
      const { code, json } = await lab(...here.slice(0, -1), again, '--json');
      expect(code).toBe(0);
      const saved = (await session.handle({ type: 'save-run', run: run.id })) as { files: { name: string; bytes: Uint8Array }[] };
      const bytes = saved.files.find((one) => one.name === 'sae_weights.safetensors')?.bytes as Uint8Array;
      expect(weights(again).equals(Buffer.from(bytes)), words.join(' ')).toBe(true);
      expect(measured(json)).toEqual(measured(run.metrics as unknown as Json));
    }
  });
});
