/** Float64 twin of the whole language model: every hook, a splice at any of them, next-token cross-entropy. */

import type { TensorReader } from '../../../src/lm/checkpoint';
import type { LmConfig } from '../../../src/lm/config';
import { type Hook, walkOf } from '../../../src/lm/hooks';
import { ropeFrequencies } from '../../../src/lm/rope';
import { type Linear, loadWeights, type Norm, type Weights } from '../../../src/lm/weights';
import { attention, rope } from './attention';
import { unembedCrossEntropy } from './cross-entropy';
import { activation, add, embed, layernorm, linear, rmsnorm } from './layers';

type Numbers = Float32Array;

/** Replaces a hook's value, or returns it as it is. */
export type Splice = (hook: Hook, value: Float64Array) => Float64Array;

export class ReferenceModel {
  private constructor(
    readonly config: LmConfig,
    private readonly weights: Weights<Numbers, Numbers>,
  ) {}

  static async load(config: LmConfig, tensors: TensorReader): Promise<ReferenceModel> {
    return new ReferenceModel(config, await loadWeights(config, tensors, { matrix: (_, data) => data, vector: (_, data) => data }));
  }

  /**
   * @param tokens [n·T]
   * @returns the value of every hook by name (after splicing), and ce [n, T-1] in nats.
   */
  run(
    tokens: ArrayLike<number>,
    n: number,
    T: number,
    splice: Splice = (_, value) => value,
  ): { hooks: Map<string, Float64Array>; ce: Float64Array } {
    const { config, weights } = this;
    const { dModel, dMlp, headDim } = config;
    const hooks = new Map<string, Float64Array>();
    const all = walkOf(config);
    const tap = (index: number, value: Float64Array): Float64Array => {
      const hook = all[index] as Hook;
      const used = splice(hook, value);
      hooks.set(hook.name, used);
      return used;
    };
    const norm = (x: Float64Array, { weight, bias }: Norm<Numbers>) =>
      bias ? layernorm(x, weight, bias, dModel, config.normEps) : rmsnorm(x, weight, dModel, config.normEps);
    const project = (x: Float64Array, { weight, bias }: Linear<Numbers, Numbers>, ins: number) =>
      linear(x, weight, bias, ins, weight.length / ins);

    let residual = embed(tokens, weights.embed, weights.positions, dModel, T);
    weights.layers.forEach((layer, i) => {
      const qkv = project(norm(residual, layer.norm1), layer.qkv, dModel);
      if (config.rope) rope(qkv, ropeFrequencies(config.rope, headDim), config, T);
      const z = tap(4 * i, attention(qkv, config, n, T, config.attentionScale[i] as number));
      const input = residual;
      residual = add(residual, project(z, layer.attnOut, config.heads * headDim));
      const mlpInput = norm(config.parallel ? input : residual, layer.norm2);
      const post = tap(4 * i + 1, activation(config.activation, config.gated, project(mlpInput, layer.mlpIn, dModel), dMlp));
      const mlpOut = tap(4 * i + 2, project(post, layer.mlpOut, dMlp));
      residual = tap(4 * i + 3, add(residual, mlpOut));
    });
    return { hooks, ce: unembedCrossEntropy(norm(residual, weights.finalNorm), weights.unembed, tokens, dModel, n, T) };
  }
}
