/**
 * One method a kernel: turns "this layer on these buffers" into dispatches of a plan, with grids, parameter blocks and
 * FLOP estimates, cut so that none is longer than the device's budget.
 */
import type { Arena } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { Kernel } from '../gpu/kernel';
import { DISPATCH_MS, fold, Plan } from '../gpu/plan';
import type { LmConfig } from './config';
import { LM_SHADERS, type LmKernels, linearKey, WG } from './kernels';
import type { GpuMatrix } from './matrix';
import type { Linear, Norm } from './weights';

/** Sequences and tokens a sequence of one batch. */
export interface Shape {
  n: number;
  T: number;
}

/** What all plans of a model share. */
export interface Shared {
  gpu: Gpu;
  config: LmConfig;
  kernels: LmKernels;
  uniforms: Uniforms;
  /** Bound to bindings that a dispatch does not read. */
  nothing: GPUBuffer;
  flopsPerMs: number;
}

/** Parameter blocks, one buffer for each distinct content: the layers of a model mostly repeat each other's. */
export class Uniforms {
  private readonly buffers = new Map<string, GPUBuffer>();

  constructor(private readonly arena: Arena) {}

  /** Forgets them: they are gone. */
  clear(): void {
    this.buffers.clear();
  }

  get(data: ArrayBuffer): GPUBuffer {
    const key = new Uint32Array(data).join();
    let buffer = this.buffers.get(key);
    if (!buffer) {
      buffer = this.arena.uniform(`params ${this.buffers.size}`, data);
      this.buffers.set(key, buffer);
    }
    return buffer;
  }
}

/** Rows of vocabulary in one tile of the cross-entropy: at most about 256 tiles, so that their sums stay small. */
export const vocabularyTile = (vocab: number): number => Math.max(64, Math.ceil(vocab / 256 / 4) * 4);

/** Tiles over all parts of an unembedding. */
export const tileCount = (unembed: GpuMatrix): number =>
  unembed.parts.reduce((sum, part) => sum + Math.ceil(part.rows / vocabularyTile(unembed.rows)), 0);

export class Encoder {
  readonly plan: Plan;
  private readonly rows: number;
  private readonly budget: number;

  constructor(
    private readonly shared: Shared,
    label: string,
    private readonly shape: Shape,
  ) {
    this.plan = new Plan(shared.gpu, label);
    this.rows = shape.n * shape.T;
    this.budget = shared.flopsPerMs * DISPATCH_MS;
  }

  /** tokens [rows] -> residual stream [rows, dModel]. */
  embed(tokens: GPUBuffer, embedding: GpuMatrix, positions: GPUBuffer | undefined, result: GPUBuffer): void {
    const { kernels, uniforms, nothing } = this.shared;
    for (const part of embedding.parts) {
      const params = LM_SHADERS.embed.params.pack({
        rows: this.rows,
        width: embedding.cols,
        sequence: this.shape.T,
        first: part.first,
        part: part.rows,
        has_positions: positions ? 1 : 0,
      });
      this.plan.add(
        kernels.embed,
        { params: uniforms.get(params), tokens, embedding: part.buffer, positions: positions ?? nothing, result },
        this.elements(embedding.cols),
        this.rows * embedding.cols,
      );
    }
  }

  /** x, y [rows, dModel]. */
  norm(x: GPUBuffer, { weight, bias }: Norm<GPUBuffer>, y: GPUBuffer): void {
    const { kernels, uniforms, config } = this.shared;
    const params = uniforms.get(LM_SHADERS.layernorm.params.pack({ rows: this.rows, width: config.dModel, eps: config.normEps }));
    this.plan.add(kernels.norm, { params, x, weight, ...(bias ? { bias } : {}), y }, fold(this.rows), 8 * this.rows * config.dModel);
  }

  /** x [rows, in] -> y [rows, out]. */
  linear(x: GPUBuffer, { weight, bias }: Linear<GpuMatrix, GPUBuffer>, y: GPUBuffer): void {
    const { uniforms, nothing } = this.shared;
    const { kernel, tileRows, tileColumns } = this.linearKernel(weight);
    for (const part of weight.parts) {
      const flops = 2 * weight.cols * part.rows;
      for (const [row0, row_end] of this.blocks(this.rows, flops, tileRows)) {
        const params = LM_SHADERS.linear.params.pack({
          row0,
          row_end,
          ins: weight.cols,
          outs: part.rows,
          out0: part.first,
          stride: weight.rows,
          has_bias: bias ? 1 : 0,
        });
        this.plan.add(
          kernel,
          { params: uniforms.get(params), x, w: part.buffer, bias: bias ?? nothing, y },
          [Math.ceil(part.rows / tileColumns), Math.ceil((row_end - row0) / tileRows)],
          flops * (row_end - row0),
        );
      }
    }
  }

  /** The kernel for a matrix, and what one of its workgroups computes. */
  private linearKernel({ rows, cols }: GpuMatrix): { kernel: Kernel; tileRows: number; tileColumns: number } {
    const { linear, linearRagged } = this.shared.kernels;
    if (cols % 4 !== 0) return { kernel: linearRagged, tileRows: WG.ragged * 4, tileColumns: WG.ragged };
    const tuned = linear.get(linearKey(rows, cols));
    if (!tuned) throw new Error(`No linear kernel was compiled for ${cols} -> ${rows}.`);
    const { kernel, variant } = tuned;
    return { kernel, tileRows: variant.tileRows, tileColumns: variant.tileColumns };
  }

