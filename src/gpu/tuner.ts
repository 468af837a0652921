/**
 * Which matmul variant is fastest on this device for a class of shapes: measured once (a fraction of a second), then
 * remembered, by the device and beyond the session.
 *
 * A variant must give the default's bits on a small ragged product to take part, so a driver that miscompiles one, or
 * contracts its sums otherwise, costs speed and nothing else.
 */
import type { Gpu } from './device';
import { DEFAULT_MATMUL, MATMUL_VARIANTS, type MatmulShape, type MatmulVariant, matmulFlops, supportsMatmul } from './matmul';
import { MatmulBench } from './matmulBench';
import { RACE, race } from './race';
import { shaderFile } from './shaders';
import { browserStore, type TuningStore } from './tuningStore';

export type { MatmulShape };

export interface TuningOptions {
  /** Name of the variant to use, whatever is faster. */
  force?: string;
  /** Where choices are kept; null: nowhere. */
  store?: TuningStore | null;
}

/** What the process has set; the browser's store where nothing is. */
const defaults: TuningOptions = {};

/** Sets what `chooseMatmul` does without options of its own (in Node: `nodeGpu`). */
export function setTuning(options: TuningOptions): void {
  Object.assign(defaults, options);
}

const powerOfTwo = (n: number): number => 2 ** Math.round(Math.log2(Math.max(1, n)));

/** Sizes rounded to powers of two: what is fastest changes slowly with them. */
export const shapeClass = ({ rows, columns, quads }: MatmulShape): MatmulShape => ({
  rows: powerOfTwo(rows),
  columns: powerOfTwo(columns),
  quads: powerOfTwo(quads),
});

/** Products smaller than this are over before measuring would pay. */
const SMALL_FLOPS = 2 ** 24;

/** What may be chosen on this device, the default first. */
export const candidatesFor = (gpu: Gpu): MatmulVariant[] =>
  MATMUL_VARIANTS.filter(
    (variant) => supportsMatmul(gpu, variant) && (!gpu.adapter.isSoftware || variant.software?.test(gpu.adapter.name)),
  );

/** FNV-1a. */
function hash(text: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(36);
}

/** A choice holds for one adapter, one browser version, these candidates as they are written today, and a class. */
export function tuningKey(gpu: Gpu, candidates: readonly MatmulVariant[], { rows, columns, quads }: MatmulShape): string {
  const texts = JSON.stringify(candidates.map(({ name, code, constants }) => [name, code, constants]));
  const runtime = typeof navigator === 'undefined' ? '' : navigator.userAgent;
  return [gpu.adapter.name, hash(`${runtime}\n${texts}\n${shaderFile('matmul/plain')}`), `${rows}x${columns}x${quads}`].join(' | ');
}

/** @throws Error naming the variants when there is none of this name, or the device cannot run it. */
function forced(gpu: Gpu, name: string): MatmulVariant {
  const variant = MATMUL_VARIANTS.find((v) => v.name === name);
  if (!variant) throw new Error(`No matmul variant is called ${name}; there are ${MATMUL_VARIANTS.map((v) => v.name).join(', ')}.`);
  if (!supportsMatmul(gpu, variant))
    throw new Error(
      `${gpu.adapter.name} cannot run the matmul variant ${name}: it takes ${variant.invocations} invocations a workgroup, ${variant.workgroupBytes} bytes of workgroup memory${variant.lanes ? ` and subgroups of ${variant.lanes}` : ''}.`,
    );
  return variant;
}

interface Memory {
  chosen: Map<string, Promise<MatmulVariant>>;
  /** The measurement under way: two at once would disturb each other. */
  turn: Promise<unknown>;
}
const memories = new WeakMap<Gpu, Memory>();

/**
 * The variant to use for products of about this shape.
 * @throws Error when a variant is forced that does not exist or does not run here, or when the device is lost.
 */
export async function chooseMatmul(gpu: Gpu, shape: MatmulShape, options: TuningOptions = {}): Promise<MatmulVariant> {
  const { force, store } = { store: browserStore(), ...defaults, ...options };
  if (force) return forced(gpu, force);
  const size = shapeClass(shape);
  const candidates = candidatesFor(gpu);
  if (candidates.length === 1 || matmulFlops(size) < SMALL_FLOPS) return DEFAULT_MATMUL;
  const key = tuningKey(gpu, candidates, size);
  const memory: Memory = memories.get(gpu) ?? { chosen: new Map(), turn: Promise.resolve() };
  memories.set(gpu, memory);
  let choice = memory.chosen.get(key);
  if (!choice) {
    choice = memory.turn.then(() => recallOrMeasure(gpu, candidates, size, key, store ?? undefined));
    memory.turn = choice.catch(() => memory.chosen.delete(key));
    memory.chosen.set(key, choice);
  }
  return choice;
}

async function recallOrMeasure(
  gpu: Gpu,
  candidates: readonly MatmulVariant[],
  size: MatmulShape,
  key: string,
  store: TuningStore | undefined,
): Promise<MatmulVariant> {
  const name = await store?.get(key);
  const known = candidates.find((variant) => variant.name === name);
  if (known) return known;
  const best = await measure(gpu, candidates, size);
  if (best) await store?.set(key, best.name);
  return best ?? DEFAULT_MATMUL;
}

/** @returns the fastest; undefined when the device had no room to measure. */
async function measure(gpu: Gpu, candidates: readonly MatmulVariant[], size: MatmulShape): Promise<MatmulVariant | undefined> {
  const bench = new MatmulBench(gpu);
  try {
    // All at once: browsers compile in parallel.
    for (const variant of candidates) bench.compile(variant);
    if (!(await bench.agrees(DEFAULT_MATMUL)) || !(await bench.settle(DEFAULT_MATMUL, size))) return undefined;
    return await race(
      candidates.map((value) => ({
        value,
        prepare: async () => {
          if (!(await bench.agrees(value))) return false;
          if (value !== DEFAULT_MATMUL) await bench.time(value);
          return true;
        },
        run: () => bench.time(value),
      })),
      RACE,
    );
  } finally {
    bench.destroy();
  }
}
