/**
 * What the lists of a step's dispatches are written with: a dispatch names its kernel, its grid and what only it knows; buffers are bound by the
 * names that the WGSL declares, sizes and tunables are filled in by name.
 */
import type { Arena } from '../../gpu/buffers';
import type { Gpu } from '../../gpu/device';
import type { Kernel, KernelSource } from '../../gpu/kernel';
import type { MatmulVariant } from '../../gpu/matmul';
import { type Grid, Plan } from '../../gpu/plan';
import { bindingsOf, overridesOf, type ParamsOf, paramsOf, type ShaderName } from '../../gpu/shaders';
import type { Struct } from '../../gpu/struct';
import { saeSource } from '../kernels';
import type { Layout, Segment } from '../layout';
import type { SegmentBuffers, SharedBuffers } from '../memory';

/** A segment and its buffers. */
export interface PlacedSegment extends Segment {
  buffers: SegmentBuffers;
}

/** One dispatch of a list. */
export interface Dispatch {
  kernel: ShaderName;
  source: KernelSource;
  /** The uniform struct. */
  params: ArrayBuffer;
  /** By what the WGSL calls them. */
  buffers: Record<string, GPUBuffer>;
  grid: Grid;
  /** Instead of `grid`: where the GPU itself puts it. */
  at?: { buffer: GPUBuffer; offset: number };
  flops: number;
}

/** What is the same for all dispatches on a segment, by the name that the WGSL has for it. */
const sizesOf = (l: Layout, segment: PlacedSegment) => ({
  batch: l.batch,
  d: l.d,
  quads: l.quads,
  runs: l.runs.length,
  row_groups: l.rowGroups,
  chunks: l.chunks,
  width: l.workgroup,
  stride: l.dense?.stride ?? 0,
  per_row: 1 / l.batch,
  latents: segment.count,
  /** The segment's first latent among all. */
  offset: segment.from,
  first: segment.from === 0 ? 1 : 0,
  last: segment.from + segment.count === l.latents ? 1 : 0,
});
type Size = keyof ReturnType<typeof sizesOf>;

/** What a dispatch must give: parameters that are no sizes. It may give values of `override`s too. */
type Own<K extends ShaderName> = Record<Exclude<ParamsOf<K>, Size>, number> & { [override in Uppercase<string>]?: number };

interface More {
  /** The first, where the kernel looks at no latents. */
  segment?: PlacedSegment;
  /** Buffers, or names of others, for WGSL names that are not the sweep's. */
  bind?: Record<string, GPUBuffer | keyof SharedBuffers | keyof SegmentBuffers>;
  /** Estimated floating-point operations, for the bounds on submissions. */
  flops?: number;
  /** The matmul core of which the kernel is the epilogue. */
  core?: MatmulVariant;
}

export class StepContext {
  private readonly sources = new Map<string, KernelSource>();
  private readonly kernels = new Map<KernelSource, Kernel>();

  constructor(
    readonly gpu: Gpu,
    readonly arena: Arena,
    readonly layout: Layout,
    readonly shared: SharedBuffers,
    readonly segments: readonly PlacedSegment[],
    /** The batch is rounded to f16 and the encoder reads it packed. */
    readonly halfX: boolean,
    /** The encoder's matmul. */
    readonly variant: MatmulVariant,
  ) {}

  /** The segment that kernels use which look at no latents, and the only one in the dense form. */
  get only(): PlacedSegment {
    return this.segments[0] as PlacedSegment;
  }

  /** FLOPs of the product of `rows` rows with so many latents. */
  product(rows: number, latents = this.layout.latents): number {
    return 2 * rows * this.layout.d * latents;
  }

