/** The engine in Node: one device, one workspace, files from paths. */

import { listFiles } from '../data/bytes/nodeFiles';
import type { ByteSource } from '../data/bytes/types';
import type { InspectOptions } from '../data/dropped/classify';
import { describePool } from '../data/dropped/pooled';
import { describeDrops, type FilterRequest } from '../data/rows/filter';
import type { Moments } from '../data/rows/moments';
import type { ShardSource } from '../data/rows/shard';
import { type Gpu, openGpu } from '../gpu/device';
import { nodeGpu } from '../gpu/node';
import { NO_TEXT } from '../lab/measuring';
import type { FileReport } from '../lab/protocol';
import { Workspace, type WorkspaceOptions } from '../lab/workspace';
import { calibrate } from '../sae/calibrate';
import { messageOf } from '../util/errors';
import { baseName } from '../util/paths';
import { type Options, UsageError } from './args';
import { assumedNotes } from './assumed';
import type { OptionRows } from './options';
import { progress, say } from './output';

export interface Engine {
  gpu: Gpu;
  flopsPerMs: number;
}

export async function openEngine(): Promise<Engine> {
  const gpu = await openGpu(await nodeGpu(), 'largest');
  const flopsPerMs = await calibrate(gpu);
  return { gpu, flopsPerMs };
}

/** Adapter name as it appears in results. */
export const adapterName = ({ adapter }: Gpu): string => `${adapter.name}${adapter.isSoftware ? ' (software)' : ''}`;

/** What a workspace is filled with, by paths. */
export interface Inputs {
  /** Shards, or folders of them. */
  data?: string[];
  /** A language-model folder. */
  model?: string | undefined;
  /** A text to turn into tokens. */
  text?: string | undefined;
  /** A file with `input_ids` or `tokens` `[n, T]`, instead of a text. */
  tokens?: string | undefined;
  /** Where the rows come from, by TransformerLens' name. */
  hook?: string | undefined;
  /** The hook is taken whatever the shards say and the check finds. */
  trustHook?: boolean;
  /** How shards that leave a choice are read. */
  reading?: InspectOptions;
  /** Rows to leave out. */
  filter?: FilterRequest;
}

/** How files are read, for every command that reads activations. */
export const READING_OPTIONS: OptionRows = {
  tensor: {
    kind: 'text',
    value: 'NAME',
    help: "The activations' name, for files with several candidates; without it an error lists them.",
  },
  'words-are-bf16': { kind: 'flag', help: '2-byte values of numpy files are bf16, which numpy cannot say.' },
  'allow-duplicates': { kind: 'flag', help: 'Uses files that hold the same rows as another one, which are refused otherwise.' },
};

/** Rows left out, for every command that trains or measures on them. */
export const FILTER_OPTIONS: OptionRows = {
  'drop-masked': { kind: 'flag', default: 'where there is a mask', help: "Leaves out rows that the file's mask says are padding." },
  'keep-masked': { kind: 'flag', help: 'Keeps them.' },
  'drop-bos': { kind: 'flag', help: 'Leaves out first positions of sequences: the first row that is no padding.' },
  'drop-zero': { kind: 'flag', help: 'Leaves out rows of nothing but zeros.' },
  'drop-tokens': { kind: 'text', value: 'ID,ID', help: 'Leaves out rows of these token ids.' },
  'max-norm': { kind: 'text', value: 'X|Kx', help: 'Leaves out rows with a norm above X, or above K times the median.' },
};

export function readingOf(options: Options): InspectOptions {
  const tensor = options.text('tensor');
  return {
    ...(tensor !== undefined && { tensor }),
    ...(options.flag('words-are-bf16') && { wordsAreBf16: true }),
    ...(options.flag('allow-duplicates') && { allowDuplicates: true }),
  };
}

/** @throws UsageError naming the option. */
export function filterOf(options: Options): FilterRequest {
  const [drop, keep] = [options.flag('drop-masked'), options.flag('keep-masked')];
  if (drop && keep) throw new UsageError('give --drop-masked or --keep-masked, not both');
  const ids = options.text('drop-tokens');
  const tokens = ids?.split(',').map((id) => Number(id.trim() || Number.NaN));
  if (tokens?.some((id) => !Number.isInteger(id) || id < 0))
    throw new UsageError(`--drop-tokens must be token ids such as 0,2, not "${ids}"`);
  const norm = options.text('max-norm');
  const [, value, medians] = /^(\d*\.?\d+(?:e[+-]?\d+)?)(x?)$/i.exec(norm ?? '') ?? [];
  if (norm !== undefined && !(Number(value) > 0))
    throw new UsageError(`--max-norm must be a norm above 0, or so many times the median such as 10x, not "${norm}"`);
  return {
    ...(drop && { masked: true }),
    ...(keep && { masked: false }),
    ...(options.flag('drop-bos') && { bos: true }),
    ...(options.flag('drop-zero') && { zero: true }),
    ...(tokens && { tokens }),
    ...(norm !== undefined && (medians ? { maxNormMedians: Number(value) } : { maxNorm: Number(value) })),
  };
}

/** What is to be known of the language model, as it appears in JSON results; it was said when the model was loaded. */
export const modelFacts = ({ modelNotes }: Workspace): { model_notes?: readonly string[] } =>
  modelNotes.length > 0 ? { model_notes: modelNotes } : {};

