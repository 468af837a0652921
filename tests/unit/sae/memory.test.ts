/** What packed sweeps cost in GPU memory, and what is said of configurations that do not fit. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/gpu/device';
import { demoPlan } from '../../../src/lab/demo';
import type { SweepConfig } from '../../../src/lab/protocol';
import { estimate, expand } from '../../../src/lab/runSpecs';
import { type Arm, problems } from '../../../src/lab/settings';
import { groupRuns, type LayoutOptions, layoutOf, type PackedRun } from '../../../src/sae/layout';
import { gpuMemory, segmentBytes, sharedBytes } from '../../../src/sae/memory';

const limits = { ...DEFAULT_LIMITS, flopsPerMs: 1e10 };
const BINDING = DEFAULT_LIMITS.maxStorageBufferBindingSize;
const gated = (width: number): PackedRun => ({ arch: 'gated', width });
const baseline = (width: number): PackedRun => ({ arch: 'baseline', width });
const config = (change: Partial<SweepConfig> = {}): SweepConfig => ({ ...demoPlan(512, false).config, ...change });
const arm = (arch: string, change: Partial<Arm> = {}): Arm => ({ arch, options: {}, widths: [1024], knob: [0.1], ...change });
const ROW = 512 * 4;

describe('memory', () => {
  it('state is 16·F·D bytes a run with beta1 = 0, its vectors and b_dec with theirs, and nothing else', () => {
    for (const runs of [[gated(4096)], [gated(4096), baseline(1024)]]) {
      const l = layoutOf(512, 256, runs, limits);
      const F = runs.reduce((sum, { width }) => sum + width, 0);
      // Three vec4s a latent (scalars, second moments, firing counts); b_dec, its second moments, the mean; a buffer that is not used.
      const vectors = 48 * F + (2 * runs.length + 1) * ROW + 16;
      expect(gpuMemory(l).state).toBe(16 * F * 512 + vectors);
      const first = 8 * F * 512 + 16 * F + runs.length * ROW - 16;
      expect(gpuMemory(layoutOf(512, 256, runs, limits, { momentum: true })).state).toBe(16 * F * 512 + vectors + first);
    }
  });

  it('state does not depend on batch, form, segments or f16; the sparse form’s work does not grow with latents x batch but for the active set', () => {
    const of = (batch: number, options: LayoutOptions = {}, binding = BINDING) =>
      layoutOf(512, batch, [gated(4096), baseline(1024)], { ...limits, maxStorageBufferBindingSize: binding }, options);
    const { state } = gpuMemory(of(256));
    expect(gpuMemory(of(64)).state).toBe(state);
    expect(gpuMemory(of(256, { form: 'sparse' })).state).toBe(state);
    expect(gpuMemory(of(256), true).state).toBe(state);
    const cut = of(256, {}, 2 ** 23);
    expect(cut.segments.length).toBe(3);
    expect(gpuMemory(cut).state).toBe(state);
    const sparse = { form: 'sparse' } as const;
    const [small, large] = [of(256, sparse), of(512, sparse)];
    const work = gpuMemory(large).total - gpuMemory(small).total;
    // x and three slots of errors, slots, statistics; 16 bits a word, a word of 32 for 4 rows x 4 latents, twice.
    expect(work).toBe(256 * (4 * ROW + 4 + 2 * 40) + (4 * 256 * 5120) / 8);
  });

  it('rows in registers want u of one (row, latent) in 16 beside the active set', () => {
    const of = (registers: boolean) => gpuMemory(layoutOf(256, 256, [gated(4096)], { ...limits, registers })).total;
    expect(of(true) - of(false)).toBe((256 * 4096 * 4) / 16);
  });

  it('total is the sum of all buffers, largest the largest of them', () => {
    for (const [momentum, halfX] of [
      [false, false],
      [true, true],
    ] as const) {
      const l = layoutOf(4101, 8, [gated(100), baseline(50)], { ...limits, maxStorageBufferBindingSize: 64 * 3 * 1026 * 16 }, { momentum });
      expect([l.segments.length, l.chunks]).toEqual([3, 2]);
      const sizes = [...Object.values(sharedBytes(l, halfX)), ...l.segments.flatMap((segment) => Object.values(segmentBytes(l, segment)))];
      expect(gpuMemory(l, halfX)).toMatchObject({ total: sizes.reduce((sum, n) => sum + n, 0), largest: Math.max(...sizes) });
    }
    const l = layoutOf(512, 256, [gated(100)], limits);
    expect(gpuMemory(l, true).total - gpuMemory(l).total).toBe(256 * 512 * 2 - 16);
  });

  it('the demo sweep at full size fits WebGPU’s default limits, in one group, one segment and every buffer', () => {
    const runs = expand(config());
    expect(runs.map(({ arch, width }) => `${arch} ${width}`)).toEqual([
      ...new Array(4).fill('gated 1024'),
      ...new Array(4).fill('baseline 1536'),
    ]);
    const groups = groupRuns(512, 1024, runs, limits);
    expect(groups.length).toBe(1);
    for (const flopsPerMs of [1e7, 1e10]) {
      const l = layoutOf(512, 1024, groups[0]?.runs ?? [], { ...limits, flopsPerMs }, { momentum: true });
      expect(l.segments.length).toBe(1);
      expect(l.dense).toBeDefined();
      expect(gpuMemory(l).largest).toBeLessThanOrEqual(BINDING);
    }
    const cost = estimate(config(), 512, limits);
    expect(cost).toMatchObject({ ok: true, runs: 8, problems: [] });
    expect(cost.parameters).toBe(4 * (1024 * (2 * 512 + 3) + 512) + 4 * (1536 * (2 * 512 + 1) + 512));
  });

  /** Every group of a configuration that the estimate calls possible. */
  const checked = (change: Partial<SweepConfig>, d: number): boolean => {
    const c = config(change);
    const { ok, problems: found, gpuBytes, stateBytes } = estimate(c, d, limits);
    if (!ok) {
      expect(found.length).toBeGreaterThan(0);
      return false;
    }
    let [bytes, kept] = [0, 0];
    for (const { runs, form } of groupRuns(d, c.batch, expand(c), limits)) {
      const l = layoutOf(d, c.batch, runs, limits, { momentum: c.beta1.some((beta1) => beta1 > 0), form });
      const { total, largest, state } = gpuMemory(l);
      expect(largest, `d ${d}, batch ${c.batch}, widths ${runs.map(({ width }) => width)}`).toBeLessThanOrEqual(BINDING);
      bytes += total;
      kept += state;
    }
    expect(gpuBytes).toBeGreaterThanOrEqual(bytes);
    expect(stateBytes).toBe(kept);
    return true;
  };

  it('whatever the estimate calls possible has no buffer beyond the limit', () => {
    let [possible, impossible] = [0, 0];
    for (const d of [1, 64, 512, 4096, 5000])
      for (const width of [1, 1000, 16_384, 65_536, 100_000])
        for (const batch of [1, 4096, 65_535, 65_536])
          for (const beta1 of [0, 0.9])
            if (
              checked(
                {
                  arms: ['gated', 'baseline'].map((arch) => arm(arch, { widths: [width], knob: [0.1, 0.2, 0.4, 0.8] })),
                  batch,
                  beta1: [beta1],
                },
                d,
              )
            )
              possible++;
            else impossible++;
    expect(possible).toBeGreaterThan(40);
    expect(impossible).toBeGreaterThan(20);
  });

  it.each([1, 4, 8, 12, 16, 32])('no buffer is beyond the limit with rows of %i values and millions of latents', (d) => {
    for (const width of [375_000, 700_000, 3_000_000])
      for (const beta1 of [0, 0.9])
        checked({ arms: [arm('gated', { widths: [width], knob: [0.1, 0.2, 0.4, 0.8] })], batch: 64, beta1: [beta1] }, d);
  });

  it('momentum costs the first moments and nothing else', () => {
    const of = (momentum: boolean) => layoutOf(64, 128, [gated(100), baseline(50)], limits, { momentum });
    const sizes = (momentum: boolean) => {
      const l = of(momentum);
      return { ...sharedBytes(l), ...segmentBytes(l, l.segments[0] as (typeof l.segments)[number]) };
    };
    const [without, with_] = [sizes(false), sizes(true)];
    const grown = Object.keys(with_).filter((name) => with_[name as keyof typeof with_] !== without[name as keyof typeof without]);
    expect(grown.sort()).toEqual(['b_dec_m', 'latent_params', 'w_dec', 'w_enc']);
    expect(with_.w_enc).toBe((without.w_enc * 3) / 2);
    expect(with_.latent_params).toBe((without.latent_params * 4) / 3);
  });
});

