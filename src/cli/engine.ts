/** The engine in Node: one device, one workspace, files from paths. */
import { listFiles } from '../data/nodeFiles';
import type { ByteSource } from '../data/types';
import { type Gpu, openGpu } from '../gpu/device';
import { nodeGpu } from '../gpu/node';
import type { FileReport } from '../lab/protocol';
import { Workspace, type WorkspaceOptions } from '../lab/workspace';
import { calibrate } from '../sae/calibrate';
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
  /** A safetensors file with `input_ids` or `tokens` `[n, T]`, instead of a text. */
  tokens?: string | undefined;
  /** Name of the activations' tensor, for shards that hold several. */
  tensor?: string | undefined;
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
  if (inputs.tensor !== undefined) await workspace.chooseTensor(inputs.tensor);
  await workspace.add(files);
  const { reports, shards } = workspace.inspected;
  for (const report of reports) if (!report.ok) say(`refused ${report.path}: ${report.error}`);
  if (inputs.model !== undefined && !workspace.model)
    throw new Error(workspace.state(0, 0).model?.problem ?? `${inputs.model}: no config.json with model weights beside it.`);
  if (inputs.tokens !== undefined) await workspace.useTokens((await listFiles([inputs.tokens]))[0] as ByteSource);
  if (inputs.text !== undefined && inputs.model !== undefined && !workspace.sequences)
    throw new Error(refusals(reports) || `${inputs.text}: no text was found in it.`);
  if ((inputs.data ?? []).length > 0 && shards.length === 0)
    throw new Error(refusals(reports) || 'no activations were found in the given paths.');
  return workspace;
}

const refusals = (reports: readonly FileReport[]): string =>
  reports
    .filter((report) => !report.ok)
    .map(({ path, error }) => `${path}: ${error}`)
    .join('\n');

/** The files of a model folder that make the model: texts and dumps that lie beside them are not dropped with it. */
export async function modelFiles(folder: string): Promise<ByteSource[]> {
  const files = await listFiles([folder]);
  const name = ({ path }: ByteSource) => path.slice(path.lastIndexOf('/') + 1);
  const weights = files.filter((file) => /^(model|pytorch_model).*\.safetensors(\.index\.json)?$/.test(name(file)));
  const rest = files.filter((file) => /^(config|tokenizer|tokenizer_config)\.json$/.test(name(file)));
  return [...rest, ...(weights.length > 0 ? weights : files.filter((file) => name(file).endsWith('.safetensors')))];
}
