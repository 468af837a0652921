/** What the parts of a step's plan share: the sweep's buffers by their WGSL names, uniforms. */
import type { Arena } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { Struct, Values } from '../gpu/struct';
import type { ArchitectureId } from './architectures';
import type { Layout, Segment } from './layout';
import type { SegmentBuffers, SharedBuffers } from './memory';

type Name = keyof SharedBuffers | keyof SegmentBuffers;

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

  /** Of the sweep: what the kernels' text holds. */
  get architectures(): Set<ArchitectureId> {
    return new Set(this.layout.runs.map(({ arch }) => arch));
  }

  uniform<F extends string>(label: string, type: Struct<F>, value: Values<F>): GPUBuffer {
    return this.arena.uniform(label, type.pack(value));
  }

  /** Buffers under their WGSL names; those of latents come from `segment`. */
  pick(segment: PlacedSegment, ...names: Name[]): Record<string, GPUBuffer> {
    return Object.fromEntries(
      names.map((name) => [
        name,
        name in segment.buffers ? segment.buffers[name as keyof SegmentBuffers] : this.shared[name as keyof SharedBuffers],
      ]),
    );
  }
}