  /** A dispatch. @throws Error when a parameter of the WGSL has no value, or a value no parameter. */
  dispatch<K extends ShaderName>(kernel: K, grid: Grid, own: Own<K>, more: More = {}): Dispatch {
    const { segment = this.only, bind = {}, flops = 0, core } = more;
    const given = new Map(Object.entries<number | undefined>(own));
    const take = (name: string, known: number | undefined) => {
      const value = given.get(name) ?? known;
      given.delete(name);
      return value;
    };
    const sizes: Partial<Record<string, number>> = sizesOf(this.layout, segment);
    const struct: Struct = paramsOf(kernel);
    const params = struct.members.map(({ name }) => {
      const value = take(name, sizes[name]);
      if (value === undefined) throw new Error(`${kernel}: no value for ${name}`);
      return [name, value] as const;
    });
    const tunables = this.tunables;
    const constants = overridesOf(kernel).flatMap((name) => {
      const value = take(name, tunables[name]);
      return value === undefined ? [] : [[name, value] as const];
    });
    if (given.size > 0) throw new Error(`${kernel} has no ${[...given.keys()].join(', ')}`);
    return {
      kernel,
      source: this.sourceOf(kernel, Object.fromEntries(constants), core),
      params: struct.pack(Object.fromEntries(params)),
      buffers: this.buffersOf(kernel, segment, bind),
      grid,
      flops,
    };
  }

  /** What a kernel binds, by its names. */
  private buffersOf(kernel: ShaderName, segment: PlacedSegment, bind: NonNullable<More['bind']>): Record<string, GPUBuffer> {
    // `gates` is no longer needed when `grad_u` is written.
    // `run_table` is `runs` for those that write it.
    const named: Partial<Record<string, GPUBuffer>> = {
      ...this.shared,
      ...segment.buffers,
      gates: this.shared.grad_u,
      run_table: segment.buffers.runs,
    };
    const names = bindingsOf(kernel).filter((name) => name !== 'params');
    const surplus = Object.keys(bind).filter((name) => !names.includes(name));
    if (surplus.length > 0) throw new Error(`${kernel} binds no ${surplus.join(', ')} (but ${names.join(', ')})`);
    return Object.fromEntries(
      names.map((name) => {
        const other = bind[name] ?? name;
        const buffer = typeof other === 'string' ? named[other] : other;
        if (!buffer) throw new Error(`${kernel}: there is no buffer ${name}`);
        return [name, buffer];
      }),
    );
  }

  /** Compiles what the dispatches need, all at once. */
  async compile(dispatches: readonly Dispatch[]): Promise<void> {
    const sources = new Set(dispatches.map(({ source }) => source));
    await Promise.all([...sources].map(async (source) => this.kernels.set(source, await this.gpu.kernels.get(source))));
  }

  /** The dispatches in order, as a plan. They must be compiled. */
  plan(label: string, dispatches: readonly Dispatch[]): Plan {
    const plan = new Plan(this.gpu, label);
    for (const { source, params, buffers, grid, at, flops } of dispatches) {
      const compiled = this.kernels.get(source);
      if (!compiled) throw new Error(`${source.name} is not compiled`);
      const bound = { ...buffers, params: this.arena.uniform(source.name, params) };
      if (at) plan.addIndirect(compiled, bound, at.buffer, at.offset, flops);
      else plan.add(compiled, bound, grid, flops);
    }
    return plan;
  }

  /** The same object for the same kernel. */
  private sourceOf(kernel: ShaderName, constants: Record<string, number>, core?: MatmulVariant): KernelSource {
    const key = JSON.stringify([kernel, constants, core?.name]);
    const source = this.sources.get(key) ?? saeSource(kernel, { runs: this.layout.runs, constants, core });
    this.sources.set(key, source);
    return source;
  }

  /** Values of `override`s that follow from the layout. */
  private get tunables(): Partial<Record<string, number>> {
    const { momentum, workgroup, sumLanes, registers, uses } = this.layout;
    return {
      MOMENTUM: Number(momentum),
      WIDTH: workgroup,
      LANES: sumLanes,
      HALF: Number(this.halfX),
      KEEP_FIRST: Number(registers),
      SECOND: Number(uses.second),
      NESTED: Number(uses.nested),
      TRAINED: Number(uses.trained),
      SCORES: Number(uses.selects),
    };
  }
}
