/** How sweeps are packed, what they cost, and what is said when they do not fit. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/gpu/device';
import { DISPATCH_MS } from '../../../src/gpu/plan';
import { demoPlan } from '../../../src/lab/demo';
import type { SweepConfig } from '../../../src/lab/protocol';
import { estimate, expand, problems } from '../../../src/lab/runSpecs';
import { MAX_RUNS } from '../../../src/sae/kernels';
import { clip, groupRuns, LATENT_GROUP, type LayoutOptions, layoutOf, MAX_BATCH, type PackedRun, stepFlops } from '../../../src/sae/layout';
import { gpuMemory, segmentBytes, sharedBytes } from '../../../src/sae/memory';
import { slices } from '../../../src/sae/slices';

const limits = { ...DEFAULT_LIMITS, flopsPerMs: 1e10 };
const BINDING = DEFAULT_LIMITS.maxStorageBufferBindingSize;
const gated = (width: number): PackedRun => ({ arch: 'gated', width });
const baseline = (width: number): PackedRun => ({ arch: 'baseline', width });
const config = (change: Partial<SweepConfig> = {}): SweepConfig => ({ ...demoPlan(512, false).config, ...change });
const ROW = 512 * 4;

describe('layoutOf', () => {
  it('packs runs one after the other, each from a multiple of 8 latents, with an auxiliary slot for the gated ones', () => {
    const l = layoutOf(13, 37, [gated(7), baseline(5), gated(33), baseline(8)], limits);
    expect(LATENT_GROUP).toBe(8);
    expect(l.runs.map(({ first, mainSlot, auxSlot }) => [first, mainSlot, auxSlot])).toEqual([
      [0, 0, 1],
      [8, 2, 2],
      [16, 3, 4],
      [56, 5, 5],
    ]);
    expect(l).toMatchObject({ quads: 4, latents: 64, rowGroups: 10, slots: 6, workgroup: 32, chunks: 1, momentum: false });
    expect(l.segments).toEqual([{ from: 0, count: 64 }]);
    expect(l.dense).toEqual({ blockRows: 37, stride: 10 });
    expect(layoutOf(13, 37, [gated(7)], limits, { momentum: true }).momentum).toBe(true);
  });

  it('cuts rows into column chunks where one exceeds four vec4s an invocation', () => {
    expect(layoutOf(4096, 1, [gated(1)], limits)).toMatchObject({ workgroup: 256, chunks: 1 });
    expect(layoutOf(4097, 1, [gated(1)], limits)).toMatchObject({ workgroup: 256, chunks: 2 });
    for (const d of [1, 3, 128, 129, 512, 768, 2048, 5000]) {
      const { quads, workgroup, chunks } = layoutOf(d, 1, [gated(1)], limits);
      expect(4 * workgroup * chunks).toBeGreaterThanOrEqual(quads);
      expect(4 * workgroup * (chunks - 1)).toBeLessThan(quads);
      // Dot products go by 8 lanes, the sums over them to four totals.
      expect(workgroup % 8 === 0 && workgroup >= 32 && workgroup <= 256).toBe(true);
    }
  });

  it.each([
    [() => layoutOf(4, 8, [], limits), /1 to 64 runs, not 0/],
    [() => layoutOf(4, 8, new Array<PackedRun>(MAX_RUNS + 1).fill(gated(1)), limits), /not 65/],
    [() => layoutOf(0, 8, [gated(1)], limits), /d_in must be a positive integer, not 0/],
    [() => layoutOf(4, 1.5, [gated(1)], limits), /batch must be a positive integer, not 1.5/],
    [() => layoutOf(4, 8, [gated(Number.NaN)], limits), /d_sae must be a positive integer, not NaN/],
    [() => layoutOf(4, 65_536, [gated(1)], limits), /batch must be at most 65535, not 65536/],
    [
      () => layoutOf(512, 40_000, [gated(8), baseline(8)], limits),
      /the errors of 2 runs on a batch of 40000 rows take 245760000 bytes; this device binds at most 134217728: take a smaller batch/,
    ],
    [() => layoutOf(512, 40_000, [gated(8)], limits), /the errors of 1 run on/],
    [() => layoutOf(500_000, 1, [baseline(1)], limits), /64 latents take 256000000 bytes; this device binds at most 134217728/],
    [
      () => layoutOf(4097, 1, [gated(1)], limits, { form: 'dense' }),
      /the dense form needs matrices that fit one binding and rows of at most 4096 values/,
    ],
    [() => layoutOf(512, 1, [gated(40_000)], limits, { form: 'dense' }), /the dense form needs/],
  ])('refuses %s', (make, message) => expect(make).toThrow(message));
});

describe('segments', () => {
  it('hold as many latents, in steps of 64, as fit a binding with what Adam keeps of them', () => {
    const most = BINDING / (2 * ROW);
    expect(layoutOf(512, 64, [gated(most)], limits).segments).toEqual([{ from: 0, count: most }]);
    expect(layoutOf(512, 64, [gated(most), gated(1)], limits).segments).toEqual([
      { from: 0, count: most },
      { from: most, count: 8 },
    ]);
    // A third plane: 21 845 latents, of which 21 824 are a multiple of 64.
    const { segments } = layoutOf(512, 64, [gated(most)], limits, { momentum: true });
    expect(segments).toEqual([
      { from: 0, count: 21_824 },
      { from: 21_824, count: most - 21_824 },
    ]);
    // A large batch of short rows: the active set is what is largest.
    expect(layoutOf(16, 40_000, [baseline(20_000)], limits).segments.length).toBe(4);
  });

  it('cover every latent once, a run’s parts being its own in order', () => {
    const runs = [gated(150), baseline(5), gated(70), baseline(33), gated(64)];
    const l = layoutOf(13, 16, runs, { ...limits, maxStorageBufferBindingSize: 64 * 2 * 64 * 2 });
    expect(l.segments.length).toBe(3);
    let next = 0;
    for (const { from, count } of l.segments) {
      expect(from).toBe(next);
      expect(from % 64).toBe(0);
      expect(count % LATENT_GROUP).toBe(0);
      next += count;
    }
    expect(next).toBe(l.latents);
    for (const run of l.runs) {
      const parts = l.segments.map((segment) => ({ ...clip(run, segment), segment })).filter(({ width }) => width > 0);
      expect(parts.flatMap(({ first, width, segment }) => Array.from({ length: width }, (_, i) => segment.from + first + i))).toEqual(
        Array.from({ length: run.width }, (_, i) => run.first + i),
      );
    }
    expect(clip({ first: 0, width: 8 }, { from: 64, count: 64 })).toEqual({ first: 0, width: 0 });
    expect(clip({ first: 64, width: 8 }, { from: 0, count: 64 })).toEqual({ first: 0, width: 0 });
  });
});

describe('the dense form', () => {
  const dense = (d: number, batch: number, runs: PackedRun[], flopsPerMs: number, options?: LayoutOptions) =>
    layoutOf(d, batch, runs, { ...limits, flopsPerMs }, options).dense;

  it('is there where matrices fit a binding, rows 4096 values and gradients 256 MiB; never when sparse is asked for', () => {
    expect(dense(4096, 8, [gated(100)], 1e10)).toBeDefined();
    expect(dense(4097, 8, [gated(100)], 1e10)).toBeUndefined();
    expect(dense(512, 64, [gated(32_768)], 1e10)).toBeDefined();
    expect(dense(512, 64, [gated(32_768)], 1e10, { form: 'sparse' })).toBeUndefined();
    expect(dense(512, 64, [gated(32_776)], 1e10)).toBeUndefined();
    const large = { maxStorageBufferBindingSize: 2 ** 31, flopsPerMs: 1e10 };
    const twice = [gated(65_536), gated(8)];
    expect(layoutOf(512, 64, twice.slice(0, 1), large).dense).toBeDefined();
    expect(layoutOf(512, 64, twice, large).dense).toBeUndefined();
    expect(layoutOf(512, 64, twice, large, { form: 'dense' }).dense).toBeDefined();
  });

  it('works in row blocks of a multiple of 32 when the whole batch would take too long or too much', () => {
    for (const flopsPerMs of [1e6, 1e7, 1e8, 1e9, 1e10]) {
      const { blockRows = 0, stride } = dense(512, 4096, [gated(8192)], flopsPerMs) ?? {};
      expect(blockRows % 32).toBe(0);
      expect(stride).toBe(blockRows / 4);
      // The smallest block is allowed to take longer on a very slow device.
      if (blockRows > 32) expect((4 * blockRows * 512 * 8192) / flopsPerMs).toBeLessThanOrEqual(500);
    }
    expect(dense(512, 4096, [gated(8192)], 1e6)?.blockRows).toBe(32);
    expect(dense(13, 101, [gated(8)], 1e-3)).toEqual({ blockRows: 32, stride: 8 });
    const wide = layoutOf(64, 4096, [gated(30_000)], limits);
    expect(wide.dense?.blockRows).toBeLessThan(4096);
    for (const name of ['ut', 'acts', 'pulls', 'partials'] as const)
      expect(sharedBytes(wide)[name], name).toBeLessThanOrEqual(64 * 2 ** 20);
  });
});

describe('slices', () => {
  it('cover everything once, begin at multiples of their unit, hold at most so many, and are few', () => {
    for (const [total, flops, unit, most] of [
      [100, 1e9, 32, undefined],
      [7, 1e12, 1, undefined],
      [4096, 3.3e7, 32, undefined],
      [1, 0, 1, undefined],
      [100_000, 0, 1, MAX_BATCH],
      [100_000, 1e15, 1, MAX_BATCH],
    ] as const) {
      const cut = slices({ dispatchFlops: 1e6 }, total, flops, unit, most);
      let next = 0;
      for (const { from, count } of cut) {
        expect(from).toBe(next);
        expect(from % unit).toBe(0);
        expect(count).toBeGreaterThan(0);
        expect(count).toBeLessThanOrEqual(most ?? total);
        next += count;
      }
      expect(next).toBe(total);
      expect(cut.length).toBeLessThanOrEqual(1024);
    }
  });

  it('stay within the bound on a dispatch’s time', () => {
    for (const flopsPerMs of [1e6, 1e7, 1e8, 1e9]) {
      const l = layoutOf(512, 4096, [gated(8192)], { ...limits, flopsPerMs });
      expect(l.dispatchFlops).toBe(flopsPerMs * DISPATCH_MS);
      const flops = 4 * 4096 * 512 * 8192;
      const cut = slices(l, 8192, flops);
      // Whole items: at most one beyond the bound.
      if (cut.length < 1024) for (const { count } of cut) expect((flops * (count - 1)) / 8192 / flopsPerMs).toBeLessThan(DISPATCH_MS);
    }
  });
});

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
    expect(work).toBe(256 * (4 * ROW + 4 + 2 * 32) + (4 * 256 * 5120) / 8);
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
    const groups = groupRuns(512, 1024, runs, BINDING);
    expect(groups.length).toBe(1);
    for (const flopsPerMs of [1e7, 1e10]) {
      const l = layoutOf(512, 1024, groups[0] ?? [], { ...limits, flopsPerMs }, { momentum: true });
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
    for (const group of groupRuns(d, c.batch, expand(c), BINDING)) {
      const l = layoutOf(d, c.batch, group, limits, { momentum: c.beta1 > 0 });
      const { total, largest, state } = gpuMemory(l);
      expect(largest, `d ${d}, batch ${c.batch}, widths ${group.map(({ width }) => width)}`).toBeLessThanOrEqual(BINDING);
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
            if (checked({ widths: { gated: [width], baseline: [width] }, batch, beta1 }, d)) possible++;
            else impossible++;
    expect(possible).toBeGreaterThan(40);
    expect(impossible).toBeGreaterThan(20);
  });

  it.each([1, 4, 8, 12, 16, 32])('nor with rows of %i values and millions of latents', (d) => {
    for (const width of [375_000, 700_000, 3_000_000])
      for (const beta1 of [0, 0.9]) checked({ architectures: ['gated'], widths: { gated: [width], baseline: [] }, batch: 64, beta1 }, d);
  });

  it('groups runs in order, as many as the errors’ buffer and the run table allow; widths are of no account', () => {
    // A slot of 4096 rows of 512 values: 8 MiB, 16 to a binding.
    const seven = [
      gated(40_000),
      baseline(20_000),
      gated(1),
      gated(100),
      gated(300_000),
      gated(8),
      gated(9),
      gated(10),
      baseline(11),
      gated(12),
    ];
    expect(groupRuns(512, 4096, seven, BINDING).map((group) => group.map(({ width }) => width))).toEqual([
      [40_000, 20_000, 1, 100, 300_000, 8, 9, 10, 11],
      [12],
    ]);
    const many = new Array<PackedRun>(130).fill(gated(2));
    expect(groupRuns(4, 16, many, BINDING).map((group) => group.length)).toEqual([64, 64, 2]);
    // What fits nowhere is a group of its own, for layoutOf to refuse.
    expect(groupRuns(512, 60_000, [gated(8), gated(9)], BINDING)).toEqual([[gated(8)], [gated(9)]]);
  });

  it('momentum costs the first moments and nothing else', () => {
    const of = (momentum: boolean) => layoutOf(64, 128, [gated(100), baseline(50)], limits, { momentum });
    const sizes = (momentum: boolean) => {
      const l = of(momentum);
      return { ...sharedBytes(l), ...segmentBytes(l, l.segments[0] as (typeof l.segments)[number]) };
    };
    const [without, with_] = [sizes(false), sizes(true)];
    const grown = Object.keys(with_).filter((name) => with_[name as keyof typeof with_] !== without[name as keyof typeof without]);
    expect(grown.sort()).toEqual(['dec', 'enc', 'mBias', 'records']);
    expect(with_.enc).toBe((without.enc * 3) / 2);
    expect(with_.records).toBe((without.records * 4) / 3);
  });

  it('counts the encoder’s work densely', () => {
    const l = layoutOf(512, 1024, [gated(1024)], limits);
    expect(stepFlops(l, 0)).toBe(2 * 1024 * 512 * 1024 + 30 * 1024 * 512);
    expect(stepFlops(l, 0.5)).toBeGreaterThan(3 * 2 * 1024 * 512 * 1024);
  });
});

describe('what is wrong is said in words', () => {
  it('names what the errors take, the limit and what helps; a width is never too large', () => {
    const { ok, problems: found } = estimate(config({ batch: 30_000, architectures: ['gated'] }), 4096, limits);
    expect(ok).toBe(false);
    expect(found.join(' ')).toMatch(
      /the errors of 1 run on a batch of 30000 rows take 983040000 bytes; this device binds at most 134217728: take a smaller batch\.$/,
    );
    const widest = estimate(config({ architectures: ['gated'], widths: { gated: [1_000_000], baseline: [] } }), 512, limits);
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
    [{ steps: 0 }, /Steps must be a whole number of at least 1, not 0/],
    [{ batch: 2.5 }, /Batch must be a whole number/],
    [{ lr: 0 }, /learning rate must be above 0/],
    [{ lr: Number.NaN }, /learning rate must be above 0, not NaN/],
    [{ beta1: 1 }, /beta1 must be at least 0 and below 1/],
    [{ holdout: 1 }, /held-out fraction/],
    [{ seeds: [] }, /at least one seed/],
    [{ architectures: [] }, /at least one architecture/],
    [{ lambdas: { gated: [-1], baseline: [1] } }, /Gated lambda must be above 0, not -1/],
    [{ widths: { gated: [3], baseline: [] } }, /Give Baseline at least one width/],
  ])('%o', (change, message) => {
    expect(problems(config(change)).join(' ')).toMatch(message);
    expect(estimate(config(change), 512, limits).ok).toBe(false);
  });
});
