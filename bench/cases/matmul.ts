/** (a) The encoder product x·W_encᵀ: GFLOP/s, and the ratio to the peers' own kernels. */
import { readFloats } from '../../src/gpu/buffers';
import type { Case, Context, Figure } from '../context';
import { type Contender, measure, type Timing } from '../measure';
import { type OurProduct, ourProduct } from '../ours';
import type { Peer, PeerProduct, ProductInputs, ProductLayout } from '../peers/peer';
import { normalRows } from '../problem';

const LAYOUTS: readonly ProductLayout[] = ['plain', 'transposed'];

interface Entry {
  id: 'ours' | Peer['id'];
  layout?: ProductLayout;
  contender: Contender;
  /** Some of the product, to be held against the host's. */
  result(): Promise<Float32Array>;
  dispose(): void;
}

export const matmul: Case = async (context) => {
  const { gpu } = context;
  const big = { rows: 4096, d: 768, f: 24_576 };
  const sizes = [
    { rows: 512, d: 512, f: 512 },
    { rows: 1024, d: 1024, f: 1024 },
    ...(!gpu.adapter.isSoftware && big.rows * big.f * 4 <= gpu.limits.maxStorageBufferBindingSize ? [big] : []),
  ];
  const timings: Timing[] = [];
  const notes: string[] = [];
  const figures: Partial<Record<Figure, number>> = {};
  /** In a quick run: the layout in which each peer was faster at the first size, the only one measured at the others. */
  const best = new Map<Peer['id'], ProductLayout>();
  for (const size of sizes) {
    const label = size.rows === size.f ? `${size.rows}³` : `${size.rows} x ${size.d} x ${size.f}`;
    context.say(`encoder product ${label}`);
    const { entries, times } = await one(context, size, label, best);
    timings.push(...times);
    const flops = 2 * size.rows * size.d * size.f;
    const msOf = (id: Entry['id']) => {
      const own = entries.flatMap((entry, i) => (entry.id === id ? [{ entry, ms: (times[i] as Timing).ms }] : []));
      return own.sort((a, b) => a.ms - b.ms)[0];
    };
    const ours = (msOf('ours') as { ms: number }).ms;
    // The last size measured is the one that counts.
    figures.encoder_gflops = flops / ours / 1e6;
    const parts = [`ours ${figures.encoder_gflops.toFixed(2)} GFLOP/s`];
    for (const peer of context.peers) {
      const fastest = msOf(peer.id);
      if (!fastest) continue;
      if (context.quick && fastest.entry.layout) best.set(peer.id, fastest.entry.layout);
      figures[`encoder_vs_${peer.id}`] = fastest.ms / ours;
      parts.push(`${peer.name} ${(flops / fastest.ms / 1e6).toFixed(2)} (W ${fastest.entry.layout})`);
    }
    notes.push(`${label}: ${parts.join(', ')}`);
  }
  return { title: 'a  encoder product', figures, timings, notes };
};

async function one(
  context: Context,
  size: { rows: number; d: number; f: number },
  label: string,
  best: ReadonlyMap<Peer['id'], ProductLayout>,
): Promise<{ entries: Entry[]; times: Timing[] }> {
  const inputs: ProductInputs = { ...size, x: normalRows(size.rows, size.d, 1), w: normalRows(size.f, size.d, 2) };
  const entries: Entry[] = [];
  try {
    const ours = await ourProduct(context.gpu, `${label} ours`, inputs.x, inputs.w, size.d);
    entries.push({ id: 'ours', contender: ours, result: () => firstRows(context, ours, size.f), dispose: ours.dispose });
    for (const peer of context.peers) {
      const known = best.get(peer.id);
      for (const layout of known ? [known] : LAYOUTS) entries.push(entryOf(peer, layout, label, await peer.product(inputs, layout)));
    }
    const times = await measure(
      entries.map(({ contender }) => contender),
      context.effort,
    );
    for (const entry of entries) check(entry.contender.name, await entry.result(), inputs);
    return { entries, times };
  } finally {
    for (const entry of entries) entry.dispose();
  }
}

function entryOf(peer: Peer, layout: ProductLayout, label: string, product: PeerProduct): Entry {
  return {
    id: peer.id,
    layout,
    contender: {
      name: `${label} ${peer.name}, W ${layout}`,
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
