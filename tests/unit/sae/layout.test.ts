/** How sweeps are packed, what they cost, and what is said when they do not fit. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/gpu/device';
import { DISPATCH_MS } from '../../../src/gpu/plan';
import { demoPlan } from '../../../src/lab/demo';
import type { SweepConfig } from '../../../src/lab/protocol';
import { estimate, expand, problems } from '../../../src/lab/runSpecs';
import { MAX_RUNS } from '../../../src/sae/kernels';
import { bufferBytes, gpuMemory, groupRuns, layoutOf, type PackedRun, stepFlops } from '../../../src/sae/layout';
import { slices } from '../../../src/sae/slices';

const limits = { ...DEFAULT_LIMITS, flopsPerMs: 1e10 };
const BINDING = DEFAULT_LIMITS.maxStorageBufferBindingSize;
const gated = (width: number): PackedRun => ({ arch: 'gated', width });
const baseline = (width: number): PackedRun => ({ arch: 'baseline', width });
const config = (change: Partial<SweepConfig> = {}): SweepConfig => ({ ...demoPlan(512, false).config, ...change });

describe('layoutOf', () => {
  it('packs runs one after the other, with an auxiliary slot for the gated ones', () => {
    const l = layoutOf(13, 37, [gated(7), baseline(5), gated(33)], limits);
    expect(l.runs.map(({ first, mainSlot, auxSlot }) => [first, mainSlot, auxSlot])).toEqual([
      [0, 0, 1],
      [7, 2, 2],
      [12, 3, 4],
    ]);
    expect(l).toMatchObject({ quads: 4, latents: 45, uStride: 48, blockRows: 37, utStride: 40, slots: 5, workgroup: 32, chunks: 1 });
  });

  it('cuts the decoder into column chunks where a row exceeds four vec4s an invocation', () => {
    expect(layoutOf(4096, 1, [gated(1)], limits)).toMatchObject({ workgroup: 256, chunks: 1 });
    expect(layoutOf(4097, 1, [gated(1)], limits)).toMatchObject({ workgroup: 256, chunks: 2 });
    for (const d of [1, 3, 128, 129, 512, 768, 2048, 5000]) {
      const { quads, workgroup, chunks } = layoutOf(d, 1, [gated(1)], limits);
      expect(4 * workgroup * chunks).toBeGreaterThanOrEqual(quads);
      expect(4 * workgroup * (chunks - 1)).toBeLessThan(quads);
      // latent_backward walks tiles of 256 rows in at most 32 bits a lane.
      expect(256 % workgroup === 0 && 256 / workgroup <= 32).toBe(true);
    }
  });

  it('works in row blocks of a multiple of 32 when the whole batch would take too long or too much; no slice exceeds the time bound', () => {
    for (const flopsPerMs of [1e6, 1e7, 1e8, 1e9]) {
      const slow = layoutOf(512, 4096, [gated(8192)], { ...limits, flopsPerMs });
      expect(slow.blockRows % 32).toBe(0);
      // The longest dispatch by estimate: the backward pass, half of the latents active.
      const flops = 4 * slow.blockRows * 512 * 8192;
      const cut = slices(slow, 8192, flops);
      expect(cut.reduce((sum, { count }) => sum + count, 0)).toBe(8192);
      for (const { count } of cut) {
        // The smallest block is allowed to take longer on a very slow device.
        if (slow.blockRows > 32) expect((flops * count) / 8192 / flopsPerMs).toBeLessThanOrEqual(DISPATCH_MS);
      }
    }
    expect(layoutOf(512, 4096, [gated(8192)], { ...limits, flopsPerMs: 1e6 }).blockRows).toBeLessThan(4096);
    const wide = layoutOf(64, 4096, [gated(30_000)], limits);
    expect(wide.blockRows % 32).toBe(0);
    expect(bufferBytes(wide, false).entries).toBeLessThanOrEqual(64 * 2 ** 20);
  });

  it.each([
    [() => layoutOf(4, 8, [], limits), /1 to 64 runs, not 0/],
    [() => layoutOf(4, 8, new Array<PackedRun>(MAX_RUNS + 1).fill(gated(1)), limits), /not 65/],
    [() => layoutOf(0, 8, [gated(1)], limits), /d_in must be a positive integer, not 0/],
    [() => layoutOf(4, 1.5, [gated(1)], limits), /batch must be a positive integer, not 1.5/],
    [() => layoutOf(4, 8, [gated(Number.NaN)], limits), /d_sae must be a positive integer, not NaN/],
  ])('refuses %s', (make, message) => expect(make).toThrow(message));

  it('slices cover everything once, begin at multiples of their unit, and are few', () => {
    for (const [total, flops, unit] of [
      [100, 1e9, 32],
      [7, 1e12, 1],
      [4096, 3.3e7, 32],
      [1, 0, 1],
    ] as const) {
      const cut = slices({ dispatchFlops: 1e6 }, total, flops, unit);
      let next = 0;
      for (const { from, count } of cut) {
        expect(from).toBe(next);
        expect(from % unit).toBe(0);
        expect(count).toBeGreaterThan(0);
        next += count;
      }
      expect(next).toBe(total);
      expect(cut.length).toBeLessThanOrEqual(64);
    }
  });

  it('stays within the workgroups of one dispatch dimension at the largest batch', () => {
    expect(layoutOf(4, 65_536, [gated(16)], limits).blockRows).toBeLessThanOrEqual(65_535);
  });
});

describe('memory', () => {
  it('the demo sweep at full size fits WebGPU’s default limits, in one group and in every buffer', () => {
    const runs = expand(config());
    expect(runs.map(({ arch, width }) => `${arch} ${width}`)).toEqual([
      ...new Array(4).fill('gated 1024'),
      ...new Array(4).fill('baseline 1536'),
    ]);
    const groups = groupRuns(512, runs, BINDING);
    expect(groups.length).toBe(1);
    for (const flopsPerMs of [1e7, 1e10]) {
      const sizes = bufferBytes(layoutOf(512, 1024, groups[0] ?? [], { ...limits, flopsPerMs }), true);
      for (const [name, bytes] of Object.entries(sizes)) expect(bytes, name).toBeLessThanOrEqual(BINDING);
    }
    const cost = estimate(config(), 512, limits);
    expect(cost).toMatchObject({ ok: true, runs: 8, problems: [] });
    expect(cost.parameters).toBe(4 * (1024 * (2 * 512 + 3) + 512) + 4 * (1536 * (2 * 512 + 1) + 512));
  });

  it('whatever the estimate calls possible has no buffer beyond the limit', () => {
    let [possible, impossible] = [0, 0];
    for (const d of [1, 64, 512, 4096])
      for (const width of [1, 1000, 16_384, 65_536])
        for (const batch of [1, 4096, 65_536])
          for (const beta1 of [0, 0.9]) {
            const c = config({ widths: { gated: [width], baseline: [width] }, batch, beta1 });
            const { ok, problems: found, gpuBytes } = estimate(c, d, limits);
            if (!ok) {
              impossible++;
              expect(found.length).toBeGreaterThan(0);
              continue;
            }
            possible++;
            let bytes = 0;
            for (const group of groupRuns(d, expand(c), BINDING)) {
              const { total, largest } = gpuMemory(layoutOf(d, batch, group, limits), beta1 > 0);
              expect(largest, `d ${d}, width ${width}, batch ${batch}`).toBeLessThanOrEqual(BINDING);
              bytes += total;
            }
            expect(gpuBytes).toBeGreaterThanOrEqual(bytes);
          }
    expect(possible).toBeGreaterThan(20);
    expect(impossible).toBeGreaterThan(5);
  });

  it('groups runs in order, as many as the binding and the run table allow', () => {
    const wide = [gated(40_000), baseline(20_000), baseline(10_000), gated(1)];
    expect(groupRuns(512, wide, BINDING).map((group) => group.map(({ width }) => width))).toEqual([
      [40_000, 20_000],
      [10_000, 1],
    ]);
    const many = new Array<PackedRun>(130).fill(gated(2));
    expect(groupRuns(4, many, BINDING).map((group) => group.length)).toEqual([64, 64, 2]);
    expect(groupRuns(512, [gated(100_000)], BINDING)).toEqual([[gated(100_000)]]);
  });

  it('momentum costs the first moments and nothing else', () => {
    const l = layoutOf(64, 128, [gated(100), baseline(50)], limits);
    const [without, with_] = [bufferBytes(l, false), bufferBytes(l, true)];
    const grown = Object.keys(with_).filter((name) => with_[name as keyof typeof with_] !== without[name as keyof typeof without]);
    expect(grown.sort()).toEqual(['mBias', 'mDec', 'mEnc', 'mLatents']);
    expect(with_.mEnc).toBe(with_.wEnc);
  });

  it('counts the encoder’s work densely', () => {
    const l = layoutOf(512, 1024, [gated(1024)], limits);
    expect(stepFlops(l, 0)).toBe(2 * 1024 * 512 * 1024 + 30 * 1024 * 512);
    expect(stepFlops(l, 0.5)).toBeGreaterThan(3 * 2 * 1024 * 512 * 1024);
  });
});

describe('what is wrong is said in words', () => {
  it('names the buffer’s size, the limit and a width that fits', () => {
    const { ok, problems: found } = estimate(config({ widths: { gated: [1_000_000], baseline: [1536] } }), 512, limits);
    expect(ok).toBe(false);
    expect(found.join(' ')).toMatch(/One buffer would need \d+ MB; this GPU binds at most 134 MB\. Use a width of at most 65536/);
    const widest = estimate(config({ architectures: ['gated'], widths: { gated: [65_536], baseline: [] } }), 512, limits);
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
