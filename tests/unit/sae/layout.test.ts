/** How sweeps are packed: runs, segments, the dense form's blocks, slices; what is refused. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/gpu/device';
import { DISPATCH_MS } from '../../../src/gpu/plan';
import { MAX_BATCH, MAX_RUNS } from '../../../src/sae/bounds';
import {
  clip,
  groupRuns,
  LATENT_GROUP,
  type LayoutOptions,
  layoutLimits,
  layoutOf,
  type PackedRun,
  stepFlops,
} from '../../../src/sae/layout';
import { sharedBytes } from '../../../src/sae/memory';
import { slices } from '../../../src/sae/slices';

const limits = { ...DEFAULT_LIMITS, flopsPerMs: 1e10 };
const BINDING = DEFAULT_LIMITS.maxStorageBufferBindingSize;
const gated = (width: number): PackedRun => ({ arch: 'gated', width });
const baseline = (width: number): PackedRun => ({ arch: 'baseline', width });
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

  it('takes workgroups as small as the device likes them', () => {
    for (const [d, lanes, workgroup, chunks] of [
      [13, 8, 8, 1],
      [128, 8, 8, 1],
      [129, 8, 16, 1],
      [512, 8, 32, 1],
      [4096, 8, 256, 1],
      [13, 32, 32, 1],
      [13, undefined, 32, 1],
    ] as const)
      expect(layoutOf(d, 1, [gated(1)], { ...limits, lanes })).toMatchObject({ workgroup, chunks });
  });

  it('asks of a device what suits it: rows in registers on a processor whose subgroups all have 8 lanes', () => {
    const device = (isSoftware: boolean, least?: number, most = least) =>
      ({
        limits: DEFAULT_LIMITS,
        adapter: { isSoftware },
        device: {
          features: new Set(least === undefined ? [] : ['subgroups']),
          adapterInfo: { subgroupMinSize: least, subgroupMaxSize: most },
        },
      }) as unknown as Parameters<typeof layoutLimits>[0];
    const { maxStorageBufferBindingSize } = DEFAULT_LIMITS;
    const gpu = { maxStorageBufferBindingSize, flopsPerMs: 7, lanes: 32, denseMs: 50, registers: false };
    expect(layoutLimits(device(false, 32), 7)).toEqual(gpu);
    expect(layoutLimits(device(false, 8), 7)).toEqual(gpu);
    expect(layoutLimits(device(true, 8), 7)).toEqual({ ...gpu, lanes: 8, denseMs: 500, registers: true });
    for (const [least, most] of [[undefined], [4, 4], [4, 8], [8, 16]]) {
      expect(layoutLimits(device(true, least, most), 7)).toEqual({ ...gpu, lanes: 8, denseMs: 500 });
    }
  });

  it('keeps rows in registers where they fit: 64 vec4s', () => {
    for (const [d, registers] of [
      [1, true],
      [256, true],
      [257, false],
    ] as const) {
      expect(layoutOf(d, 1, [gated(1)], { ...limits, registers: true })).toMatchObject({ registers, chunks: 1 });
      expect(layoutOf(d, 1, [gated(1)], limits).registers).toBe(false);
    }
    // The active set is then half as large again, and may be what is largest.
    expect(layoutOf(16, 40_000, [baseline(20_000)], { ...limits, registers: true }).segments.length).toBe(5);
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
    expect(clip({ first: 0, width: 8 }, { from: 64, count: 64 })).toEqual({ first: 0, width: 0, before: 8 });
    expect(clip({ first: 64, width: 8 }, { from: 0, count: 64 })).toEqual({ first: 0, width: 0, before: 0 });
    expect(clip({ first: 48, width: 100 }, { from: 128, count: 64 })).toEqual({ first: 0, width: 20, before: 80 });
  });
});

describe('the dense form', () => {
  const dense = (d: number, batch: number, runs: PackedRun[], flopsPerMs: number, options?: LayoutOptions) =>
    layoutOf(d, batch, runs, { ...limits, flopsPerMs }, options).dense;

  it('is there where matrices fit a binding, rows 4096 values and gradients of each run 256 MiB; never when sparse is asked for', () => {
    expect(dense(4096, 8, [gated(100)], 1e10)).toBeDefined();
    expect(dense(4097, 8, [gated(100)], 1e10)).toBeUndefined();
    expect(dense(512, 64, [gated(32_768)], 1e10)).toBeDefined();
    expect(dense(512, 64, [gated(32_768)], 1e10, { form: 'sparse' })).toBeUndefined();
    expect(dense(512, 64, [gated(32_776)], 1e10)).toBeUndefined();
    const large = { maxStorageBufferBindingSize: 2 ** 31, flopsPerMs: 1e10 };
    const twice = [gated(65_536), gated(8)];
    expect(layoutOf(512, 64, twice.slice(0, 1), large).dense).toBeDefined();
    expect(layoutOf(512, 64, twice, large).dense).toBeDefined();
    const wider = [gated(65_537), gated(8)];
    expect(layoutOf(512, 64, wider, large).dense).toBeUndefined();
    expect(layoutOf(512, 64, wider, large, { form: 'dense' }).dense).toBeDefined();
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
    for (const name of ['pre_acts', 'acts', 'grad_u', 'tile_sums'] as const)
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

describe('groups and work', () => {
  it('groups runs in order, as many as the errors’ buffer and the run table allow, and by whether they may take the dense form', () => {
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
    const widths = (...args: Parameters<typeof groupRuns>) =>
      groupRuns(...args).map(({ runs, form }) => [form, ...runs.map(({ width }) => width)]);
    // 134 217 728 bytes hold the errors of 16 slots, and 21 824 latents with both moments: what is wider is packed with its like, in segments.
    expect(widths(512, 4096, seven, limits)).toEqual([
      ['sparse', 40_000, 300_000],
      ['auto', 20_000, 1, 100, 8, 9, 10, 11, 12],
    ]);
    const many = new Array<PackedRun>(130).fill(gated(2));
    expect(groupRuns(4, 16, many, limits).map(({ runs }) => runs.length)).toEqual([64, 64, 2]);
    // Eight of the paper's wider ones are one group where 4 GiB can be bound.
    const wide = { ...limits, maxStorageBufferBindingSize: 2 ** 32 - 4 };
    expect(widths(768, 4096, new Array<PackedRun>(8).fill(gated(24_576)), wide)).toEqual([['auto', ...new Array<number>(8).fill(24_576)]]);
    const slots = new Array<PackedRun>(9).fill(gated(8));
    expect(groupRuns(512, 4096, slots, limits).map(({ runs }) => runs.length)).toEqual([8, 1]);
    // What fits nowhere is a group of its own, for layoutOf to refuse.
    expect(widths(512, 60_000, [gated(8), gated(9)], limits)).toEqual([
      ['auto', 8],
      ['auto', 9],
    ]);
  });

  it('keeps what must lie in one piece in a segment, and the scores that runs select from in a binding', () => {
    const of = (width: number): PackedRun => ({ arch: 'topk', width });
    const widths = (...args: Parameters<typeof groupRuns>) => groupRuns(...args).map(({ runs }) => runs.map(({ width }) => width));
    // 134 217 728 bytes hold 21 824 latents of D 512 with both moments.
    expect(widths(512, 16, [of(10_000), of(11_824), of(8), gated(40_000)], limits)).toEqual([[10_000, 11_824], [8], [40_000]]);
    // … and the scores of 33 554 432 (row, latent) pairs: 16 384 rows of 2048.
    expect(widths(4, 16_384, [of(2000), of(48), of(4)], limits)).toEqual([[2000, 48], [4]]);
    expect(() => layoutOf(4, 16_384, [of(2052)], limits)).toThrow(
      'the scores of 16384 rows that a run selects from take 134479872 bytes; this device binds at most 134217728: take a smaller batch, or fewer or narrower runs',
    );
    const two = layoutOf(4, 37, [of(70), gated(9), of(5)], limits);
    expect(two.runs.map(({ scores }) => scores)).toEqual([0, 180, 180]);
    expect(two.scoreTiles).toBe(10 * (18 + 2));
  });

  it('lets a run choose the dense form or not, whatever is packed with it', () => {
    const widths = [1, 1000, 10_000, 16_384, 21_824, 21_825, 40_000, 65_536, 131_072];
    for (const d of [4, 64, 256, 512, 768, 4096, 4100]) {
      for (const own of [
        limits,
        { ...limits, maxStorageBufferBindingSize: 2 ** 32 - 4, flopsPerMs: 1e6 },
        { ...limits, registers: true },
      ]) {
        const formOf = (runs: PackedRun[], momentum: boolean) => {
          const found = new Map<number, boolean>();
          for (const group of groupRuns(d, 512, runs, own)) {
            const { dense } = layoutOf(d, 512, group.runs, own, { momentum, form: group.form });
            for (const { width } of group.runs) found.set(width, dense !== undefined);
          }
          return widths.map((width) => found.get(width));
        };
        const alone = widths.map((width) => formOf([gated(width)], false)[widths.indexOf(width)]);
        for (const momentum of [false, true]) expect(formOf(widths.map(gated), momentum), `d ${d}`).toEqual(alone);
        expect(formOf(widths.toReversed().map(baseline), true), `d ${d}`).toEqual(alone);
      }
    }
  });

  it('counts the encoder’s work densely', () => {
    const l = layoutOf(512, 1024, [gated(1024)], limits);
    expect(stepFlops(l, 0)).toBe(2 * 1024 * 512 * 1024 + 30 * 1024 * 512);
    expect(stepFlops(l, 0.5)).toBeGreaterThan(3 * 2 * 1024 * 512 * 1024);
  });
});
