/** A language model from its files: weights on the GPU, its configuration and, where there is one, its tokenizer. */
import { fingerprintOf } from '../data/bytes/fingerprint';
import { DataError } from '../data/bytes/types';
import { type AdapterFiles, type ModelFiles, modelSources } from '../data/dropped/modelFolder';
import { TensorSet } from '../data/formats/safetensors/tensorSet';
import type { Gpu } from '../gpu/device';
import { type Adapter, withAdapter } from '../lm/adapter';
import type { TensorReader } from '../lm/checkpoint';
import type { LmConfig } from '../lm/config';
import { parseConfig } from '../lm/families';
import { LanguageModel } from '../lm/model';
import { loadTokeniser, type Tokeniser } from '../lm/tokeniser';
import { checkWeights } from '../lm/weights';
import { idOf } from './origin';

export interface LoadedModel {
  label: string;
  /** SHA-256 of its config.json and the fingerprint of its weights: two models of one name are two models. */
  id: string;
  config: LmConfig;
  model: LanguageModel;
  tokeniser?: Tokeniser;
  /** What the files say and nothing here reads, what was contradicted and what was done about it, a sentence each. */
  notes: readonly string[];
}

/** A model's files as far as they can be understood without reading weights. */
interface OpenedModel {
  label: string;
  config: LmConfig;
  tensors: TensorReader;
  tokeniser?: Tokeniser;
  notes: string[];
}

/** @throws DataError naming the file and what about it cannot be used. */
async function openModel(files: ModelFiles): Promise<OpenedModel> {
  const { folder, weights, adapter, missing } = files;
  const notes: string[] = [];
  const note = (sentence: string): void => void notes.push(sentence);
  const root = folder ? `${folder}/` : '';
  const config = parseConfig(files.config, `${root}config.json`, note);
  if (missing)
    throw new DataError(`${root}model.safetensors.index.json`, `names ${missing.join(', ')}, which is not there. Drop the whole folder.`);
  const base = await TensorSet.open(weights);
  const merged = adapter && withAdapter(base, await openAdapter(adapter), config);
  notes.push(...(merged?.notes ?? []));
  const tokeniser = files.tokenizer === undefined ? undefined : loadTokeniser(files.tokenizer, files.tokenizerConfig ?? {}, config);
  if (tokeniser) notes.push(...tokeniser.notes, ...tokeniserFits(tokeniser, config, files.tokenizerPath));
  const label = folder.split('/').at(-1) || config.label;
  return { label, config, tensors: merged?.tensors ?? base, notes, ...(tokeniser ? { tokeniser } : {}) };
}

/** Vocabularies are padded by a few rows; many more, or fewer, are of another model. */
const PADDING = 0.05;

/** What speaks against the tokenizer being this model's. */
function tokeniserFits({ vocab }: Tokeniser, config: LmConfig, elsewhere: string | undefined): string[] {
  const notes = elsewhere === undefined ? [] : [`The tokenizer in use is ${elsewhere}: there is none in the model’s own folder.`];
  if (vocab > config.vocab || vocab < (1 - PADDING) * config.vocab)
    notes.push(`The tokenizer has ${vocab} tokens, the model’s vocabulary ${config.vocab}: it may be another model’s.`);
  return notes;
}

async function openAdapter({ folder, config, weights }: AdapterFiles): Promise<Adapter> {
  if (weights === undefined)
    throw new DataError(
      `${folder}adapter_config.json`,
      'is of an adapter without its adapter_model.safetensors. Add it, or take the adapter out of the folder.',
    );
  if (config === undefined)
    throw new DataError(
      weights.path,
      'is an adapter without its adapter_config.json, which says how it is scaled. Add it, or take the adapter out of the folder.',
    );
  return { config, path: `${folder}adapter_config.json`, tensors: await TensorSet.open([weights]) };
}

/** A model as its files describe it, for `inspect`: reads config.json and the names and shapes of tensors. @throws DataError as `loadLanguageModel`. */
export async function describeModel(files: ModelFiles): Promise<{ label: string; config: LmConfig; notes: readonly string[] }> {
  const { label, config, tensors, notes } = await openModel(files);
  return { label, config, notes: [...notes, ...checkWeights(config, tensors)] };
}

/**
 * @param batchTokens tokens of a forward pass, at least the model's context.
 * @throws Error naming the file and what about it cannot be used.
 */
export async function loadLanguageModel(gpu: Gpu, files: ModelFiles, batchTokens: number, flopsPerMs: number): Promise<LoadedModel> {
  const { tensors, notes, ...opened } = await openModel(files);
  const maxTokens = Math.max(batchTokens, opened.config.context);
  const model = await LanguageModel.load(gpu, opened.config, tensors, { maxTokens, flopsPerMs });
  const id = await idOf([files.config, ...(files.adapter ? [files.adapter.config] : []), await fingerprintOf(modelSources(files))]);
  return { ...opened, id, model, notes: [...notes, ...model.notes] };
}
