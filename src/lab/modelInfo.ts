/** A language model in the words of the page: what it is, which hooks it has, and why loss recovered cannot be measured, if so. */
import type { HookInUse } from './hookInUse';
import type { LoadedModel } from './loadedModel';
import type { ModelInfo, Provenance } from './protocol';

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
  /** Where the rows come from. */
  hook: HookInUse;
  /** What was found out about that when runs started. */
  provenance: Provenance | undefined;
  /** 'none': no text was given; 'unusable': one was, but could not be read; 'there': tokens to run the model on. */
  text: 'none' | 'unusable' | 'there';
}

export function modelInfo(
  { label, config, model, notes }: Pick<LoadedModel, 'label' | 'config' | 'model' | 'notes'>,
  { hook, provenance, text }: ModelFit,
): ModelInfo {
  const noText =
    text === 'unusable'
      ? 'the text could not be used: see its line above.'
      : text === 'none'
        ? 'there is no text yet: drop a .txt file or a file of token sequences.'
        : undefined;
  const problem = hook.problem ?? noText ?? provenance?.lossProblem;
  return {
    label,
    family: config.label,
    layers: config.layers,
    dModel: config.dModel,
    vocab: config.vocab,
    context: config.context,
    parameters: model.parameters,
    hooks: model.hooks.map(({ name, width }) => ({ name, width })),
    ...(notes.length > 0 && { notes }),
    ...(hook.hook !== undefined && { hook: hook.hook }),
    ...(hook.from !== undefined && { hookFrom: hook.from }),
    ...(hook.among && { among: hook.among }),
    ...(hook.contradiction !== undefined && { contradiction: hook.contradiction }),
    ...(provenance?.hookCheck && { hookCheck: provenance.hookCheck }),
    ...(problem !== undefined && { problem }),
  };
}
