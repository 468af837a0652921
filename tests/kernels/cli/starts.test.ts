/** Where the runs of a sweep start: given weights where they fit, and the grid of `--tune`. */
import { beforeAll, expect, it } from 'vitest';
import { listFiles } from '../../../src/data/bytes/nodeFiles';
import { loadSae } from '../../../src/interop/saelens';
import { SHORT_GRID } from '../../../src/lab/tuning';
import { at, type Json, lab, writeShardFolder } from './harness';

const D = 12;
const SHARED = ['--data', at('rows'), '--steps', 3, '--batch', 32, '--normalize', 'mean-square', '--holdout', 0.2, '--json'];
beforeAll(async () => {
  writeShardFolder(at('rows'), 400, D);
  const { code } = await lab('train', '--arm', 'gated width=8 lambda=0.2', ...SHARED, '--out', at('first'));
  expect(code).toBe(0);
});

it('weights of --init start the runs that they fit; of the others a sentence says that they start fresh, and why', async () => {
  const arms = ['gated width=8,9 lambda=0.1,0.2 lr=1e-8', 'baseline width=8 lambda=0.1'].flatMap((arm) => ['--arm', arm]);
  const { code, err, json } = await lab('sweep', ...arms, ...SHARED, '--init', at('first'), '--out', at('next'));
  expect(code).toBe(0);
  expect(err).toContain(
    `--init: 2 runs start fresh, for ${at('first')} holds a gated SAE with d_in ${D}, d_sae 8; the run is gated with d_in ${D}, d_sae 9.`,
  );
  expect(err).toContain('--init: 1 run starts fresh, for');
  expect(err).toContain('the run is baseline with');
  const runs = json.runs as (Json & { settings: Json; command: string; folder: string })[];
  expect(runs.map(({ arch, d_sae, settings }) => [arch, d_sae, settings.init])).toEqual([
    ['gated', 8, at('first')],
    ['gated', 8, at('first')],
    ['gated', 9, undefined],
    ['gated', 9, undefined],
    ['baseline', 8, undefined],
  ]);
  expect(runs.map(({ command }) => command.includes('--init'))).toEqual([true, true, false, false, false]);
  // With next to no lr they are still there.
  const [before, after] = await Promise.all(
    [at('first'), runs[0]?.folder as string].map(async (folder) => (await loadSae(await listFiles([folder]))).wDec),
  );
  expect(before).toHaveLength(8 * D);
  before?.forEach((value, i) => expect(Math.abs((after?.[i] as number) - value)).toBeLessThan(1e-6));
});

it('weights that fit no run of the sweep are refused', async () => {
  const { code, err } = await lab('sweep', '--arm', 'baseline width=8 lambda=0.1', ...SHARED, '--init', at('first'), '--out', at('none'));
  expect(code).toBe(1);
  expect(err).toMatch(/first: holds a gated SAE with d_in 12, d_sae 8; the run is baseline with d_in 12, d_sae 8\./);
});

it('--tune tries every arm at the same starts', async () => {
  const { code, json } = await lab('sweep', '--tune', '--d-sae', 8, '--lambda', '0.1', ...SHARED, '--out', at('tuned'));
  expect(code).toBe(0);
  const lengths = SHORT_GRID['enc-length'].split(', ').map(Number);
  const rates = SHORT_GRID.lr.split(', ').map(Number);
  const starts = rates.flatMap((lr) => lengths.map((length) => [lr, length]));
  for (const arch of ['baseline', 'gated']) {
    const own = (json.runs as (Json & { settings: Json })[]).filter((run) => run.arch === arch);
    expect(own.map(({ settings }) => [settings.lr, settings.enc_length])).toEqual(starts);
  }
  // Its runs are told apart by their starts, and the sentence says that both kinds had the same ones.
  const runs = json.runs as Json[];
  expect(runs.map(({ folder }) => folder)).toContain(at('tuned', 'r2_baseline_8_lambda0.1_lr-0.001_enc-length-0.3_seed0'));
  const { out } = await lab('sweep', '--tune', '--d-sae', 8, '--lambda', '0.1', ...SHARED.slice(0, -1), '--out', at('tuned'));
  expect(out).toMatch(/gated lr 0\.003 enc-length 0\.1/);
  expect(out).toMatch(/The arms were tuned alike, each at 6 starts: length 0\.1, 0\.3, 1 and lr 0\.001, 0\.003\./);
  const refused = await lab('sweep', '--tune', '--lr', '1e-3', ...SHARED, '--out', at('never'));
  expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/--tune tries values of lr of its own: leave out --tune, or lr/)]);
});