  /** Rotates the query and key heads of qkv [rows, (heads + 2·kvHeads)·headDim] in place. */
  rope(table: GPUBuffer, qkv: GPUBuffer): void {
    const { kernels, uniforms, config } = this.shared;
    const { heads, kvHeads, headDim } = config;
    const pairs = (config.rope?.dims ?? headDim) / 2;
    const params = LM_SHADERS.rope.params.pack({
      rows: this.rows,
      stride: (heads + 2 * kvHeads) * headDim,
      heads: heads + kvHeads,
      head_dim: headDim,
      pairs,
      sequence: this.shape.T,
    });
    this.plan.add(
      kernels.rope,
      { params: uniforms.get(params), table, qkv },
      this.elements((heads + kvHeads) * pairs),
      6 * this.rows * (heads + kvHeads) * pairs,
    );
  }

  /** qkv -> z [rows, heads·headDim]. */
  attention(qkv: GPUBuffer, z: GPUBuffer, layer: number): void {
    const { kernels, config } = this.shared;
    const { n, T } = this.shape;
    const { heads, headDim } = config;
    const chunks = Math.ceil(headDim / 32);
    const queryBlocks = Math.ceil(T / WG.attention);
    // Causal half of T² pairs; a chunk computes whole scores and its own 32 dimensions.
    const sequenceFlops = T * T * heads * chunks * (headDim + Math.min(32, headDim));
    const dispatch = (first: number, sequences: number, block0: number, blocks: number) => {
      const params = LM_SHADERS.attention.params.pack({
        sequence: T,
        heads,
        kv_heads: config.kvHeads,
        head4: headDim / 4,
        first,
        block0,
        scale: config.attentionScale[layer] as number,
      });
      // Work grows with the block's position, so a part's share is counted from its end.
      const share = ((block0 + blocks) ** 2 - block0 ** 2) / queryBlocks ** 2;
      this.plan.add(
        kernels.attention,
        { params: this.shared.uniforms.get(params), qkv, z },
        [blocks, heads * chunks, sequences],
        sequenceFlops * sequences * share,
      );
    };
    if (sequenceFlops <= this.budget) {
      for (const [first, end] of this.blocks(n, sequenceFlops, 1)) dispatch(first, end - first, 0, queryBlocks);
      return;
    }
    const heaviest = (2 * sequenceFlops) / queryBlocks;
    for (let first = 0; first < n; first++) {
      for (const [block0, end] of this.blocks(queryBlocks, heaviest, 1)) dispatch(first, 1, block0, end - block0);
    }
  }

  /** x [rows, dMlp], or [rows, 2·dMlp] when gated -> y [rows, dMlp]. */
  activation(x: GPUBuffer, y: GPUBuffer): void {
    const { kernels, uniforms, config } = this.shared;
    const params = uniforms.get(LM_SHADERS.activation.params.pack({ rows: this.rows, width: config.dMlp }));
    this.plan.add(kernels.activation, { params, x, y }, this.elements(config.dMlp), 16 * this.rows * config.dMlp);
  }

  /** y = a + b, all [rows, dModel]. */
  add(a: GPUBuffer, b: GPUBuffer, y: GPUBuffer): void {
    const { kernels, uniforms, config } = this.shared;
    const count = this.rows * config.dModel;
    this.plan.add(
      kernels.add,
      { params: uniforms.get(LM_SHADERS.add.params.pack({ count })), a, b, y },
      this.elements(config.dModel),
      count,
    );
  }

  /** x [rows, dModel] after the final norm -> ce [n·(T-1)]. */
  crossEntropy(x: GPUBuffer, unembed: GpuMatrix, tokens: GPUBuffer, partialSums: GPUBuffer, picked: GPUBuffer, ce: GPUBuffer): void {
    const { kernels, uniforms } = this.shared;
    const { n, T } = this.shape;
    const predictions = n * (T - 1);
    const tile = vocabularyTile(unembed.rows);
    const owned = WG.crossEntropy * 4;
    let tile0 = 0;
    for (const part of unembed.parts) {
      const tiles = Math.ceil(part.rows / tile);
      const tileFlops = 2 * unembed.cols * tile;
      // Whole rows while one workgroup's rows fit the budget; else the vocabulary is cut too.
      for (const [p0, p_end] of this.blocks(predictions, tileFlops * tiles, owned)) {
        for (const [first, end] of this.blocks(tiles, tileFlops * (p_end - p0), 1)) {
          const params = LM_SHADERS.unembed_cross_entropy.params.pack({
            p0,
            p_end,
            predictions,
            sequence: T,
            ins: unembed.cols,
            part: part.rows,
            v0: part.first,
            tile,
            tile0,
            first,
          });
          const bindings = { params: uniforms.get(params), x, w: part.buffer, tokens, partial_sums: partialSums, picked };
          this.plan.add(
            kernels.crossEntropy,
            bindings,
            [Math.ceil((p_end - p0) / owned), end - first],
            tileFlops * (end - first) * (p_end - p0),
          );
        }
      }
      tile0 += tiles;
    }
    const params = uniforms.get(LM_SHADERS.cross_entropy_reduce.params.pack({ predictions, tiles: tile0 }));
    this.plan.add(
      kernels.reduce,
      { params, partial_sums: partialSums, picked, ce },
      fold(Math.ceil(predictions / WG.element)),
      4 * predictions * tile0,
    );
  }

  /** Grid of a kernel with one invocation an element of [rows, width]. */
  private elements(width: number) {
    return fold(Math.ceil((this.rows * width) / WG.element));
  }

  /** Cuts `count` items into runs whose estimate stays within the budget, each a multiple of `step` long. */
  private blocks(count: number, flopsPerItem: number, step: number): [begin: number, end: number][] {
    const fitting = Math.max(1, Math.floor(this.budget / Math.max(1, flopsPerItem) / step)) * step;
    const runs: [number, number][] = [];
    for (let begin = 0; begin < count; begin += fitting) runs.push([begin, Math.min(count, begin + fitting)]);
    return runs;
  }
}
