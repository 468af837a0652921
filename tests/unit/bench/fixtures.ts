import type { MeasuredCase, Setting } from '../../../bench/report';

export const setting = (over: Partial<Setting> = {}): Setting => ({
  gpu: { name: 'a GPU', vendor: '', architecture: '', isSoftware: false },
  platform: 'Node 20',
  gflops: 8,
  quick: false,
  small: false,
  ...over,
});

export const measuredCase = (over: Partial<MeasuredCase> = {}): MeasuredCase => ({
  letter: 'a',
  title: 'encoder product',
  seconds: 1,
  figures: {},
  timings: [],
  notes: [],
  ...over,
});

/** Cases b and e with everything that can be drawn. */
export const drawable: MeasuredCase[] = [
  measuredCase({
    letter: 'b',
    title: 'training step',
    notes: ['D 256, F 4096, B 512'],
    bars: [
      { arch: 'gated', who: 'sparse', ms: 277 },
      { arch: 'gated', who: 'dense', ms: 882 },
      { arch: 'baseline', who: 'sparse', ms: 270 },
      { arch: 'baseline', who: 'dense', ms: 774 },
      { arch: 'gated', who: 'TF.js <4.22>', ms: 2623 },
      { arch: 'gated', who: 'jax-js 0.1.25', ms: 1786 },
    ],
  }),
  measuredCase({
    letter: 'e',
    title: 'cost',
    notes: ['D 256; the others stay'],
    curves: [
      { axis: 'F', points: [1024, 2048, 4096].map((x) => ({ x, ms: 0.04 * x })), slope: 1 },
      { axis: 'B', points: [128, 256, 512].map((x) => ({ x, ms: 5 * x ** 0.5 })), slope: 0.5 },
      { axis: 'L0', points: [{ x: 31.4, ms: 90 }] },
    ],
  }),
];
