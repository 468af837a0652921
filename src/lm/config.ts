/** What the forward pass needs to know of a model; a family (`families/`) fills it from `config.json`. */
import type { Rope } from './rope';

export const ACTIVATIONS = ['gelu', 'gelu_new', 'silu', 'relu'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

export interface LmConfig {
  /** `model_type`, the family's name in the table. */
  family: string;
  /** The family's name for people. */
  label: string;
  layers: number;
  dModel: number;
  heads: number;
  /** Key/value heads; a divisor of `heads`. */
  kvHeads: number;
  headDim: number;
  dMlp: number;
  vocab: number;
  /** Longest sequence in tokens. */
  context: number;
  norm: 'layernorm' | 'rmsnorm';
  normEps: number;
  activation: Activation;
  /** True when the MLP multiplies the activation by a second projection (SwiGLU). */
  gated: boolean;
  /** Learned position embeddings when absent. */
  rope?: Rope;
  /** Factor of q·k, one a layer. */
  attentionScale: number[];
  attentionBias: boolean;
  mlpBias: boolean;
  /** Attention and MLP both read the block's input and both are added to it; else the MLP reads the stream after attention. */
  parallel?: boolean;
  /** The unembedding is the token embedding; a head of the checkpoint's own that differs is used all the same. */
  tied: boolean;
  bosTokenId?: number;
  eosTokenId?: number;
  /** dtype of the checkpoint as the config names it; arithmetic is f32 whatever it says. */
  dtype?: string;
}
