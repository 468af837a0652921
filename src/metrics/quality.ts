/**
 * What may stand beside L0: the metrics that a chart's y axis shows and a sentence compares at. One row says how a metric is called,
 * which way is better and which values are sensible; a value outside is a broken or unfinished run and enters no headline.
 */
import type { Metrics } from './types';

export type QualityId = 'recovered' | 'r2' | 'fvu' | 'gamma';

export interface Quality {
  id: QualityId;
  /** On an axis, in a heading or button, and in the middle of a sentence. */
  title: string;
  short: string;
  name: string;
  /** Key in JSON results. */
  key: keyof Metrics;
  /** +1 when larger is better, −1 when smaller is, 0 when neither: then there is no frontier. */
  better: 1 | -1 | 0;
  /** Least and largest value that a run in order has, both included. */
  sensible: readonly [number, number];
  /** Where architectures are compared when both reach it. */
  preferred: number;
}

/** Reasons for the bounds: docs/metrics.md, "What is compared". */
export const QUALITIES: Readonly<Record<QualityId, Quality>> = {
  recovered: {
    id: 'recovered',
    title: 'Loss recovered (zero ablation)',
    short: 'Loss recovered',
    name: 'loss recovered',
    key: 'loss_recovered',
    better: 1,
    sensible: [0, 1.05],
    preferred: 0.9,
  },
  r2: {
    id: 'r2',
    title: 'Variance recovered (R²)',
    short: 'R²',
    name: 'variance recovered (R²)',
    key: 'r2',
    better: 1,
    sensible: [0, 1],
    preferred: 0.9,
  },
  fvu: {
    id: 'fvu',
    title: 'Fraction of variance unexplained',
    short: 'FVU',
    name: 'FVU',
    key: 'fvu',
    better: -1,
    sensible: [0, 1],
    preferred: 0.1,
  },
  gamma: {
    id: 'gamma',
    title: 'Relative reconstruction bias γ',
    short: 'γ',
    name: 'γ',
    key: 'gamma',
    better: 0,
    sensible: [0.25, 2],
    preferred: 1,
  },
};

/** The band of γ in which reconstructions count as unbiased (paper: 95 % of its Gated runs). */
export const UNBIASED: readonly [number, number] = [0.97, 1.03];

export const qualityOf = (quality: Quality, metrics: Metrics): number | undefined => metrics[quality.key] as number | undefined;

export const isSensible = ({ sensible: [lo, hi] }: Quality, value: number): boolean => lo <= value && value <= hi;
