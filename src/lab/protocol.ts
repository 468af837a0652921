/**
 * What the page and the session worker say to each other: two closed unions. The page sends commands, each answered by
 * exactly one `reply` with the same id; the worker sends events whenever something changes, at most ten a second.
 *
 * Slow state (data, runs, phase) travels as whole immutable values; time series travel as transferred Float32Arrays.
 */

import type { FileReport } from '../data/dropped/report';
import type { FilterRequest } from '../data/rows/filter';
import type { Profile } from '../data/rows/profile';
import type { AdapterSummary } from '../gpu/device';
import type { ArmFacts } from '../metrics/arms';
import type { Metrics } from '../metrics/types';
import type { ArchitectureId, OptionValues } from '../sae/architectures';
import type { Numbered, Reply } from '../util/calls';
import type { TimeRange } from '../util/duration';
import type { Normalize } from './normalizations';
import type { Recipe, SweepConfig } from './settings';

export type { FileReport } from '../data/dropped/report';
export type { FilterRequest } from '../data/rows/filter';
export type { Profile } from '../data/rows/profile';
export type { ArmFacts } from '../metrics/arms';
export type { Arm, SweepConfig } from './settings';

export interface DeviceInfo {
  adapter: AdapterSummary;
  /** Effective speed of the encoder matmul measured at start, GFLOP/s (2 FLOPs per multiply-add). */
  gflops: number;
  maxBufferBytes: number;
  maxBindingBytes: number;
}

export interface ShardsInfo {
  /** Where the rows come from: dropped shards, or a language model reading text. */
  source: 'shards' | 'harvest';
  label: string;
  rows: number;
  d: number;
  dtype: string;
  trainRows: number;
  heldOutRows: number;
  bytes: number;
  /** What is pooled, when that is more than one kind of file: a sentence. */
  pooled?: string;
  /** Rows with NaN or Inf met so far; they are excluded. */
  badRows: number;
  /** What is left out on request, in words, and the rows of it met so far, in words; absent when nothing is. */
  filter?: string;
  dropped?: string;
  /** SHA-256 over names, sizes and edges of the files, once it was asked for. */
  fingerprint?: string;
}

export interface ModelInfo {
  label: string;
  /** e.g. `GPT-2`, `Llama`. */
  family: string;
  layers: number;
  dModel: number;
  vocab: number;
  context: number;
  parameters: number;
  hooks: { name: string; width: number }[];
  /** The hook in use; undefined while none fits the shards, or a person has to say which. */
  hook?: string;
  /** What the model's files say and nothing reads, or contradict, and what was done about it: a sentence each. */
  notes?: readonly string[];
  /** Who says that it is this hook, in words. */
  hookFrom?: string;
  /** The hooks to choose from, while a person has to say. */
  among?: string[];
  /** Something contradicts the hook in use, a sentence. */
  contradiction?: string;
  /** Whether the rows come from there; once runs have started. */
  hookCheck?: { verdict: HookVerdict; found: string; instead?: string };
  /** Why loss recovered cannot be measured (yet), when it cannot. */
  problem?: string;
}

export interface TextInfo {
  label: string;
  tokens: number;
  /** Sequences held out for evaluation, and their length in tokens. */
  heldOutSequences: number;
  sequenceLength: number;
  /** How much of what is measured on was trained on, or why that cannot be known; once runs have started. */
  overlap?: string;
}

/** What a person answered where files left a choice. */
export interface Picked {
  /** The tensor with the activations, and all those that it was picked from. */
  tensor?: string;
  among?: string[];
  /** 2-byte values are read as bf16. */
  wordsAreBf16?: boolean;
  /** Files with the same rows are all used. */
  allowDuplicates?: boolean;
}

export interface DataState {
  files: FileReport[];
  /** Absent when nothing was asked. */
  picked?: Picked;
  shards?: ShardsInfo;
  model?: ModelInfo;
  text?: TextInfo;
  /** A sentence about sizes reduced for a software adapter, when they were. */
  note?: string;
  /** What was asked to be left out; `shards.filter` says what that came to. */
  filterRequest?: FilterRequest;
  /** The files are the demo's, perhaps with others added. */
  isDemo?: boolean;
  /** Changes whenever files were added, chosen from or cleared. */
  revision?: number;
}

/** A file that could not be read while runs train: they wait for a decision. */
export interface FileTrouble {
  path: string;
  /** Says what was found and what to do. */
  message: string;
  /** Files that are read together with it, as they were dropped. */
  files: string[];
  /** Why the runs cannot go on without it, when they cannot. */
  whyNoSkip?: string;
}

export type Phase = 'idle' | 'loading' | 'preparing' | 'training' | 'paused' | 'finished' | 'failed';

