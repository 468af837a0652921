/** What a family of language models says of itself; `index.ts` lists the families. */
import type { LmConfig } from '../config';
import type { Fields } from '../fields';

/** The hooks that a block may have, as TransformerLens calls them, in the order they are computed. */
export const STAGES = ['attn.hook_z', 'mlp.hook_post', 'hook_mlp_out', 'hook_resid_post'] as const;
export type Stage = (typeof STAGES)[number];

/** A family of models: how `config.json` is read, what its tensors are called, how they are wired. */
export interface Family {
  /** `model_type` in config.json. */
  readonly id: string;
  /** Name for people. */
  readonly label: string;
  /** The hooks of its blocks. */
  readonly hooks: readonly Stage[];
  /** Keys of config.json that change no number here, beyond those that every model may have (`keys.ts`). */
  readonly harmless: readonly string[];
  /**
   * Reads the keys. What it does not read and nobody knows is listed to the user; what other families know and would change
   * the arithmetic is refused (`keys.ts`) unless this one has read it.
   * @throws DataError naming the key that is missing, malformed or not supported.
   */
  parse(fields: Fields): Omit<LmConfig, 'family' | 'label' | 'vocab' | 'bosTokenId' | 'eosTokenId' | 'dtype'>;
  /** The checkpoint's names and layouts. */
  tensors(config: LmConfig): ModelTensors;
}

/** Module names are the checkpoint's without `.weight` and `.bias`; all but the head's without `root`. */
export interface ModelTensors {
  /** Prefix of the body's tensors, `model.`; checkpoints of the bare body have none. */
  root: string;
  /** [vocab, dModel] */
  embed: string;
  /** [context, dModel], where positions are learned. */
  positions?: string;
  /** Prefix of a block's tensors. */
  layer: (i: number) => string;
  /** A block's modules, without that prefix. */
  block: BlockTensors;
  finalNorm: NormTensors;
  /** [vocab, dModel], without bias. */
  head: string;
  /** Tensors that hold constants of the code and are left unread: attention masks, rotary frequencies. */
  constants: RegExp;
}

export interface BlockTensors {
  norm1: NormTensors;
  /** Queries, keys, values: [(heads + 2·kvHeads)·headDim, dModel]. */
  qkv: LinearTensors;
  /** [dModel, heads·headDim] */
  attnOut: LinearTensors;
  /** The MLP's norm; the same module as `norm1` where both branches share one. */
  norm2: NormTensors;
  /** [dMlp, dModel]; gate, then up, [2·dMlp, dModel], when gated. */
  mlpIn: LinearTensors;
  /** [dModel, dMlp] */
  mlpOut: LinearTensors;
}

export interface NormTensors {
  module: string;
  bias?: boolean;
  /** Added to the stored weight: 1 where the checkpoint stores w and the norm multiplies by 1 + w. */
  offset?: number;
}

/** A linear layer, of one module or of several with the same input, one under the other. */
export interface LinearTensors {
  modules: readonly { name: string; outs: number }[];
  ins: number;
  /** False: none is asked for by config.json; those that the checkpoint has all the same are added, and it is said. */
  bias: boolean;
  /** Stored [in, out], as GPT-2's Conv1D. */
  conv1d?: boolean;
  /** Stored row of row `r` of the stack, where the checkpoint has them in another order (queries, keys and values by heads). */
  order?: (r: number) => number;
}
