/**
 * From a checkpoint's tensors to the matrices of the forward pass.
 *
 * Every matrix ends up as [out, in] rows whatever the checkpoint stores (GPT-2's Conv1D is [in, out] and is transposed
 * here), and projections of the same input are stacked (q, k, v; gate, up), so that one linear kernel serves all. Where
 * the numbers go is the caller's `Store`: the GPU model uploads each tensor as it is read, the float64 twin keeps it.
 */
import { Checkpoint, type TensorReader } from './checkpoint';
import type { LmConfig } from './config';
import { familyOf } from './families';
import type { LinearTensors, NormTensors } from './families/types';

/** Where tensors are kept once read. `M` holds a matrix [rows, cols], `V` a vector. */
export interface Store<M, V> {
  matrix(label: string, data: Float32Array, rows: number, cols: number): M;
  vector(label: string, data: Float32Array): V;
}

export interface Linear<M, V> {
  weight: M;
  bias?: V;
}

export interface Norm<V> {
  weight: V;
  /** LayerNorm only. */
  bias?: V;
}

export interface LayerWeights<M, V> {
  norm1: Norm<V>;
  /** Queries, keys, values stacked: [(heads + 2·kvHeads)·headDim, dModel]. */
  qkv: Linear<M, V>;
  /** [dModel, heads·headDim] */
  attnOut: Linear<M, V>;
  norm2: Norm<V>;
  /** [dMlp, dModel]; gate and up stacked, [2·dMlp, dModel], when gated. */
  mlpIn: Linear<M, V>;
  /** [dModel, dMlp] */
  mlpOut: Linear<M, V>;
}

export interface Weights<M, V> {
  /** [vocab, dModel] */
  embed: M;
  /** [context, dModel], learned positions only. */
  positions?: V;
  layers: LayerWeights<M, V>[];
  finalNorm: Norm<V>;
  /** [vocab, dModel]; the same object as `embed` when tied. */
  unembed: M;
  /** Numbers read. */
  parameters: number;
  /** Sentences about what the checkpoint holds and config.json does not say. */
  notes: string[];
}

/** [rows, cols] -> [cols, rows]. */
function transpose(data: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = data[r * cols + c] as number;
  return out;
}

/** Row r of the result is row order(r) of `data`. */
function reorder(data: Float32Array, cols: number, order: (r: number) => number): Float32Array {
  const out = new Float32Array(data.length);
  for (let r = 0; r < data.length / cols; r++) out.set(data.subarray(order(r) * cols, (order(r) + 1) * cols), r * cols);
  return out;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0] as Float32Array;
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** What a checkpoint and a config.json make of each other, by names and shapes alone. @throws DataError as `loadWeights`. */
export function checkWeights(config: LmConfig, tensors: TensorReader): string[] {
  const checkpoint = new Checkpoint(tensors, familyOf(config).tensors(config), config);
  const head = `${checkpoint.layout.head}.weight`;
  if (!config.tied || !checkpoint.has(head)) return checkpoint.notes;
  return [
    ...checkpoint.notes,
    `${checkpoint.path} has a head, ${head}, and config.json ties it to the embedding; where they differ the head is used.`,
  ];
}

/**
 * Reads everything the forward pass needs, one tensor at a time.
 * @throws DataError naming the tensor, the shape expected and the shape found, or tensors that the model has no place for.
 */
export async function loadWeights<M, V>(config: LmConfig, tensors: TensorReader, store: Store<M, V>): Promise<Weights<M, V>> {
  const layout = familyOf(config).tensors(config);
  const checkpoint = new Checkpoint(tensors, layout, config);
  const { vocab, dModel, layers } = config;
  const embedding = await checkpoint.read(checkpoint.full(`${layout.embed}.weight`));
  const own = await ownHead(config, checkpoint, embedding);
  const embed = store.matrix('embed', embedding, vocab, dModel);
  const unembed = own ? store.matrix('unembed', own, vocab, dModel) : embed;
  const positions =
    layout.positions === undefined
      ? undefined
      : store.vector('positions', await checkpoint.read(checkpoint.full(`${layout.positions}.weight`)));
  const built: LayerWeights<M, V>[] = [];
  const { block } = layout;
  for (let i = 0; i < layers; i++) {
    const root = checkpoint.full(layout.layer(i));
    built.push({
      norm1: await norm(checkpoint, store, root, block.norm1, config),
      qkv: await linear(checkpoint, store, root, block.qkv),
      attnOut: await linear(checkpoint, store, root, block.attnOut),
      norm2: await norm(checkpoint, store, root, block.norm2, config),
      mlpIn: await linear(checkpoint, store, root, block.mlpIn),
      mlpOut: await linear(checkpoint, store, root, block.mlpOut),
    });
  }
  const finalNorm = await norm(checkpoint, store, checkpoint.full(''), layout.finalNorm, config);
  const { parameters, notes } = checkpoint;
  return { embed, ...(positions !== undefined && { positions }), layers: built, finalNorm, unembed, parameters, notes };
}

/** The unembedding when it is a tensor of its own: config.json says so, or ties it and the checkpoint has another one all the same. */
async function ownHead(config: LmConfig, checkpoint: Checkpoint, embedding: Float32Array): Promise<Float32Array | undefined> {
  const name = `${checkpoint.layout.head}.weight`;
  if (config.tied && !checkpoint.has(name)) return undefined;
  const head = await checkpoint.read(name);
  if (!config.tied) return head;
  if (head.every((value, i) => value === embedding[i])) return undefined;
  checkpoint.parameters += head.length;
  checkpoint.notes.push(
    `${checkpoint.path} has a head of its own, ${name}, that differs from the embedding, though config.json ties the two ` +
      '(tie_word_embeddings true or absent). The head is used.',
  );
  return head;
}

async function norm<M, V>(
  checkpoint: Checkpoint,
  store: Store<M, V>,
  root: string,
  { module, bias, offset }: NormTensors,
  { norm: kind, dModel }: LmConfig,
): Promise<Norm<V>> {
  const name = `${root}${module}`;
  const stored = await checkpoint.read(`${name}.weight`);
  const weight = store.vector(`${name}.weight`, offset === undefined ? stored : stored.map((value) => value + offset));
  if (kind === 'rmsnorm') return { weight };
  return { weight, bias: store.vector(`${name}.bias`, bias ? await checkpoint.read(`${name}.bias`) : new Float32Array(dModel)) };
}

async function linear<M, V>(checkpoint: Checkpoint, store: Store<M, V>, root: string, tensors: LinearTensors): Promise<Linear<M, V>> {
  const { modules, ins, conv1d, order } = tensors;
  const rows = modules.reduce((sum, { outs }) => sum + outs, 0);
  const parts: Float32Array[] = [];
  for (const { name, outs } of modules) {
    const data = await checkpoint.read(`${root}${name}.weight`);
    parts.push(conv1d ? transpose(data, ins, outs) : data);
  }
  const biases: Float32Array[] = [];
  const hasBias = modules.some(({ name }) => checkpoint.has(`${root}${name}.bias`));
  for (const { name, outs } of hasBias ? modules : []) {
    const full = `${root}${name}.bias`;
    biases.push(checkpoint.has(full) ? await checkpoint.read(full) : new Float32Array(outs));
  }
  const label = `${root}${modules.map(({ name }) => name).join('+')}`;
  const arrange = (data: Float32Array, cols: number) => (order ? reorder(data, cols, order) : data);
  return {
    weight: store.matrix(label, arrange(concatenate(parts), ins), rows, ins),
    ...(hasBias && { bias: store.vector(`${label}.bias`, arrange(concatenate(biases), 1)) }),
  };
}
