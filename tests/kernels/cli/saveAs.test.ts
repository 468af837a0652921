/** `--save-as`: a trained run in the form of another architecture, measured from its file as the run itself was. */
import { describe, expect, it } from 'vitest';
import { convertedTo } from '../../../src/interop/convert';
import { features, reconstruct } from '../../../src/lab/parity/sae';
import { randoms, testGpu } from '../../gpu';
import { someSae } from '../../unit/interop/formula';
import { at, cfg, type Json, lab, METRICS, writeShard } from './harness';

const D = 16;
const SHARED = ['--steps', 40, '--batch', 64, '--lr', 3e-3, '--json'];
const data = () => {
  const path = at('rows.safetensors');
  writeShard(
    path,
    2048,
    D,
    randoms(2048 * D, 4).map((v, i) => v + Math.sin(i % 7)),
  );
  return path;
};

it('a Gated SAE and its JumpReLU form have the same features and reconstructions on the GPU', async () => {
  const gpu = await testGpu();
  const gated = someSae('gated', 24, 100);
  const jump = convertedTo(gated, 'jumprelu');
  const x = randoms(200 * 24, 31).map((v) => 4 * v);
  for (const of of [reconstruct, features]) {
    const [a, b] = [await of(gpu, 1e9, gated, x), await of(gpu, 1e9, jump, x)];
    expect(a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - (b[i] as number))), 0)).toBeLessThan(1e-5);
    if (of === features) expect(a.map((f) => Number(f > 1e-5))).toEqual(b.map((f) => Number(f > 1e-5)));
  }
});

describe('a Gated run as JumpReLU', () => {
  it('has the metrics of the run, and says what it was', async () => {
    const rows = data();
    const train = ['train', '--data', rows, '--arm', 'gated width=48 lambda=0.1', ...SHARED];
    const [own, jump] = [at('own'), at('jump')];
    expect((await lab(...train, '--out', own)).code).toBe(0);
    expect((await lab(...train, '--save-as', 'jumprelu', '--out', jump)).code).toBe(0);
    const saved = cfg(jump);
    expect(saved).toMatchObject({ architecture: 'jumprelu', apply_b_dec_to_input: true });
    expect(saved.metadata as Json).toMatchObject({
      training_architecture: 'gated',
      gated_sae_lab: { converted_from: { architecture: 'gated' }, options: { 'pre-bias': 'yes' }, lambda: 0.1 },
    });
    const [a, b] = [await lab('eval', '--sae', own, '--data', rows, '--json'), await lab('eval', '--sae', jump, '--data', rows, '--json')];
    expect([a.code, b.code], b.err).toEqual([0, 0]);
    expect(b.json.arch).toBe('jumprelu');
    for (const key of METRICS) expect(b.json[key] as number, key).toBeCloseTo(a.json[key] as number, 4);
  });

  it('is refused before anything is opened where no run can be saved so; in a sweep the others keep their own', async () => {
    const rows = data();
    const refused = await lab(
      'train',
      '--data',
      rows,
      '--arm',
      'baseline width=16 lambda=0.1',
      ...SHARED,
      '--save-as',
      'jumprelu',
      '--out',
      at('no'),
    );
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringMatching(/--save-as jumprelu: no run can be saved so\. baseline as standard\./),
    ]);
    const { code, json } = await lab(
      'sweep',
      '--data',
      rows,
      '--arm',
      'gated width=16 lambda=0.1',
      '--arm',
      'baseline width=16 lambda=0.1',
      ...SHARED,
      '--save-as',
      'jumprelu',
      '--out',
      at('both'),
    );
    expect(code).toBe(0);
    expect((json.runs as Json[]).map(({ folder }) => cfg(folder as string).architecture)).toEqual(['jumprelu', 'standard']);
  });
});
