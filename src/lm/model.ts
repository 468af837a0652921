/**
 * A decoder-only language model on the GPU: read a hook's value, replace it, measure next-token cross-entropy.
 *
 * Hooks are TransformerLens': `blocks.i.attn.hook_z` (heads concatenated, before W_O), `blocks.i.mlp.hook_post` (the input
 * of the MLP's output projection; silu(gate)·up for Llama), `blocks.i.hook_mlp_out`, `blocks.i.hook_resid_post`.
 */
import { Arena } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { Plan } from '../gpu/plan';
import type { TensorReader } from './checkpoint';
import type { LmConfig } from './config';
import { type Shape, Uniforms } from './encoder';
import { createScratch, Forward, type Scratch } from './forward';
import { hookIndex } from './hooks';
import { compileKernels } from './kernels';
import { gpuStore } from './matrix';
import { Readbacks } from './readback';
import { loadWeights } from './weights';

export interface LoadOptions {
  /** Largest n·T of a batch; sizes the working memory. */
  maxTokens: number;
  /** Calibrated speed; dispatches and submissions are cut by it (`Plan`). Without it nothing is cut. */
  flopsPerMs?: number;
  /** Bytes at which weight matrices are split over buffers; the device's binding limit unless a test wants it lower. */
  splitBytes?: number;
}

export interface HookValue {
  hook: string;
  /** f32 [rows, width] from offset 0, contiguous; the buffer may be larger. Overwritten by the next `prefix`. */
  buffer: GPUBuffer;
  rows: number;
  width: number;
}

interface Halves {
  prefix: Plan;
  rest: Plan;
}

interface Small {
  arena: Arena;
  uniforms: Uniforms;
  readbacks: Readbacks;
}

const keyOf = (index: number, { n, T }: Shape): string => `${index} ${n} ${T}`;

/** Recorded shapes kept; a run uses two or three (full batches, the last one, another hook). */
const MAX_PLANS = 16;

export class LanguageModel {
  /** The models' hooks in the order they are computed; width in values per token. */
  readonly hooks: readonly { name: string; width: number }[];
  private readonly plans = new Map<string, Halves>();
  private current: { shape: Shape; value: HookValue; halves: Halves } | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  /** Pending while it is not known whether the GPU holds what was made on the way. */
  private settling: Promise<void> | undefined;

  private constructor(
    private readonly gpu: Gpu,
    readonly config: LmConfig,
    /** Numbers in the checkpoint that the model uses; a tied unembedding counts once. */
    readonly parameters: number,
    /** Sentences about what the checkpoint holds and config.json does not say, for the user. */
    readonly notes: readonly string[],
    readonly maxTokens: number,
    private readonly arena: Arena,
    /** Small buffers that are made on the way: parameter blocks, read-back. */
    private readonly small: Small,
    private readonly forward: Forward,
    private readonly scratch: Scratch,
    private readonly flopsPerMs: number | undefined,
  ) {
    this.hooks = forward.hooks.map(({ name, width }) => ({ name, width }));
  }

