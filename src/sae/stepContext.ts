/** What the parts of a step's plan share: the sweep's buffers by their WGSL names, uniforms. */
import type { Arena } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { Scalar, Struct } from '../gpu/struct';
import type { Layout, Segment } from './layout';
import type { SegmentBuffers, SharedBuffers } from './memory';

/** Names in the WGSL files -> buffers of all runs together. */
const SHARED_NAMES = {
  slots: 'slots',
  mean: 'mean',
  x: 'x',
  x_half: 'xHalf',
  bias: 'bias',
  errors: 'errors',
  stats: 'stats',
  totals: 'totals',
  counts: 'counts',
  fires: 'fires',
  carry: 'carry',
  g_bias: 'gBias',
  ut: 'ut',
  acts: 'acts',
  pulls: 'pulls',
  partials: 'partials',
  g_enc: 'gEnc',
  g_dec: 'gDec',
  sums: 'sums',
} as const satisfies Record<string, keyof SharedBuffers>;

/** Names in the WGSL files -> buffers of a segment. `latents`, `w_enc` and `w_dec` are first planes. */
const SEGMENT_NAMES = {
  enc: 'enc',
  w_enc: 'enc',
  dec: 'dec',
  w_dec: 'dec',
  records: 'records',
  latents: 'records',
  active_set: 'active',
  shares: 'shares',
  runs: 'runs',
} as const satisfies Record<string, keyof SegmentBuffers>;

type Name = keyof typeof SHARED_NAMES | keyof typeof SEGMENT_NAMES;
const isShared = (name: Name): name is keyof typeof SHARED_NAMES => name in SHARED_NAMES;

/** A segment and its buffers. */
export interface PlacedSegment extends Segment {
  buffers: SegmentBuffers;
}

export class StepContext {
  constructor(
    readonly gpu: Gpu,
    readonly arena: Arena,
    readonly layout: Layout,
    readonly shared: SharedBuffers,
    readonly segments: readonly PlacedSegment[],
    /** The batch is rounded to f16 and the encoder reads it packed. */
    readonly halfX: boolean,
  ) {}

  /** The segment that kernels use which look at no latents, and the only one in the dense form. */
  get only(): PlacedSegment {
    return this.segments[0] as PlacedSegment;
  }

  uniform<F extends Record<string, Scalar>>(label: string, type: Struct<F>, value: { [K in keyof F]: number }): GPUBuffer {
    return this.arena.uniform(label, type.pack(value));
  }

  /** Buffers under their WGSL names; those of latents come from `segment`. */
  pick(segment: PlacedSegment, ...names: Name[]): Record<string, GPUBuffer> {
    return Object.fromEntries(
      names.map((name) => [name, isShared(name) ? this.shared[SHARED_NAMES[name]] : segment.buffers[SEGMENT_NAMES[name]]]),
    );
  }
}
