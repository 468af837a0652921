/**
 * From a checkpoint's tensor names to the matrices of the forward pass.
 *
 * Every matrix ends up as [out, in] rows whatever the checkpoint stores (GPT-2's Conv1D is [in, out] and is transposed
 * here), and projections of the same input are stacked (q, k, v; gate, up), so that one linear kernel serves all. Where
 * the numbers go is the caller's `Store`: the GPU model uploads each tensor as it is read, the float64 twin keeps it.
 */
import { DataError } from '../data/bytes/types';
import type { LmConfig } from './config';

/** A checkpoint: named tensors, read whole and widened to f32. */
export interface TensorReader {
  /** Name for messages, e.g. `model.safetensors`. */
  readonly label?: string;
  names(): string[];
  /** Shape of an existing tensor. */
  shape(name: string): number[];
  read(name: string): Promise<Float32Array>;
}

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
}

/** Reads tensors by name with their shapes checked, counting parameters. */
class Checked {
  parameters = 0;
  private readonly known: Set<string>;
  private readonly path: string;

  constructor(
    private readonly tensors: TensorReader,
    private readonly prefix: string,
  ) {
    this.known = new Set(tensors.names());
    this.path = tensors.label ?? 'model.safetensors';
  }

  /** Every tensor of the body carries the prefix; the unembedding does not. */
  async read(name: string, shape: number[], bare = false): Promise<Float32Array> {
    const full = bare ? name : this.prefix + name;
    if (!this.known.has(full)) throw new DataError(this.path, `tensor ${full} is missing; expected shape [${shape.join(', ')}]`);
    const found = this.tensors.shape(full);
    if (found.length !== shape.length || found.some((n, i) => n !== shape[i])) {
      throw new DataError(this.path, `tensor ${full} has shape [${found.join(', ')}]; config.json asks for [${shape.join(', ')}]`);
    }
    const data = await this.tensors.read(full);
    const count = shape.reduce((a, b) => a * b, 1);
    if (data.length !== count)
      throw new DataError(this.path, `tensor ${full} holds ${data.length} values; its shape [${shape.join(', ')}] asks for ${count}`);
    this.parameters += count;
    return data;
  }

  /** Tensors one under the other. */
  async stack(parts: [name: string, shape: number[]][]): Promise<Float32Array> {
    if (parts.length === 1) return this.read(...(parts[0] as [string, number[]]));
    const whole = new Float32Array(parts.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b, 1), 0));
    let offset = 0;
    for (const [name, shape] of parts) {
      const data = await this.read(name, shape);
      whole.set(data, offset);
      offset += data.length;
    }
    return whole;
  }
}

/** [rows, cols] -> [cols, rows]. */
function transpose(data: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = data[r * cols + c] as number;
  return out;
}

/**
 * Reads everything the forward pass needs, one tensor at a time.
 * @throws DataError naming the tensor, the shape expected and the shape found.
 */
export async function loadWeights<M, V>(config: LmConfig, tensors: TensorReader, store: Store<M, V>): Promise<Weights<M, V>> {
  const names = new Set(tensors.names());
  const [root, embedName] = config.family === 'gpt2' ? ['transformer.', 'wte.weight'] : ['model.', 'embed_tokens.weight'];
  // Checkpoints of the bare body (`GPT2Model`) carry no prefix.
  const reader = new Checked(tensors, names.has(embedName) && !names.has(root + embedName) ? '' : root);
  const { vocab, dModel, layers, context } = config;
  const embed = store.matrix('embed', await reader.read(embedName, [vocab, dModel]), vocab, dModel);
  const positions = config.rope ? undefined : store.vector('positions', await reader.read('wpe.weight', [context, dModel]));
  const family = config.family === 'gpt2' ? gpt2Layer : llamaLayer;
  const built: LayerWeights<M, V>[] = [];
  for (let i = 0; i < layers; i++) built.push(await family(config, reader, store, i));
  const finalNorm =
    config.family === 'gpt2'
      ? await layerNorm(reader, store, 'ln_f', dModel)
      : { weight: store.vector('norm', await reader.read('norm.weight', [dModel])) };
  const unembed = config.tied ? embed : store.matrix('unembed', await reader.read('lm_head.weight', [vocab, dModel], true), vocab, dModel);
  return { embed, positions, layers: built, finalNorm, unembed, parameters: reader.parameters };
}