  /**
   * Reads and uploads the weights and compiles the kernels.
   * @throws DataError when a tensor is missing or of another shape; Error when the GPU cannot hold the model, with sizes.
   */
  static async load(gpu: Gpu, config: LmConfig, tensors: TensorReader, options: LoadOptions): Promise<LanguageModel> {
    const { maxTokens, flopsPerMs } = options;
    if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) throw new Error(`maxTokens is ${maxTokens}; expected a positive whole number.`);
    const limit = Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize);
    const arena = new Arena(gpu, 'language model');
    try {
      const weights = await loadWeights(config, tensors, gpuStore(arena, limit, Math.min(limit, options.splitBytes ?? limit)));
      const scratch = createScratch(arena, config, weights.unembed, maxTokens, limit);
      const nothing = arena.storage('nothing', 16);
      await arena.ready();
      const kernels = await compileKernels(gpu, config, maxTokens);
      const made = new Arena(gpu, 'language model, on the way');
      const small = { arena: made, uniforms: new Uniforms(made), readbacks: new Readbacks(gpu, made, maxTokens * 4) };
      const { uniforms } = small;
      const shared = { gpu, config, kernels, uniforms, nothing, flopsPerMs: flopsPerMs ?? Number.POSITIVE_INFINITY };
      const forward = new Forward(shared, weights, scratch);
      const { parameters, notes } = weights;
      return new LanguageModel(gpu, config, parameters, notes, maxTokens, arena, small, forward, scratch, flopsPerMs);
    } catch (error) {
      arena.destroy();
      throw error;
    }
  }

  /** Bytes of GPU memory held: weights, working memory, read-back. */
  get gpuBytes(): number {
    return this.arena.bytes + this.small.arena.bytes;
  }

  /** Width of a hook in values per token. @throws Error naming the hooks there are. */
  hookWidth(hook: string): number {
    return this.forward.hooks[hookIndex(this.forward.hooks, hook)]?.width as number;
  }

  /**
   * Queues the pass from tokens to `hook`, and keeps what a continuation needs. Nothing is awaited or read back.
   * @param tokens [n·T] ids, sequence after sequence.
   * @throws Error when the hook is unknown, the batch too large or too long, or an id outside the vocabulary.
   */
  prefix(hook: string, tokens: Uint32Array, n: number, T: number): HookValue {
    const index = hookIndex(this.forward.hooks, hook);
    this.checkBatch(tokens, n, T);
    const isNew = !this.plans.has(keyOf(index, { n, T }));
    const halves = this.submitted(isNew, () => {
      const plans = this.plansFor(index, { n, T });
      this.gpu.queue.writeBuffer(this.scratch.tokens, 0, tokens as Uint32Array<ArrayBuffer>, 0, n * T);
      plans.prefix.submit(this.flopsPerMs);
      return plans;
    });
    const value = { hook, buffer: this.scratch.hook, rows: n * T, width: this.forward.hooks[index]?.width as number };
    this.current = { shape: { n, T }, value, halves };
    return value;
  }

  /**
   * Continues from the last `prefix` to the next-token cross-entropy. May be called any number of times after one prefix.
   * All GPU work is queued before the call returns, so `value` may be reused at once.
   * @param value replacement of the hook's value, f32 [n·T, width] from offset 0, usage COPY_SRC; untouched when absent.
   * @returns nats of each prediction, [n, T-1] row-major: entry (s, t) is that of token t + 1 given tokens 0..t of sequence s.
   * @throws Error when there was no prefix, T is 1, or the value is too small.
   */
  crossEntropy(value?: GPUBuffer): Promise<Float32Array> {
    if (!this.current) throw new Error('crossEntropy() continues a prefix(); none was run.');
    const { shape, value: own, halves } = this.current;
    const { n, T } = shape;
    if (T < 2) throw new Error('Sequences of one token predict nothing; cross-entropy needs at least two.');
    const bytes = own.rows * own.width * 4;
    const source = value ?? own.buffer;
    if (source.size < bytes)
      throw new Error(`The replacement of ${own.hook} has ${source.size} bytes; ${own.rows} tokens of ${own.width} values take ${bytes}.`);
    const encoder = this.gpu.device.createCommandEncoder({ label: 'lm.splice' });
    encoder.copyBufferToBuffer(source, 0, this.scratch.spliced, 0, bytes);
    this.gpu.queue.submit([encoder.finish()]);
    const { readbacks } = this.small;
    const ticket = this.submitted(this.settling !== undefined || readbacks.isExhausted, () => {
      const taken = readbacks.take();
      halves.rest.submit(this.flopsPerMs, (tail) => taken.copy(tail, this.scratch.ce, n * (T - 1) * 4));
      return taken;
    });
    return this.settled().then(() => ticket.floats());
  }

  /**
   * Resolves when the GPU is known to hold what the last calls made on the way; at once when they made nothing.
   * @throws Error naming its size when it does not; the next `prefix` makes it anew.
   */
  async settled(): Promise<void> {
    await this.settling;
  }

  /**
   * Runs `work` when all earlier exclusive work has ended. A prefix and its continuations belong together: whoever awaits
   * between them must hold the model, or another caller's prefix replaces the kept state.
   */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  destroy(): void {
    this.plans.clear();
    this.current = undefined;
    this.arena.destroy();
    this.small.arena.destroy();
  }

  /** Submits work; that with buffers made on the way so that only `settled` hears when they are not there. */
  private submitted<T>(isNew: boolean, work: () => T): T {
    if (!isNew) return work();
    const { arena, uniforms, readbacks } = this.small;
    const result = arena.guard(work);
    const settling = Promise.all([this.settling, arena.ready()]).then(
      () => {
        if (this.settling === settling) this.settling = undefined;
      },
      (error: unknown) => {
        this.plans.clear();
        uniforms.clear();
        readbacks.clear();
        this.current = undefined;
        if (this.settling === settling) this.settling = undefined;
        throw error;
      },
    );
    settling.catch(() => undefined); // told by `settled`, to whoever asks
    this.settling = settling;
    return result;
  }

  private checkBatch(tokens: Uint32Array, n: number, T: number): void {
    const { context, vocab } = this.config;
    if (!Number.isSafeInteger(n) || !Number.isSafeInteger(T) || n < 1 || T < 1)
      throw new Error(`A batch of ${n} sequences of ${T} tokens is not possible.`);
    if (T > context) throw new Error(`Sequences of ${T} tokens exceed the model's context of ${context}.`);
    if (n * T > this.maxTokens)
      throw new Error(`A batch of ${n} x ${T} tokens exceeds the ${this.maxTokens} that the model was loaded for.`);
    if (tokens.length < n * T) throw new Error(`${tokens.length} tokens given for a batch of ${n} x ${T}.`);
    for (let i = 0; i < n * T; i++) {
      if ((tokens[i] as number) >= vocab)
        throw new Error(`Token id ${tokens[i]} is outside the model's vocabulary of ${vocab}: the tokens come from another tokenizer.`);
    }
  }

  private plansFor(index: number, shape: Shape): Halves {
    const key = keyOf(index, shape);
    const known = this.plans.get(key);
    if (known) return known;
    if (this.plans.size >= MAX_PLANS) this.plans.delete(this.plans.keys().next().value as string);
    const halves = this.forward.around(index, shape);
    this.plans.set(key, halves);
    return halves;
  }
}
