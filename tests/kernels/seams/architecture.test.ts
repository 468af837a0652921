/** docs/extending.md, "An architecture" and "A setting": both are added through the public seams alone, and everything that asks the tables has them. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { commandUsages } from '../../../src/cli/main';
import { optionTable, usage } from '../../../src/cli/options';
import { FileSource } from '../../../src/data/bytes/nodeFiles';
import { loadSae } from '../../../src/interop/saelens';
import { selfTest } from '../../../src/lab/selfTest';
import {
  armFields,
  defaultForm,
  parseSettings,
  registerSetting,
  settings,
  settingsFromConfig,
  settingsFromParams,
  settingsToParams,
} from '../../../src/lab/settings';
import { adamStep, forward, gradients, kernelOptions, tensorsOf, twinOf, zeroMoments } from '../../../src/reference/sae';
import { architecture, register } from '../../../src/sae/architectures';
import { initialWeights } from '../../../src/sae/init';
import { withScale } from '../../../src/ui/scaleForm';
import { randoms, testGpu } from '../../gpu';
import { at, cfg, file, type Json, lab, writeShard } from '../cli/harness';
import { jump } from './jump';

const TOY = {
  kind: 'number',
  label: 'Toy',
  flag: 'toy',
  scope: 'arm',
  level: 'all',
  default: '1',
  cli: { default: '2' },
  min: 0,
  max: 9,
  help: 'A setting that nothing reads.',
} as const;

beforeAll(() => {
  register(jump);
  registerSetting('toy', TOY);
});

const D = 12;
const BATCH = 32;
const STEPS = 12;
const LR = 2e-3;
const STEP = { lambda: 0, power: 1, nextPower: 1, threshold: -1, evaluates: false };
const rows = randoms(BATCH * STEPS * D, 3).map((v, j) => 2 * v + Math.sin(j % D));

describe('an architecture', () => {
  it('is refused when its id, its code or a word of its arms is taken', () => {
    expect(() => register(jump)).toThrow(/architecture jump \(code 2000\)/);
    expect(() => register({ ...jump, id: 'jump2' })).toThrow(/jump has code 2000/);
    const [option] = jump.options;
    if (!option) throw new Error('no option');
    const twice = { ...jump, id: 'jump3', code: 2001, options: [{ ...option, key: 'width' }] };
    expect(() => register(twice)).toThrow(/jump3.*width/);
  });

  it('has an arm in the form, with widths, its knob and its options', () => {
    // A sweep begins with the two arms that the lab is about, whatever else there is.
    expect(defaultForm().arms.map(({ arch }) => arch)).toEqual(['baseline', 'gated']);
    expect(armFields('jump').map(({ word, place }) => [word, place])).toEqual([
      ['width', 'widths'],
      ['lambda', 'knob'],
      ...settings().flatMap(({ flag, scope }) => (scope === 'arm' ? [[flag, 'setting']] : [])),
      ['bandwidth', 'option'],
      ['penalty', 'option'],
      ['without', 'without'],
    ]);
    expect(armFields('jump').some(({ word }) => word === 'toy')).toBe(true);
    const { config, errors } = parseSettings({ ...defaultForm(), arms: [{ arch: 'jump', texts: { penalty: 'l1' } }] }, 64);
    expect(errors).toEqual({});
    expect(config?.arms).toEqual([{ arch: 'jump', options: { bandwidth: 0.5, penalty: 'l1' }, widths: [128], knob: [0.01, 0.1] }]);
    const wrong = parseSettings({ ...defaultForm(), arms: [{ arch: 'jump', texts: { bandwidth: '0', penalty: 'l2' } }] }, 64).errors;
    expect(wrong['arms.0.bandwidth']).toMatch(/below the smallest allowed, 0\.001/);
    expect(wrong['arms.0.penalty']).toMatch(/"l2" is not one of l0, l1/);
  });

  it('has its knob scaled as its penalty asks for where the rows are', () => {
    const { arms } = withScale(
      { ...defaultForm(), arms: [...defaultForm().arms, { arch: 'jump', texts: {} }] },
      { factor: 2, present: 1, lambdaFactor: 2 },
    );
    expect(arms.map(({ texts }) => texts.lambda)).toEqual(['0.1:0.8:4', '0.2:1.6:4', '0.04:0.4:2']);
  });

  it('goes through the link and back', () => {
    const form = { ...defaultForm(), arms: [{ arch: 'jump', texts: { width: '3x', penalty: 'l1' } }] };
    const link = settingsToParams(form).toString();
    expect(link).toBe('arm=jump+width%3D3x+penalty%3Dl1');
    expect(settingsFromParams(new URLSearchParams(link))).toEqual(form);
  });

  it('stands in the usage and in the tables of docs/cli.md', () => {
    const sweep = Object.fromEntries(commandUsages()).sweep;
    if (!sweep) throw new Error('no sweep');
    expect(usage('sweep', sweep)).toMatch(/--jump-d-sae LIST +--d-sae for Jump arms alone\. Default: 2x\./);
    expect(optionTable(sweep)).toMatch(/jump takes `width`, `lambda`, `bandwidth`, `penalty`;.* each of the others `seeds`, .*`toy`/);
  });

  it('is self-tested when a sweep asks for it', async () => {
    expect(await selfTest(await testGpu(), 1e9, [{ arch: 'jump' }])).toBeLessThan(2e-2);
    const other = vi.spyOn(jump.twin, 'backward').mockReturnValue({ u: 1, second: 0, norm: 0, vectors: [1, 1] });
    await expect(selfTest(await testGpu(), 1e9, [{ arch: 'jump' }])).rejects.toThrow(/the jump training step is wrong on this GPU/);
    other.mockRestore();
  });

  it('trains packed with Gated SAEs as its twin in float64 does, is saved with its options, and is measured from the file', async () => {
    const [data, out] = [at('rows.safetensors'), at('sweep')];
    writeShard(data, BATCH * STEPS, D, rows);
    const arms = [
      'jump width=21 lambda=0.05 bandwidth=1 penalty=l1',
      'gated width=18 lambda=0.1',
      'jump width=13 lambda=0.02 bandwidth=0.7 seeds=5',
    ];
    const { code, json } = await lab(
      ...[
        'sweep',
        '--data',
        data,
        ...arms.flatMap((arm) => ['--arm', arm]),
        '--steps',
        STEPS,
        '--batch',
        BATCH,
        '--lr',
        LR,
        '--enc-length',
        1,
      ],
      ...['--shuffle', 'none', '--holdout', 0, '--b-dec-init', 'zero', '--out', out, '--json'],
    );
    expect(code).toBe(0);
    expect((json.config as Json).arms).toMatchObject([
      { arch: 'jump', options: { bandwidth: 1, penalty: 'l1' } },
      { arch: 'gated', options: {} },
      { arch: 'jump', options: { bandwidth: 0.7, penalty: 'l0' }, seeds: [5] },
    ]);
    const runs = json.runs as Json[];
    expect(runs.map(({ folder }) => (folder as string).slice(out.length + 1))).toEqual([
      'r1_jump_21_lambda0.05_bandwidth-1_penalty-l1_seed0',
      'r2_gated_18_lambda0.1_seed0',
      'r3_jump_13_lambda0.02_bandwidth-0.7_seed5',
    ]);
    for (const run of runs) {
      const folder = run.folder as string;
      const options = (run.options ?? {}) as Record<string, number | string>;
      const sae = await loadSae(
        await Promise.all(['cfg.json', 'sae_weights.safetensors'].map((name) => FileSource.open(join(folder, name)))),
      );
      expect(sae.options ?? {}).toEqual(options);
      const start = initialWeights(sae.arch, D, sae.dSae, run.seed as number, new Float32Array(D));
      const [before, twin] = [twinOf(start, options), twinOf(start, options)];
      const moments = zeroMoments(twin);
      let windowed = 0;
      for (let t = 0; t < STEPS; t++) {
        const x = Float64Array.from(rows.subarray(t * BATCH * D, (t + 1) * BATCH * D));
        const { u, acts } = forward(twin, x);
        const { touched } = architecture(sae.arch).twin;
        u.forEach((value, j) => {
          const v = twin.vectors.map((values) => values[j % sae.dSae] as number);
          if (acts[j] === 0 && touched(value, v, kernelOptions(twin), STEP)) windowed++;
        });
        adamStep(twin, gradients(twin, x, run.lambda as number), moments, t + 1, { lr: LR, beta1: 0, beta2: 0.999, eps: 1e-8 });
      }
      if (sae.arch === 'jump') expect(windowed, 'pairs that only the window touches').toBeGreaterThan(500);
      const others = [before, twinOf(sae)].map((p) => tensorsOf(p.arch, p));
      for (const [name, expected] of Object.entries(tensorsOf(twin.arch, twin))) {
        const [from, actual] = others.map((tensors) => tensors[name]) as [Float64Array, Float64Array];
        let [off, change] = [0, 0];
        expected.forEach((value, j) => {
          off += ((actual[j] as number) - value) ** 2;
          change += (value - (from[j] as number)) ** 2;
        });
        expect(change, name).toBeGreaterThan(0);
        expect(Math.sqrt(off / change), `change of ${name} of ${run.id}`).toBeLessThan(1e-3);
      }
      const norms = Array.from({ length: sae.dSae }, (_, i) => Math.hypot(...twin.wDec.subarray(i * D, (i + 1) * D)));
      expect(norms.every((norm) => Math.abs(norm - 1) < 1e-9)).toBe(sae.arch === 'gated');
      const measured = await lab('eval', '--sae', folder, '--data', data, '--json');
      const { acts } = forward(twin, Float64Array.from(rows));
      expect(measured.json.l0 as number).toBeCloseTo(acts.filter((f) => f !== 0).length / (BATCH * STEPS), 2);
    }
    expect((cfg(runs[0]?.folder as string).metadata as Json).gated_sae_lab).toMatchObject({ options: { bandwidth: 1, penalty: 'l1' } });
  });
});

describe('a setting', () => {
  it('is in the form, in the link, in arms, and in the sweep that is exported', () => {
    expect(settings().map(({ key }) => key)).toContain('toy');
    expect(parseSettings(defaultForm(), 64).config).toMatchObject({ toy: 1 });
    const form = { ...defaultForm(), toy: '3', arms: [{ arch: 'gated', texts: { toy: '4' } }] };
    const link = settingsToParams(form).toString();
    expect(link).toBe('arm=gated+toy%3D4&toy=3');
    const { config } = parseSettings(settingsFromParams(new URLSearchParams(link)), 64);
    expect(config).toMatchObject({ toy: 3, arms: [{ arch: 'gated', toy: 4 }] });
    if (config) expect(parseSettings(settingsFromConfig(config), 64).config).toEqual(config);
    expect(parseSettings({ ...defaultForm(), toy: '10' } as never, 64).errors.toy).toMatch(/above the largest allowed, 9/);
  });

  it('is an option of the command line with its own default, and in results', async () => {
    const train = Object.fromEntries(commandUsages()).train;
    if (!train) throw new Error('no train');
    expect(usage('train', train)).toMatch(/--toy X +A setting that nothing reads\. Default: 2\./);
    const data = at('few.safetensors');
    writeShard(data, 64, D, rows);
    const shared = ['--data', data, '--steps', 1, '--batch', 8, '--d-sae', 8, '--lambda', 1, '--arch', 'gated', '--json'];
    expect((await lab('sweep', ...shared, '--out', at('toy-default'))).json.config).toMatchObject({ toy: 2 });
    expect((await lab('sweep', ...shared, '--toy', 5, '--out', at('toy-given'))).json.config).toMatchObject({ toy: 5 });
    expect(file(join(at('toy-given'), 'results.json')).config).toMatchObject({ toy: 5 });
    const own = ['--data', data, '--steps', 1, '--batch', 8, '--arm', 'gated width=8 lambda=1 toy=4', '--json', '--out', at('toy-own')];
    expect((await lab('sweep', ...own)).json.runs).toMatchObject([{ settings: { toy: 4 }, command: expect.stringMatching(/ toy=4/) }]);
    const refused = await lab('sweep', ...shared, '--toy', 'x', '--out', at('toy-refused'));
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/--toy: "x" is not a number/)]);
  });
});