describe('what is wrong is said in words', () => {
  it('names what the errors take, the limit and what helps; a width is never too large', () => {
    const { ok, problems: found } = estimate(config({ batch: 30_000, arms: [arm('gated')] }), 4096, limits);
    expect(ok).toBe(false);
    expect(found.join(' ')).toMatch(
      /the errors of 1 run on a batch of 30000 rows take 983040000 bytes; this device binds at most 134217728: take a smaller batch\.$/,
    );
    const widest = estimate(config({ arms: [arm('gated', { widths: [1_000_000] })] }), 512, limits);
    expect(widest).toMatchObject({ ok: true, problems: [] });
  });

  it('asks for data when there is none', () => {
    expect(estimate(config(), undefined, limits)).toMatchObject({
      ok: false,
      runs: 8,
      problems: [expect.stringMatching(/Load activations first/)],
    });
  });

  it.each<[Partial<SweepConfig>, RegExp]>([
    [{ steps: 0 }, /^Steps: 0 is below the smallest allowed, 1\.$/],
    [{ batch: 2.5 }, /^Batch: 2\.5 is not a whole number\.$/],
    [{ batch: 65_536 }, /^Batch: 65536 is above the largest allowed, 65535\.$/],
    [{ lr: [0] }, /^lr: 0 is below the smallest allowed, 1e-8\.$/],
    [{ lr: [Number.NaN] }, /^lr: "NaN" is not a number\.$/],
    [{ beta1: [1] }, /^Adam β1: 1 is above the largest/],
    [{ holdout: 1 }, /^Held out: 1 is above the largest allowed, 0\.5\.$/],
    [{ seeds: [] }, /^Seeds: Give at least one value\.$/],
    [{ arms: [] }, /^Add at least one arm\.$/],
    [{ arms: [arm('gated', { knob: [-1] })] }, /^Gated lambda: λ must be above 0; -1 is not\.$/],
    [{ arms: [arm('gated'), arm('baseline', { widths: [] })] }, /^Baseline width: Give at least one value\.$/],
    [{ arms: [arm('gated'), arm('gated', { seeds: [1.5] })] }, /^Gated 2 seeds: 1\.5 is not a whole number\.$/],
    [{ arms: [arm('kan')] }, /^there is no architecture "kan"; there are baseline, gated, /],
    [{ normalize: 'often' as never }, /^Normalise rows: "often" is not one of/],
  ])('%o', (change, message) => {
    expect(problems(config(change)).join('\n')).toMatch(message);
    expect(estimate(config(change), 512, limits).ok).toBe(false);
  });
});
