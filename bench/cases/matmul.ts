/** (a) The encoder product x·W_encᵀ: GFLOP/s, and the ratio to the peers' own kernels. */
import { readFloats } from '../../src/gpu/buffers';
import { type Case, type Context, leftOut } from '../context';
import type { Figure } from '../figures';
import { type Contender, measure, type Timing } from '../measure';
import { type OurProduct, ourProduct } from '../ours';
import type { Peer, PeerProduct, ProductInputs, ProductLayout } from '../peers/peer';
import { normalRows } from '../problem';

const LAYOUTS: readonly ProductLayout[] = ['plain', 'transposed'];

/** The peers' kernels take up to this many times as long as the speed of ours suggests. */
const PEER_SLOWNESS = 3;

interface Size {
  rows: number;
  d: number;
  f: number;
}

interface Entry {
  id: 'ours' | Peer['id'];
  layout?: ProductLayout;
  contender: Contender;
  /** Some of the product, to be held against the host's. */
  result(): Promise<Float32Array>;
  dispose(): void;
}

const cube = (n: number): Size => ({ rows: n, d: n, f: n });
const BIG: Size = { rows: 4096, d: 768, f: 24_576 };

function sizesFor({ gpu, small }: Context): Size[] {
  if (small) return [cube(256), cube(512)];
  const isRoom = !gpu.adapter.isSoftware && BIG.rows * BIG.f * 4 <= gpu.limits.maxStorageBufferBindingSize;
  return [cube(512), cube(1024), ...(isRoom ? [BIG] : [])];
}

export const matmul: Case = async (context) => {
  const timings: Timing[] = [];
  const notes: string[] = [];
  const figures: Partial<Record<Figure, number>> = {};
  /** In a quick run: the layout in which each peer was faster at the first size, the only one measured at the others. */
  const best = new Map<Peer['id'], ProductLayout>();
  const result = { title: 'encoder product', figures, timings, notes };
  context.keep(() => result);
  for (const size of sizesFor(context)) {
    const label = size.rows === size.f ? `${size.rows}³` : `${size.rows} x ${size.d} x ${size.f}`;
    context.say(`encoder product ${label}`);
    const { entries, times } = await one(context, size, label, best);
    timings.push(...times);
    notes.push(
      ...leftOut(
        context,
        entries.map(({ contender }) => contender),
        times,
      ),
    );
    const flops = flopsOf(size);
    const fastest = (id: Entry['id']) => {
      const own = entries.flatMap((entry) => {
        const timing = entry.id === id ? times.find(({ name }) => name === entry.contender.name) : undefined;
        return timing ? [{ layout: entry.layout, ms: timing.ms }] : [];
      });
      return own.sort((a, b) => a.ms - b.ms)[0];
    };
    const ours = fastest('ours')?.ms;
    if (ours === undefined) continue;
    // The last size measured is the one that counts.
    figures.encoder_gflops = flops / ours / 1e6;
    const parts = [`ours ${figures.encoder_gflops.toFixed(2)} GFLOP/s`];
    const ratios: number[] = [];
    for (const peer of context.peers) {
      const theirs = fastest(peer.id);
      if (!theirs) {
        if (figures[`encoder_vs_${peer.id}`] !== undefined) notes.push(`the ratio to ${peer.name} is that of the size before ${label}`);
        continue;
      }
      if (context.quick && theirs.layout) best.set(peer.id, theirs.layout);
      figures[`encoder_vs_${peer.id}`] = theirs.ms / ours;
      ratios.push(theirs.ms / ours);
      parts.push(`${peer.name} ${(flops / theirs.ms / 1e6).toFixed(2)} (W ${theirs.layout})`);
    }
    const share = ratios.length > 0 ? `; ours is ${Math.min(...ratios).toFixed(2)} times the best peer` : '';
    notes.push(`${label}: ${parts.join(', ')}${share}`);
  }
  return result;
};

const flopsOf = ({ rows, d, f }: Size): number => 2 * rows * d * f;

async function one(
  context: Context,
  size: Size,
  label: string,
  best: ReadonlyMap<Peer['id'], ProductLayout>,
): Promise<{ entries: Entry[]; times: Timing[] }> {
  const inputs: ProductInputs = { ...size, x: normalRows(size.rows, size.d, 1), w: normalRows(size.f, size.d, 2) };
  const guessMs = flopsOf(size) / context.flopsPerMs;
  const entries: Entry[] = [];
  try {
    const ours = await ourProduct(context.gpu, `${label} ours`, inputs.x, inputs.w, size.d);
    entries.push({ id: 'ours', contender: { ...ours, guessMs }, result: () => firstRows(context, ours, size.f), dispose: ours.dispose });
    for (const peer of context.peers) {
      const known = best.get(peer.id);
      for (const layout of known ? [known] : LAYOUTS) {
        const name = `${label} ${peer.name}, W ${layout}`;
        const onFailure = (cause: unknown) => context.problem(name, cause);
        try {
          const { contender, ...rest } = entryOf(peer, layout, name, await peer.product(inputs, layout));
          entries.push({ ...rest, contender: { ...contender, guessMs: PEER_SLOWNESS * guessMs, onFailure } });
        } catch (cause) {
          onFailure(cause);
        }
      }
    }
    const measured = await measure(
      entries.map(({ contender }) => contender),
      context.effort,
      context,
    );
    const times: Timing[] = [];
    for (const timing of measured) {
      const { contender, result } = entries.find((entry) => entry.contender.name === timing.name) as Entry;
      try {
        check(timing.name, await result(), inputs);
        times.push(timing);
      } catch (cause) {
        if (!contender.onFailure) throw cause;
        contender.onFailure(cause);
      }
    }
    return { entries, times };
  } finally {
    for (const entry of entries) entry.dispose();
  }
}

function entryOf(peer: Peer, layout: ProductLayout, name: string, product: PeerProduct): Entry {
  return {
    id: peer.id,
    layout,
    contender: {
      name,
      async run(times) {
        for (let i = 0; i < times; i++) product.run();
        await product.done();
      },
    },
    result: product.result,
    dispose: product.dispose,
  };
}

const CHECKED_ROWS = 4;

const firstRows = (context: Context, product: OurProduct, f: number): Promise<Float32Array> =>
  readFloats(context.gpu, product.u, 0, CHECKED_ROWS * f);

/** @throws Error when the product is not the product. */
function check(name: string, result: Float32Array, { d, f, x, w }: ProductInputs): void {
  for (let i = 0; i < CHECKED_ROWS; i++) {
    for (let j = i; j < f; j += 37) {
      let sum = 0;
      for (let k = 0; k < d; k++) sum += (x[i * d + k] as number) * (w[j * d + k] as number);
      const got = result[i * f + j] as number;
      if (!(Math.abs(got - sum) <= 1e-3 * Math.sqrt(d))) throw new Error(`${name}: entry (${i}, ${j}) is ${got}, not ${sum}`);
    }
  }
}