export interface SessionState {
  phase: Phase;
  /** What is going on, for the status line: "compiling 3 of 9 kernels", "evaluating 4 of 8 runs". */
  note: string;
  /** Fraction done of what `note` names, when known. */
  progress?: number;
  rowsPerSecond?: number;
  /** Seconds until all runs have ended, from the pace so far; absent before the first steps. */
  remaining?: TimeRange;
  /** Times that the training rows have been gone through. */
  epoch?: number;
  /** Shares of the last seconds' wall time, 0..1: waiting for data, waiting for the GPU, evaluating. Together at most 1; absent until measured. */
  dataShare?: number;
  gpuShare?: number;
  evalShare?: number;
  /** GPU memory allocated for training. */
  gpuBytes?: number;
  /** What the formula says (`src/sae/memory.ts`): everything, and of that parameters and Adam's moments. */
  gpuFormulaBytes?: { total: number; state: number };
  /** Set while runs wait because of a file: `retry-file`, `skip-file` or `stop`. */
  trouble?: FileTrouble;
}

export type RunState = 'queued' | 'training' | 'paused' | 'done' | 'stopped' | 'failed' | 'interrupted';

/**
 * What two runs must agree in to be compared with each other, each fact a word of its own so that a difference can be named. A fact that is
 * not known is absent; two runs of which one knows it differ. Made by `identityOf` (origin.ts).
 */
export interface RunIdentity {
  /** SHA-256 of the rows trained on: the files' fingerprint, the tensor picked of them and how its values are read; of a harvest the model, the text, the hook and how the text is cut. */
  rows?: string;
  /** What is left out of these rows, in words; "" when nothing is. */
  filter: string;
  /** The place in the model that the rows come from. */
  hook?: string;
  /** SHA-256 of the language model (config and weights); only where it was run for the metrics. */
  model?: string;
  /** SHA-256 of what the metrics are measured on: token sequences, or ranges of rows. Absent when nothing is. */
  evaluation?: string;
  /** What rows are scaled to in training. */
  normalize: Normalize;
}

/**
 * How it is known that rows come from the hook at which loss recovered is measured. `rows`: the model gives these very rows for the shards'
 * tokens; `moments`: means, spreads and norms are alike; `computed`: this model computes them; `mismatch`: they come from elsewhere, so that
 * loss recovered is not measured; `trusted`: they do, or nothing tells, and a person insists; `unknown`: nothing tells; `unchecked`: there is no model.
 */
export type HookVerdict = 'rows' | 'moments' | 'computed' | 'mismatch' | 'trusted' | 'unknown' | 'unchecked';

/** What the metrics of a run rest on. What is not known is absent. */
export interface Provenance {
  /** Where the rows come from, who says so, and how that was checked, in a sentence; `instead`: the hook that gives these rows. */
  hook?: string;
  hookFrom?: string;
  hookCheck?: { verdict: HookVerdict; found: string; instead?: string };
  /** Why loss recovered is not measured although there is a model, a sentence. */
  lossProblem?: string;
  /** Evaluation tokens that stand in the training tokens too, and of how many; absent where that cannot be known. */
  evalTokensSeen?: { seen: number; of: number };
  /** What is measured on, in a sentence; with the reason where it cannot be known what of it was trained on. */
  evalText?: string;
}

export interface RunSummary {
  id: string;
  name: string;
  arch: ArchitectureId;
  /** The arm of the sweep that it came from. */
  arm: ArmFacts;
  /** Values of the architecture's options; absent where it has none. */
  options?: OptionValues;
  /** Names of architectures that it can be saved as, its own first; absent where there is no choice. */
  forms?: readonly string[];
  dIn: number;
  dSae: number;
  lambda: number;
  seed: number;
  /** How activations were scaled in training, and by what factor: lambda and losses are of the scaled ones, metrics are not. */
  normalize: Normalize;
  activationScale: number;
  /** What it was trained on, in words. */
  data: string;
  /** Runs are compared with each other only where all of this agrees (how far each has come: `step`, `steps`, `state`). */
  identity: RunIdentity;
  /** What its metrics rest on. */
  provenance?: Provenance;
  /** All of its settings, and what it was trained on: what makes it again. */
  recipe: Recipe;
  steps: number;
  step: number;
  state: RunState;
  /** Why it failed or was interrupted. */
  message?: string;
  /** The run that it starts from, and for which it waits while it is queued. */
  from?: string;
  /** Dead latents that began anew, in order; absent where none were to. */
  resampled?: readonly { step: number; latents: number; inputs: number }[];
  /** Training rows per second of this run's sweep. */
  rowsPerSecond?: number;
  /** Last evaluation on held-out data; absent before the first. */
  metrics?: Metrics;
  /** Step at which `metrics` were measured. */
  evaluatedAt?: number;
  /** 'loss_recovered' when CE was measured, else 'r2'. */
  quality?: 'loss_recovered' | 'r2';
}

/** Firing frequencies of one run's latents over the last `rows` training rows. */
export interface DensityHistogram {
  /** Counts of latents whose log10 firing frequency falls in 40 equal bins of [-6, 0). */
  counts: number[];
  /** Latents that never fired in these rows. */
  dead: number;
  rows: number;
}

