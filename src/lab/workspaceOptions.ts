/** What a workspace is told once, and what holds without it. */
import type { ReaderClient } from '../data/reader/client';

export interface WorkspaceOptions {
  flopsPerMs: number;
  /** Tokens of a window that text is cut into; at most the model's context. */
  context?: number;
  /** Whether a BOS stands in front of each document of a text; it does unless this is false. */
  prependBos?: boolean;
  /** Most tokens used in one evaluation with a model. */
  evalTokens?: number;
  /** Tokens of a text held out at least, even where the held-out fraction gives less. */
  holdOutTokens?: number;
  /** Most tokens harvested from text for training. */
  trainTokens?: number;
  /** Tokens a forward pass of the model takes at once. */
  modelBatchTokens?: number;
  /** Host bytes kept of harvested activations. */
  cacheBytes?: number;
  /** Reads shards in another thread; without it they are read in this one. */
  reader?: ReaderClient;
  /** Called while text is read: what is being done, fraction done. */
  onProgress?: (note: string, fraction: number) => void;
}

/** SAEBench's default, and the demo model's. */
export const DEFAULT_CONTEXT = 128;
export const DEFAULT_HOOK = 'blocks.0.mlp.hook_post';
export const DEFAULTS = { evalTokens: 65536, trainTokens: Number.POSITIVE_INFINITY, modelBatchTokens: 4096, cacheBytes: 2 ** 30 };

/** A setting, or what holds without it. */
export const settingOf = (options: WorkspaceOptions, name: keyof typeof DEFAULTS): number => options[name] ?? DEFAULTS[name];