/** Says that rows of zeros are trained on, and count in the scale, where they were not dropped. */
export function sayZeros({ zeroRows, rows }: Pick<Moments, 'zeroRows' | 'rows'>): void {
  if (zeroRows > 0)
    say(
      `note: ${zeroRows} of ${rows} sampled rows are all zeros; they are trained on. inspect --profile says where; --drop-zero leaves them out`,
    );
}

/** Says what was left out of training, if anything. */
export function sayDropped({ rows }: Workspace): void {
  const words = describeDrops(rows.dropped);
  if (words) say(`rows left out: ${words}`);
}

/**
 * A workspace with the given files in it.
 * @throws DataError when a named file or folder does not exist, or a model, text or shard among them cannot be used.
 */
export async function loadWorkspace(
  engine: Engine,
  inputs: Inputs,
  options: Omit<Partial<WorkspaceOptions>, 'flopsPerMs'> = {},
): Promise<Workspace> {
  const workspace = new Workspace(engine.gpu, {
    flopsPerMs: engine.flopsPerMs,
    modelBatchTokens: engine.gpu.adapter.isSoftware ? 1024 : 8192,
    onProgress: (note, fraction) => progress(`${note} ${(100 * fraction).toFixed(0)} %`),
    ...options,
  });
  const files = [
    ...(await listFiles(inputs.data ?? [])),
    ...(inputs.model === undefined ? [] : await modelFiles(inputs.model)),
    ...(inputs.text === undefined ? [] : await listFiles([inputs.text])),
  ];
  if (inputs.reading) await workspace.choose(inputs.reading);
  workspace.rows.ask(inputs.filter ?? {});
  await workspace.add(files);
  const { reports, shards } = workspace.inspected;
  for (const report of reports) if (!report.ok) say(`refused ${report.path}: ${report.error}`);
  for (const note of assumedNotes(reports)) say(`note: ${note}`);
  if (inputs.model === undefined && (inputs.text ?? inputs.tokens) !== undefined)
    say(`note: ${inputs.text === undefined ? '--tokens' : '--text'} is not used: without --model no loss recovered is measured on it`);
  const pooled = describePool(shards);
  if (pooled !== undefined) say(pooled);
  if (inputs.model !== undefined && !workspace.model)
    throw new Error(workspace.state(0, 0).model?.problem ?? `${inputs.model}: no config.json with model weights beside it.`);
  if (inputs.tokens !== undefined) await workspace.useTokens((await listFiles([inputs.tokens]))[0] as ByteSource);
  for (const note of workspace.modelNotes) say(`note: ${note}`);
  if (inputs.text !== undefined && inputs.model !== undefined && !workspace.sequences)
    throw new Error(refusals(reports) || `${inputs.text}: no text was found in it.`);
  if ((inputs.data ?? []).length > 0 && shards.length === 0)
    throw new Error(refusals(reports) || 'no activations were found in the given paths.');
  if (shards.length > 0) checkTensor(shards, inputs.reading?.tensor);
  settleHook(workspace, inputs);
  return workspace;
}

/**
 * Where the rows come from, and that loss recovered can be measured where a model was given for it.
 * @throws Error when the shards say otherwise than the command line, nobody says it and several hooks fit, or there is no text.
 */
function settleHook(workspace: Workspace, { hook, trustHook = false, model, data = [] }: Inputs): void {
  try {
    if (hook !== undefined) workspace.chooseHook(hook, trustHook);
    else if (trustHook) workspace.insistOnHook();
  } catch (cause) {
    throw new Error(`--hook: ${messageOf(cause)}${trustHook ? '' : ' Leave it out, or insist on it with --trust-hook.'}`);
  }
  const { problem, among, contradiction } = workspace.hookInUse;
  if (contradiction !== undefined && !among) say(contradiction);
  if (model === undefined || data.length === 0) return;
  const way = among ? ' (--hook NAME)' : '';
  if (problem !== undefined) throw new Error(`--model: ${problem}${way}`);
  if (!workspace.hasTokens) throw new Error(`--model: ${NO_TEXT} (--text FILE or --tokens FILE; without --model runs are measured by R².)`);
}

/**
 * A file without the tensor that was asked for falls back on its only one; when all do, the name is wrong.
 * @throws Error naming the tensors that there are.
 */
export function checkTensor(shards: readonly ShardSource[], tensor: string | undefined): void {
  if (tensor === undefined || shards.length === 0 || shards.some((shard) => shard.tensor === tensor)) return;
  const names = [...new Set(shards.map((shard) => shard.tensor || '(an array without a name)'))];
  throw new Error(`--tensor ${tensor}: no file has activations of this name. There are ${names.slice(0, 20).join(', ')}.`);
}

const refusals = (reports: readonly FileReport[]): string =>
  reports
    .filter((report) => !report.ok)
    .map(({ path, error }) => `${path}: ${error}`)
    .join('\n');

/** The files of a model folder that make the model: texts and dumps that lie beside them are not dropped with it. */
export async function modelFiles(folder: string): Promise<ByteSource[]> {
  const files = await listFiles([folder]);
  const name = ({ path }: ByteSource) => baseName(path);
  const weights = files.filter((file) => /^(model|pytorch_model).*\.safetensors(\.index\.json)?$/.test(name(file)));
  const rest = files.filter((file) => /^((adapter_)?config|tokenizer|tokenizer_config)\.json$|^adapter_model\./.test(name(file)));
  return [...rest, ...(weights.length > 0 ? weights : files.filter((file) => /^(?!adapter_model).*\.safetensors$/.test(name(file))))];
}
