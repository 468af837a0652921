/** A language model in the words of the page: what it is, which hooks it has, and why loss recovered cannot be measured, if so. */
import type { LmConfig } from '../lm/config';
import type { LanguageModel } from '../lm/model';
import type { ModelInfo } from './protocol';

/** A model whose files were there but could not be used. */
export const unusableModel = (folder: string, problem: string): ModelInfo => ({
  label: folder || 'model',
  family: 'not usable',
  layers: 0,
  dModel: 0,
  vocab: 0,
  context: 0,
  parameters: 0,
  hooks: [],
  problem,
});

export interface ModelFit {
  /** The hook in use, when one fits. */
  hook: string | undefined;
  /** Width of the shards' rows, when there are shards. */
  d: number | undefined;
  /** 'none': no text was given; 'unusable': one was, but could not be read; 'there': tokens to run the model on. */
  text: 'none' | 'unusable' | 'there';
}

export function modelInfo(
  label: string,
  config: LmConfig,
  model: LanguageModel,
  notes: readonly string[],
  { hook, d, text }: ModelFit,
): ModelInfo {
  const info: ModelInfo = {
    label,
    family: config.label,
    layers: config.layers,
    dModel: config.dModel,
    vocab: config.vocab,
    context: config.context,
    parameters: model.parameters,
    hooks: model.hooks.map(({ name, width }) => ({ name, width })),
  };
  if (notes.length > 0) info.notes = notes;
  if (hook !== undefined) info.hook = hook;
  if (hook === undefined && d !== undefined) {
    const widths = [...new Set(model.hooks.map(({ width }) => width))].join(', ');
    info.problem = `no hook of this model is ${d} wide like the shards' rows (its hooks are ${widths} wide): the shards come from another model or hook.`;
  } else if (text === 'unusable') {
    info.problem = 'the text could not be used: see its line above.';
  } else if (text === 'none') {
    info.problem = 'there is no text yet: drop a .txt file or a file of token sequences.';
  }
  return info;
}
