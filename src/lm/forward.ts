/**
 * The forward pass as a walk over hooks.
 *
 * State between two hooks is the last hook's value and, inside a block, the residual stream beside it. `advance` computes
 * the next hook from that state; a prefix is `advance` repeated from the embedding, a continuation is the same repeated
 * from a replaced value. The residual stream alternates between three buffers, so that the one a prefix ended with
 * (`kept`) survives any number of continuations.
 */
import type { Arena } from '../gpu/buffers';
import type { LmConfig } from './config';
import { Encoder, type Shape, type Shared, tileCount } from './encoder';
import { type Hook, listHooks, walkOf } from './hooks';
import type { GpuMatrix } from './matrix';
import { ropeTable } from './rope';
import type { LayerWeights, Weights } from './weights';

export type GpuWeights = Weights<GpuMatrix, GPUBuffer>;

interface State {
  value: GPUBuffer;
  /** Residual stream inside the block; absent after hook_resid_post, where it is the value. */
  side?: GPUBuffer;
}

/** Working memory for `maxTokens` rows. All f32 [maxTokens, width] unless said otherwise. */
export interface Scratch {
  tokens: GPUBuffer;
  /** The prefix's hook value, and what the continuation reads in its place; as wide as the widest hook. */
  hook: GPUBuffer;
  spliced: GPUBuffer;
  residuals: GPUBuffer[];
  normed: GPUBuffer;
  qkv: GPUBuffer;
  z: GPUBuffer;
  /** Projection of dMlp (2·dMlp when gated) before the activation. */
  wide: GPUBuffer;
  post: GPUBuffer;
  /** What a sublayer adds to the residual stream. */
  delta: GPUBuffer;
  /** [tiles, maxTokens] vec2f */
  partialSums: GPUBuffer;
  /** [maxTokens] */
  picked: GPUBuffer;
  ce: GPUBuffer;
  /** [positions, rotated pairs of a head] (cos, sin) */
  ropeTable?: GPUBuffer;
}

/**
 * Allocates the working memory.
 * @param limit bytes that one buffer may have.
 * @throws Error naming the largest buffer, its bytes and the limit when one exceeds it.
 */
export function createScratch(arena: Arena, config: LmConfig, unembed: GpuMatrix, maxTokens: number, limit: number): Scratch {
  const { dModel, dMlp, heads, kvHeads, headDim } = config;
  const make = (label: string, width: number) => {
    const bytes = maxTokens * width * 4;
    if (bytes > limit)
      throw new Error(
        `The language model's ${label} for ${maxTokens} tokens takes ${bytes} bytes; this device binds at most ${limit} at once (maxStorageBufferBindingSize). Lower the tokens of a batch or ask for a larger limit.`,
      );
    return arena.storage(label, bytes);
  };
  const widest = Math.max(...walkOf(config).map((hook) => hook.width));
  return {
    tokens: make('tokens', 1),
    hook: make('hook', widest),
    spliced: make('spliced', widest),
    residuals: [0, 1, 2].map((i) => make(`residual ${i}`, dModel)),
    normed: make('normed', dModel),
    qkv: make('qkv', (heads + 2 * kvHeads) * headDim),
    z: make('z', heads * headDim),
    wide: make('wide', config.gated ? 2 * dMlp : dMlp),
    post: make('post', dMlp),
    delta: make('delta', dModel),
    partialSums: make('partial sums', 2 * tileCount(unembed)),
    picked: make('picked', 1),
    ce: make('ce', 1),
    ropeTable: config.rope && arena.upload('rope', ropeTable(config.rope, headDim, Math.min(config.context, maxTokens))),
  };
}

export class Forward {
  readonly hooks: Hook[];
  /** Every place in order, hooks among them. */
  private readonly walk: Hook[];

  constructor(
    private readonly shared: Shared,
    private readonly weights: GpuWeights,
    private readonly scratch: Scratch,
  ) {
    this.hooks = listHooks(shared.config);
    this.walk = walkOf(shared.config);
  }

  /**
   * Records both halves of the pass around one hook.
   * @returns plans: `prefix` from tokens to `scratch.hook`, `rest` from `scratch.spliced` to `scratch.ce` (nothing when T = 1).
   */
  around(index: number, shape: Shape): { prefix: Encoder['plan']; rest: Encoder['plan'] } {
    const { scratch, weights } = this;
    const name = this.hooks[index]?.name;
    const place = this.walk.findIndex((hook) => hook.name === name);
    const prefix = new Encoder(this.shared, `lm.prefix ${name}`, shape);
    let state: State = { value: scratch.residuals[0] as GPUBuffer };
    prefix.embed(scratch.tokens, weights.embed, weights.positions, state.value);
    for (let i = 0; i <= place; i++) state = this.advance(prefix, i, state, undefined, i === place ? scratch.hook : undefined);

    const rest = new Encoder(this.shared, `lm.rest ${name}`, shape);
    if (shape.T > 1) {
      const kept = state.side;
      state = { value: scratch.spliced, side: kept };
      for (let i = place + 1; i < this.walk.length; i++) state = this.advance(rest, i, state, kept);
      rest.norm(state.value, weights.finalNorm, scratch.normed);
      rest.crossEntropy(scratch.normed, weights.unembed, scratch.tokens, scratch.partialSums, scratch.picked, scratch.ce);
    }
    return { prefix: prefix.plan, rest: rest.plan };
  }

  /** Computes place `index` of the walk from the state at the one before (or the embedding), into `out` when given. */
  private advance(encoder: Encoder, index: number, state: State, kept: GPUBuffer | undefined, out?: GPUBuffer): State {
    const { scratch } = this;
    const { layer, stage } = this.walk[index] as Hook;
    const weights = this.weights.layers[layer] as LayerWeights<GpuMatrix, GPUBuffer>;
    switch (stage) {
      case 'attn.hook_z': {
        const z = out ?? scratch.z;
        encoder.norm(state.value, weights.norm1, scratch.normed);
        encoder.linear(scratch.normed, weights.qkv, scratch.qkv);
        if (scratch.ropeTable) encoder.rope(scratch.ropeTable, scratch.qkv);
        encoder.attention(scratch.qkv, z, layer);
        return { value: z, side: state.value };
      }
      case 'mlp.hook_post': {
        const post = out ?? scratch.post;
        const middle = this.freeResidual(state.side, kept);
        encoder.linear(state.value, weights.attnOut, scratch.delta);
        encoder.add(state.side as GPUBuffer, scratch.delta, middle);
        // In parallel blocks both branches read the block's input.
        encoder.norm(this.shared.config.parallel ? (state.side as GPUBuffer) : middle, weights.norm2, scratch.normed);
        encoder.linear(scratch.normed, weights.mlpIn, scratch.wide);
        encoder.activation(scratch.wide, post);
        return { value: post, side: middle };
      }
      case 'hook_mlp_out': {
        const delta = out ?? scratch.delta;
        encoder.linear(state.value, weights.mlpOut, delta);
        return { value: delta, side: state.side };
      }
      case 'hook_resid_post': {
        const residual = out ?? this.freeResidual(state.side, kept);
        encoder.add(state.side as GPUBuffer, state.value, residual);
        return { value: residual };
      }
    }
  }

  private freeResidual(...taken: (GPUBuffer | undefined)[]): GPUBuffer {
    return this.scratch.residuals.find((buffer) => !taken.includes(buffer)) as GPUBuffer;
  }
}
