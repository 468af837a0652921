/** Every architecture in SAELens' format and back: by the formulas of formula.ts, and by SAELens itself for what it can load. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { convertedTo, formsOf } from '../../../src/interop/convert';
import { foldScale } from '../../../src/interop/fold';
import { type LoadedSae, loadSae, type NamedBytes, saelensFolder } from '../../../src/interop/saelens';
import { architectures } from '../../../src/sae/architectures';
import type { SaeWeights } from '../../../src/sae/weights';
import { readF32, readJson } from '../../fixtures';
import { randoms } from '../../gpu';
import { computed, SORTS, someSae, worstError } from './formula';

const load = (files: NamedBytes[]): Promise<LoadedSae> => loadSae(files.map(({ name, bytes }) => new MemorySource(`sae/${name}`, bytes)));
const cfgOf = ([cfg]: NamedBytes[]) => JSON.parse(new TextDecoder().decode(cfg?.bytes)) as Record<string, unknown>;
const changed = (files: NamedBytes[], edit: (cfg: Record<string, unknown>) => Record<string, unknown>): NamedBytes[] => [
  { name: 'cfg.json', bytes: new TextEncoder().encode(JSON.stringify(edit(cfgOf(files)))) },
  ...files.slice(1),
];
const rows = (seed: number) => Array.from({ length: 20 }, (_, i) => randoms(12, seed + i).map((v) => 4 * v));

it('every architecture of the table is here', () => {
  expect([...new Set(Object.values(SORTS).map(({ arch }) => arch))].sort()).toEqual(
    architectures()
      .map(({ id }) => id)
      .sort(),
  );
});

describe.each(Object.keys(SORTS))('%s', (name) => {
  const sae = someSae(name);

  it('comes back bit for bit', async () => {
    const { notes, cfg: _, ...back } = await load(saelensFolder(sae));
    expect(notes).toEqual([]);
    const { vectors, ...rest } = back;
    expect(rest).toEqual({ ...sae, vectors: undefined, ...(sae.options && { options: expect.objectContaining(sae.options) }) });
    for (const [vector, values] of Object.entries(sae.vectors)) {
      // Logarithms of thresholds are written as thresholds, which is what features are made of.
      if (name === 'jumprelu-log' && vector === 'threshold') expect(vectors[vector]?.map(Math.exp)).toEqual(values.map(Math.exp));
      else expect(vectors[vector], vector).toEqual(values);
    }
    for (const x of rows(50)) expect(computed(back, x)).toEqual(computed(sae, x));
  });

  it('of activations times s is the same SAE of the activations', () => {
    const folded = foldScale(sae, 3.7);
    for (const x of rows(50)) {
      const [raw, scaled] = [
        computed(folded, x),
        computed(
          sae,
          x.map((v) => 3.7 * v),
        ),
      ];
      raw.f.forEach((f, i) => expect(f * 3.7).toBeCloseTo(scaled.f[i] as number, 4));
      raw.hat.forEach((v, i) => expect(v * 3.7).toBeCloseTo(scaled.hat[i] as number, 4));
    }
  });
});

describe('the names in cfg.json', () => {
  it.each([
    ['baseline', 'standard'],
    ['gated', 'gated'],
    ['gated-untied', 'gated_untied'],
    ['rescale-shift', 'gated'],
    ['no-heaviside', 'no_heaviside'],
    ['jumprelu', 'jumprelu'],
    ['topk', 'topk'],
    ['topk-threshold', 'jumprelu'],
    ['batchtopk', 'jumprelu'],
    ['matryoshka', 'jumprelu'],
  ])('%s is saved as %s', (name, architecture) => expect(cfgOf(saelensFolder(someSae(name)))).toMatchObject({ architecture }));

  it('what SAELens does not load, or computes otherwise, is in the notes of the folder', () => {
    const notesOf = (sae: SaeWeights) => {
      const { gated_sae_lab: lab } = cfgOf(saelensFolder(sae)).metadata as { gated_sae_lab?: { notes?: string[] } };
      return lab?.notes ?? [];
    };
    for (const name of ['gated-untied', 'no-heaviside'])
      expect(notesOf(someSae(name))).toEqual([
        expect.stringMatching(/^SAELens has no architecture "(gated_untied|no_heaviside)" and refuses/),
      ]);
    const jump = someSae('jumprelu');
    (jump.vectors.threshold as Float32Array)[2] = -0.1;
    expect(notesOf(jump)).toEqual([expect.stringMatching(/^1 thresholds are below 0: in this run negative pre-activations/)]);
    for (const name of ['gated', 'jumprelu', 'jumprelu-log', 'topk', 'batchtopk', 'rescale-shift'])
      expect(notesOf(someSae(name))).toEqual([]);
  });

  it('k, and what is subtracted from the input, stand where SAELens reads them', () => {
    expect(cfgOf(saelensFolder(someSae('topk')))).toMatchObject({ k: 5, rescale_acts_by_decoder_norm: false, apply_b_dec_to_input: true });
    expect(cfgOf(saelensFolder(someSae('jumprelu')))).toMatchObject({ apply_b_dec_to_input: false });
    expect(cfgOf(saelensFolder(someSae('jumprelu-log')))).toMatchObject({ apply_b_dec_to_input: true });
  });

  it('what a selection was trained as and with stands in the metadata', () => {
    expect(cfgOf(saelensFolder(someSae('matryoshka'))).metadata).toMatchObject({
      training_architecture: 'matryoshka_batchtopk',
      gated_sae_lab: { architecture: 'matryoshka', k: 6 },
    });
  });

  it('SAELens’ own BatchTopK stays the JumpReLU SAE that it is now, and that is said', async () => {
    const files = changed(saelensFolder(someSae('batchtopk')), (cfg) => {
      const { gated_sae_lab: _, ...metadata } = cfg.metadata as Record<string, unknown>;
      return { ...cfg, metadata };
    });
    const sae = await load(files);
    expect([sae.arch, sae.options]).toEqual(['jumprelu', { 'pre-bias': 'yes' }]);
    expect(sae.notes).toEqual(['It was trained as batchtopk (training_architecture) and is measured as what it was saved as, jumprelu.']);
  });
});

describe('a Gated SAE as JumpReLU', () => {
  it('has the same mask, features and reconstructions, also where its threshold is below 0', async () => {
    const gated = someSae('gated');
    const jump = await load(saelensFolder(convertedTo(gated, 'jumprelu'), { trainedAs: 'gated' }));
    const [bGate, rMag, bMag] = ['b_gate', 'r_mag', 'b_mag'].map((key) => gated.vectors[key] as Float32Array) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const theta = Float32Array.from(bMag, (b, i) => Math.max(0, b - Math.exp(rMag[i] as number) * (bGate[i] as number)));
    expect(jump.vectors.threshold).toEqual(theta);
    expect([theta.some((v) => v === 0), theta.some((v) => v > 0.1)]).toEqual([true, true]);
    expect([jump.arch, jump.options, jump.vectors.b_enc]).toEqual(['jumprelu', { 'pre-bias': 'yes' }, bMag]);
    for (const x of rows(80)) {
      const [a, b] = [computed(gated, x), computed(jump, x)];
      expect(b.f.map((f) => f > 0)).toEqual(a.f.map((f) => f > 0));
      a.f.forEach((f, i) => expect(Math.abs((b.f[i] as number) - f)).toBeLessThan(1e-5));
      a.hat.forEach((v, i) => expect(Math.abs((b.hat[i] as number) - v)).toBeLessThan(1e-5));
    }
    expect(jump.notes).toEqual(['It was trained as gated (training_architecture) and is measured as what it was saved as, jumprelu.']);
  });

  it('rescale & shift has that form too; two encoder matrices and a baseline have not', () => {
    expect(formsOf(someSae('rescale-shift'))).toEqual(['gated', 'jumprelu']);
    expect(formsOf(someSae('gated-untied'))).toEqual(['gated_untied']);
    expect(() => convertedTo(someSae('gated-untied'), 'jumprelu')).toThrow(
      'a gated SAE cannot be saved as jumprelu; it can as gated_untied',
    );
    expect(formsOf(someSae('baseline'))).toEqual(['standard']);
  });
});

describe('a SAE without a Heaviside as a standard one', () => {
  it('has the same features', () => {
    const sae = someSae('no-heaviside');
    const standard = convertedTo(sae, 'standard');
    expect([standard.arch, standard.wDec]).toEqual(['baseline', sae.wDec]);
    for (const x of rows(80)) {
      const [a, b] = [computed(sae, x), computed(standard, x)];
      a.f.forEach((f, i) => expect(Math.abs((b.f[i] as number) - f)).toBeLessThan(1e-5));
      a.hat.forEach((v, i) => expect(Math.abs((b.hat[i] as number) - v)).toBeLessThan(1e-5));
    }
  });

  it('is refused where a factor is below 0', () => {
    const sae = someSae('no-heaviside');
    (sae.vectors.t as Float32Array)[3] = -0.5;
    expect(() => convertedTo(sae, 'standard')).toThrow(/1 of 40 factors t are below 0/);
  });
});

describe('what contradicts itself is refused before weights are read', () => {
  const edited = (name: string, edit: Record<string, unknown>, lab?: Record<string, unknown>) => {
    const files = saelensFolder(someSae(name));
    return load(
      changed(files, (cfg) => {
        const metadata = cfg.metadata as { gated_sae_lab?: object };
        return { ...cfg, ...edit, metadata: { ...metadata, ...(lab && { gated_sae_lab: { ...metadata.gated_sae_lab, ...lab } }) } };
      }),
    );
  };

  it.each([
    ['topk', { k: 0 }, undefined, /k is 0; a whole number above 0 is expected/],
    ['topk', { k: 2.5 }, undefined, /k is 2\.5; a whole number/],
    ['topk', { k: '5' }, undefined, /k is "5"; a whole number/],
    ['topk', { k: undefined }, undefined, /architecture "topk" and no k/],
    ['topk', { k: 41 }, undefined, /k is 41, more than the 40 latents/],
    ['batchtopk', {}, { k: 41 }, /k is 41, more than the 40 latents/],
    ['batchtopk', {}, { architecture: 'sparse' }, /architecture "sparse" is not one the lab has/],
    ['batchtopk', {}, { architecture: 'gated' }, /architecture is "jumprelu", and gated_sae_lab describes a SAE that is saved as "gated"/],
    ['gated', {}, { options: { encoders: 'untied' } }, /architecture is "gated", and .* saved as "gated_untied"/],
    ['gated', {}, { options: { nonsense: 1 } }, /gated_sae_lab: gated has no option "nonsense"/],
    ['jumprelu', { apply_b_dec_to_input: true }, { options: { 'pre-bias': 'no' } }, /apply_b_dec_to_input is true, and gated_sae_lab says/],
    ['jumprelu', {}, { lambda: 1, options: { loss: 'target', 'target-l0': 50 } }, /target-l0=50 is more than the 40 latents/],
    ['matryoshka', {}, { options: { groups: '8, 24' } }, /groups=8, 24 add up to 32/],
    ['matryoshka', { architecture: 'matryoshka_batchtopk', matryoshka_widths: [30, 20] }, undefined, /matryoshka_widths is \[30,20\]/],
    ['topk', {}, { threshold: 'x' }, /gated_sae_lab\.threshold is "x"/],
  ])('%s with %j, %j', async (name, edit, lab, words) => {
    await expect(edited(name, edit, lab)).rejects.toThrow(words);
    await expect(edited(name, edit, lab)).rejects.toThrow(/^sae\/cfg\.json: /);
  });

  it('thresholds that differ are not one threshold', async () => {
    const jump = saelensFolder({ ...someSae('jumprelu-log') });
    const batch = saelensFolder(someSae('batchtopk'));
    await expect(load([batch[0] as NamedBytes, jump[1] as NamedBytes])).rejects.toThrow(/threshold holds .* one for all latents/);
  });

  it('a missing tensor is named', async () => {
    const [cfg] = saelensFolder(someSae('gated-untied')) as [NamedBytes];
    await expect(load([cfg, ...saelensFolder(someSae('gated')).slice(1)])).rejects.toThrow(
      /has no tensor "W_mag", which a gated_untied SAE needs; it has W_dec, W_enc, b_dec, b_gate, b_mag, r_mag\./,
    );
  });
});

it('without cfg.json a threshold makes it JumpReLU, a second matrix untied', async () => {
  const alone = (name: string) => load(saelensFolder(someSae(name)).slice(1));
  expect(await alone('jumprelu-log')).toMatchObject({
    arch: 'jumprelu',
    notes: [expect.stringMatching(/^No cfg\.json: taken for a jumprelu SAE/)],
  });
  expect(await alone('gated-untied')).toMatchObject({ arch: 'gated', options: { encoders: 'untied' } });
});

describe('SAELens 6.18 loads what was written, and computes the same', () => {
  const SAVED = readJson<Record<string, { sha256: string; as?: string }>>('saes/written/written.json');

  it.each(Object.entries(SAVED))('%s', async (name, { sha256, as }) => {
    const own = someSae(name.replace(/ as .*/, ''));
    const sae: SaeWeights = as === undefined ? own : convertedTo(own, as);
    const files = saelensFolder(sae, { hookName: 'blocks.0.mlp.hook_post' });
    expect(
      createHash('sha256')
        .update(files[1]?.bytes as Uint8Array)
        .digest('hex'),
      'the bytes that SAELens read',
    ).toBe(sha256);
    const tensors = readF32(`saes/written/${name}.safetensors`);
    const [x, f, hat] = ['x', 'f', 'x_hat'].map((key) => tensors[key]?.data) as [Float32Array, Float32Array, Float32Array];
    expect(f.filter((v) => v !== 0).length / 20).toBeGreaterThan(2);
    expect(worstError(await load(files), { x, f, hat })).toBeLessThan(1e-5);
    if (as !== undefined) expect(worstError(own, { x, f, hat })).toBeLessThan(1e-5);
  });
});
