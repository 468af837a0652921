/** What the parts of a step's plan share: the sweep's buffers by their WGSL names, uniforms, and the block in hand. */
import type { Arena } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { Plan } from '../gpu/plan';
import type { Scalar, Struct } from '../gpu/struct';
import type { Layout, SweepBuffers } from './layout';

/** Share of the latents assumed active when estimating the time of a dispatch: half of them fire at initialisation. */
export const EXPECTED_DENSITY = 0.5;

/** Names in the WGSL files -> host buffers. */
const WGSL_NAMES = {
  slots: 'slots',
  mean: 'mean',
  x: 'x',
  w_enc: 'wEnc',
  w_dec: 'wDec',
  bias: 'bias',
  latents: 'latents',
  correction: 'correction',
  u: 'u',
  ut: 'ut',
  entries: 'entries',
  counts: 'counts',
  acts: 'acts',
  pulls: 'pulls',
  partials: 'partials',
  errors: 'errors',
  stats: 'stats',
  totals: 'totals',
  g_enc: 'gEnc',
  g_dec: 'gDec',
  g_bias: 'gBias',
  sums: 'sums',
} as const satisfies Record<string, keyof SweepBuffers>;

export class StepContext {
  constructor(
    readonly gpu: Gpu,
    private readonly arena: Arena,
    readonly layout: Layout,
    readonly buffers: SweepBuffers,
    /** The run table. */
    readonly runs: GPUBuffer,
  ) {}

  uniform<F extends Record<string, Scalar>>(label: string, type: Struct<F>, value: { [K in keyof F]: number }): GPUBuffer {
    return this.arena.uniform(label, type.pack(value));
  }

  /** Buffers under their WGSL names. */
  pick(...names: (keyof typeof WGSL_NAMES)[]): Record<string, GPUBuffer> {
    return Object.fromEntries(names.map((name) => [name, this.buffers[WGSL_NAMES[name]]]));
  }
}

/** Rows that go through the kernels at once. */
export interface Block {
  rows: number;
  /** First row of the block in x. */
  first: number;
  /** 0: the first block of a step, overwrite. */
  accumulate: 0 | 1;
  /** FLOPs of one dense product of these rows with all latents. */
  product: number;
}

/** One form of what lies between the encoder and Adam. */
export interface FormPasses {
  /** Column chunks in which `stats` is left. */
  chunks: number;
  /** From `ut` and `u` to errors, stats, and the gradients of the matrices and the latents. */
  add(plan: Plan, block: Block): void;
}