async function layerNorm<M, V>(reader: Checked, store: Store<M, V>, name: string, width: number): Promise<Norm<V>> {
  return {
    weight: store.vector(`${name}.weight`, await reader.read(`${name}.weight`, [width])),
    bias: store.vector(`${name}.bias`, await reader.read(`${name}.bias`, [width])),
  };
}

async function gpt2Layer<M, V>({ dModel, dMlp }: LmConfig, reader: Checked, store: Store<M, V>, i: number): Promise<LayerWeights<M, V>> {
  const conv1d = async (name: string, ins: number, outs: number): Promise<Linear<M, V>> => ({
    weight: store.matrix(name, transpose(await reader.read(`${name}.weight`, [ins, outs]), ins, outs), outs, ins),
    bias: store.vector(`${name}.bias`, await reader.read(`${name}.bias`, [outs])),
  });
  return {
    norm1: await layerNorm(reader, store, `h.${i}.ln_1`, dModel),
    qkv: await conv1d(`h.${i}.attn.c_attn`, dModel, 3 * dModel),
    attnOut: await conv1d(`h.${i}.attn.c_proj`, dModel, dModel),
    norm2: await layerNorm(reader, store, `h.${i}.ln_2`, dModel),
    mlpIn: await conv1d(`h.${i}.mlp.c_fc`, dModel, dMlp),
    mlpOut: await conv1d(`h.${i}.mlp.c_proj`, dMlp, dModel),
  };
}

async function llamaLayer<M, V>(config: LmConfig, reader: Checked, store: Store<M, V>, i: number): Promise<LayerWeights<M, V>> {
  const { dModel, dMlp, heads, kvHeads, headDim } = config;
  const root = `layers.${i}`;
  const stacked = async (label: string, parts: [name: string, outs: number][], ins: number, biased: boolean): Promise<Linear<M, V>> => {
    const rows = parts.reduce((sum, [, outs]) => sum + outs, 0);
    const weight = await reader.stack(parts.map(([name, outs]) => [`${root}.${name}.weight`, [outs, ins]]));
    const bias = biased ? await reader.stack(parts.map(([name, outs]) => [`${root}.${name}.bias`, [outs]])) : undefined;
    return { weight: store.matrix(`${root}.${label}`, weight, rows, ins), bias: bias && store.vector(`${root}.${label}.bias`, bias) };
  };
  const rms = async (name: string): Promise<Norm<V>> => ({
    weight: store.vector(`${root}.${name}`, await reader.read(`${root}.${name}.weight`, [dModel])),
  });
  const q = heads * headDim;
  const kv = kvHeads * headDim;
  return {
    norm1: await rms('input_layernorm'),
    qkv: await stacked(
      'qkv',
      [
        ['self_attn.q_proj', q],
        ['self_attn.k_proj', kv],
        ['self_attn.v_proj', kv],
      ],
      dModel,
      config.attentionBias,
    ),
    attnOut: await stacked('o', [['self_attn.o_proj', dModel]], q, config.attentionBias),
    norm2: await rms('post_attention_layernorm'),
    mlpIn: await stacked(
      'gate_up',
      [
        ['mlp.gate_proj', dMlp],
        ['mlp.up_proj', dMlp],
      ],
      dModel,
      config.mlpBias,
    ),
    mlpOut: await stacked('down', [['mlp.down_proj', dModel]], dMlp, config.mlpBias),
  };
}