export interface Estimate {
  ok: boolean;
  /** Bytes of GPU memory the runs need together, and what the device allows in one buffer. */
  gpuBytes: number;
  /** Of these, what the method itself needs: parameters and Adam's moments, by the formula. */
  stateBytes: number;
  limitBytes: number;
  runs: number;
  parameters: number;
  /** What is wrong and how to mend it, one sentence each. Empty when ok. */
  problems: string[];
}

/** Columns of the training log, in the order of the transferred values. */
export const LOG_COLUMNS = ['step', 'lr', 'lambda', 'loss', 'mse_loss', 'sparsity_loss', 'aux_loss', 'l0', 'gamma'] as const;
export type LogColumn = (typeof LOG_COLUMNS)[number];

export type Command =
  | { type: 'open' }
  | { type: 'demo'; hook?: string }
  /** Files with their paths relative to what was dropped (`folder/shard_0.safetensors`). */
  | { type: 'add-files'; files: { path: string; file: File }[] }
  /** How files that leave a choice are read: the tensor with the activations, whether 2-byte values are bf16. */
  | { type: 'choose'; choices: { tensor?: string; wordsAreBf16?: boolean; allowDuplicates?: boolean } }
  /** What to leave out of training and of held-out rows, in place of what was asked for before. */
  | { type: 'filter'; request: FilterRequest }
  /** A sample of the shards, measured; undefined when no sampled row is finite. */
  | { type: 'profile' }
  /** Where the rows come from. `insist`: whatever the shards say and the check finds. */
  | { type: 'choose-hook'; hook: string; insist?: boolean }
  | { type: 'clear-data' }
  /** What was cleared last, as it was; refused once other files are there. */
  | { type: 'undo-clear' }
  | { type: 'estimate'; config: SweepConfig }
  /** How long the sweep would take: a few of its steps are timed. Not answered with figures while runs train, nor when something else is asked meanwhile. */
  | { type: 'time'; config: SweepConfig }
  /** Starts the runs of a sweep; with others already training they join on the same batches. */
  | { type: 'start'; config: SweepConfig }
  | { type: 'pause' }
  | { type: 'resume' }
  /** Trains exactly one step of every run; only while paused. */
  | { type: 'step' }
  | { type: 'stop' }
  /** Goes on after `SessionState.trouble`: the file is read again, from what is given where it was opened anew. */
  | { type: 'retry-file'; files: { path: string; file: File }[] }
  /** Goes on without the rows of the file in `SessionState.trouble`. */
  | { type: 'skip-file' }
  | { type: 'stop-run'; run: string }
  | { type: 'remove-run'; run: string }
  /** One shard of the hook's activations on the text, as a safetensors file. */
  | { type: 'harvest-shard'; request: ShardRequest }
  /** Ends the shard that is being made. */
  | { type: 'cancel-harvest' }
  /** SAELens folder of one run: cfg.json and sae_weights.safetensors; as its own architecture unless another is named. */
  | { type: 'save-run'; run: string; as?: string };

/** Which shard, in what dtype, of how many rows of all shards together: whole windows of them, at least one. */
export interface ShardRequest {
  index: number;
  dtype: 'f32' | 'f16';
  maxRows: number;
}

export interface HarvestedShard {
  files: { name: string; bytes: Uint8Array }[];
  /** Rows harvested when this shard is written, and rows of all shards. */
  done: number;
  total: number;
}

/** Seconds of a sweep, where they could be measured, and whether on the sweep itself or on a smaller one of its kind. */
export interface SweepTime {
  range?: TimeRange;
  isWhole?: boolean;
}

export type CommandType = Command['type'];

/** What each command's reply carries; commands not listed reply with nothing. */
export interface Replies {
  open: DeviceInfo;
  /** The sweep that was started, so that the form can show it and more runs can join it. */
  demo: { config: SweepConfig };
  profile: { profile: Profile | undefined };
  estimate: Estimate;
  time: SweepTime;
  start: { runs: string[] };
  'harvest-shard': HarvestedShard;
  'save-run': { folder: string; files: { name: string; bytes: Uint8Array }[] };
}
export type ReplyOf<T extends CommandType> = T extends keyof Replies ? Replies[T] : undefined;

export type LabEvent =
  | ({ type: 'reply' } & Numbered<Reply<Replies[keyof Replies] | undefined>>)
  | { type: 'data'; data: DataState }
  | { type: 'state'; state: SessionState }
  | { type: 'runs'; runs: RunSummary[] }
  /** New log rows of one run: `values` holds rows of LOG_COLUMNS.length numbers; NaN where the architecture has no such term. */
  | { type: 'log'; run: string; values: Float32Array }
  /** Each evaluation, for the trails of the Pareto chart and the diagnostics over steps. */
  | { type: 'evaluated'; run: string; step: number; metrics: Metrics; density: DensityHistogram }
  /** Something the person should know that is not the answer to a command. */
  | { type: 'notice'; level: 'info' | 'warning' | 'error'; message: string }
  | { type: 'device-lost'; message: string };

export type Envelope = Numbered<{ command: Command }>;
