/** A language model from its files: weights on the GPU, its configuration and, where there is one, its tokenizer. */
import type { ModelFiles } from '../data/dropped/modelFolder';
import { TensorSet } from '../data/formats/safetensors/tensorSet';
import type { Gpu } from '../gpu/device';
import { type LmConfig, parseConfig } from '../lm/config';
import { LanguageModel } from '../lm/model';
import { loadTokeniser, type Tokeniser } from '../lm/tokenise';

export interface LoadedModel {
  label: string;
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
  return { label: files.folder.split('/').at(-1) || config.label, config, model, ...(tokeniser ? { tokeniser } : {}) };
}
