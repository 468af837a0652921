/** A language model from its files: weights on the GPU, its configuration and, where there is one, its tokenizer. */
import { fingerprintOf } from '../data/bytes/fingerprint';
import type { ModelFiles } from '../data/dropped/modelFolder';
import { TensorSet } from '../data/formats/safetensors/tensorSet';
import type { Gpu } from '../gpu/device';
import type { LmConfig } from '../lm/config';
import { parseConfig } from '../lm/families';
import { LanguageModel } from '../lm/model';
import { loadTokeniser, type Tokeniser } from '../lm/tokenise';
import { idOf } from './origin';

export interface LoadedModel {
  label: string;
  /** SHA-256 of its config.json and the fingerprint of its weights: two models of one name are two models. */
  id: string;
  config: LmConfig;
  model: LanguageModel;
  tokeniser?: Tokeniser;
}

/**
 * @param batchTokens tokens of a forward pass, at least the model's context.
 * @throws Error naming the file and what about it cannot be used.
 */
export async function loadLanguageModel(gpu: Gpu, files: ModelFiles, batchTokens: number, flopsPerMs: number): Promise<LoadedModel> {
  const config = parseConfig(files.config, files.folder ? `${files.folder}/config.json` : 'config.json');
  const tensors = await TensorSet.open(files.weights);
  const maxTokens = Math.max(batchTokens, config.context);
  const model = await LanguageModel.load(gpu, config, tensors, { maxTokens, flopsPerMs });
  const tokeniser = files.tokenizer === undefined ? undefined : loadTokeniser(files.tokenizer, files.tokenizerConfig ?? {}, config);
  const label = files.folder.split('/').at(-1) || config.label;
  const id = await idOf([files.config, await fingerprintOf(files.weights)]);
  return { label, id, config, model, ...(tokeniser ? { tokeniser } : {}) };
}
