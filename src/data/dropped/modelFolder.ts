/** A language model among the files: config.json and what lies beside it. */

import { isFields } from '../../util/json';
import { baseName } from '../../util/paths';
import type { ByteSource } from '../bytes/types';
import { isModelWeights, isWeightIndex } from '../formats/modelWeights';
import { accept, type Entry, refuse } from './entry';

/** The files of one Hugging Face model folder. */
export interface ModelFiles {
  folder: string;
  /** config.json, parsed. */
  config: unknown;
  /** model.safetensors, or its shards in order. */
  weights: ByteSource[];
  /** tokenizer.json and tokenizer_config.json, parsed. */
  tokenizer?: unknown;
  tokenizerConfig?: unknown;
  /** Path of the tokenizer.json in use, when it is not in the model's own folder. */
  tokenizerPath?: string;
  /** Files that model.safetensors.index.json names and that are not there. */
  missing?: string[];
  /** A PEFT adapter beside the weights, or what there is of one. */
  adapter?: AdapterFiles;
}

export interface AdapterFiles {
  /** Its folder's name and a slash, for messages. */
  folder: string;
  /** adapter_config.json, parsed. */
  config?: unknown;
  /** adapter_model.safetensors. */
  weights?: ByteSource;
}

/** All files that a model's numbers come from. */
export const modelSources = ({ weights, adapter }: ModelFiles): ByteSource[] => [
  ...weights,
  ...(adapter?.weights ? [adapter.weights] : []),
];

export const isModelConfig = (value: unknown): boolean =>
  isFields(value) && (typeof value.model_type === 'string' || (Array.isArray(value.architectures) && !('tokenizer_class' in value)));
export const isTokenizer = (value: unknown): boolean =>
  isFields(value) && isFields(value.model) && ('added_tokens' in value || 'pre_tokenizer' in value);
export const isTokenizerConfig = (value: unknown): boolean =>
  isFields(value) && ('tokenizer_class' in value || 'model_max_length' in value);
export const isAdapterConfig = (value: unknown): boolean => isFields(value) && typeof value.peft_type === 'string';

/**
 * Takes the model's files out of the entries: the first folder that has a config.json of a model with weights beside it,
 * with the tokenizer of that folder, or the only one there is.
 */
export function modelOf(entries: Entry[]): { model?: ModelFiles; rest: Entry[] } {
  const configs = entries.filter((e) => e.found.kind === 'json' && isModelConfig(e.found.value));
  const taken = new Set<Entry>();
  let model: ModelFiles | undefined;
  for (const config of configs) {
    taken.add(config);
    const beside = entries.filter((e) => e.folder === config.folder);
    const weights = beside.filter((e) => !isAdapterFile(e) && isWeightsFile(e, indexedFiles(beside)));
    if (model) {
      refuse(config, 'config', `another model (${model.folder || 'dropped files'}) is in use already. Drop one model at a time.`);
    } else if (weights.length === 0) {
      refuse(
        config,
        'config',
        'the config.json of a model without its weights. Drop the whole folder: model.safetensors and tokenizer.json too.',
      );
    } else {
      accept(config, 'config');
      for (const entry of weights) accept(entry, 'model');
      for (const entry of weights) taken.add(entry);
      model = { folder: config.folder, config: jsonOf(config), weights: weights.map((e) => e.source) };
      const names = new Set<unknown>(weights.map((e) => baseName(e.source.path)));
      const missing = [...indexedFiles(beside)].filter((name): name is string => typeof name === 'string' && !names.has(name));
      if (missing.length > 0) model.missing = missing;
    }
  }
  takeAdapters(entries, taken, model);
  takeTokenizers(entries, taken, model);
  return { ...(model && { model }), rest: entries.filter((e) => !taken.has(e)) };
}

/** adapter_config.json, or adapter_model by its tensors or its name; its PyTorch form by its name alone, for it is not read. */
function isAdapterFile({ found, source: { path } }: Entry): boolean {
  if (found.kind === 'json') return isAdapterConfig(found.value);
  if (/^adapter_model\.(safetensors|bin)$/.test(baseName(path))) return true;
  return (
    found.kind === 'container' && [...found.container.arrays.keys()].some((name) => /\.lora_(A|B|embedding_A|embedding_B)\b/.test(name))
  );
}

/** The adapter in the model's own folder belongs to it; one anywhere else is refused aloud, because nothing would apply it. */
function takeAdapters(entries: Entry[], taken: Set<Entry>, model: ModelFiles | undefined): void {
  for (const entry of entries.filter((e) => !taken.has(e) && isAdapterFile(e))) {
    taken.add(entry);
    const { found, source, folder } = entry;
    if (!model || folder !== model.folder) {
      const what = model ? 'lies apart from the model in use, which is used without it' : 'is no model without the weights it adapts';
      refuse(
        entry,
        'adapter',
        `an adapter that ${what}. Put adapter_config.json and adapter_model.safetensors into the model’s own folder.`,
      );
      continue;
    }
    model.adapter ??= { folder: folder === '' ? '' : `${folder}/` };
    if (found.kind === 'container' && model.adapter.weights) {
      refuse(entry, 'adapter', `another adapter (${model.adapter.weights.path}) lies beside it. Keep the one to be used.`);
      continue;
    }
    accept(entry, 'adapter');
    if (found.kind === 'json') model.adapter.config = found.value;
    else if (found.kind === 'container') model.adapter.weights = source;
    else refuse(entry, 'adapter', 'an adapter as PyTorch file, which is not read. Save it as adapter_model.safetensors.');
  }
}

const jsonOf = (entry: Entry): unknown => (entry.found.kind === 'json' ? entry.found.value : undefined);

/** Names in model.safetensors.index.json. */
function indexedFiles(beside: Entry[]): Set<unknown> {
  return new Set(
    beside.flatMap((e) => (e.found.kind === 'json' && isWeightIndex(e.found.value) ? Object.values(e.found.value.weight_map) : [])),
  );
}

/** Weights by their tensors' names, the index, or the usual file name; other safetensors in the folder may well be activations. */
function isWeightsFile(entry: Entry, indexed: Set<unknown>): boolean {
  if (entry.found.kind !== 'container') return false;
  const name = baseName(entry.source.path);
  return (
    indexed.has(name) || isModelWeights(entry.found.container.arrays.keys()) || /^(model|pytorch_model)([.-].*)?\.safetensors$/.test(name)
  );
}

function takeTokenizers(entries: Entry[], taken: Set<Entry>, model: ModelFiles | undefined): void {
  const kinds = [
    { key: 'tokenizer', is: isTokenizer },
    { key: 'tokenizerConfig', is: isTokenizerConfig },
  ] as const;
  for (const { key, is } of kinds) {
    const found = entries.filter((e) => e.found.kind === 'json' && !taken.has(e) && is(e.found.value));
    const own = found.find((e) => e.folder === model?.folder) ?? (found.length === 1 ? found[0] : undefined);
    for (const entry of found) {
      taken.add(entry);
      if (entry === own && model) {
        accept(entry, 'tokenizer');
        model[key] = jsonOf(entry);
        if (key === 'tokenizer' && entry.folder !== model.folder) model.tokenizerPath = entry.source.path;
      } else if (model) accept(entry, 'unused');
      else
        refuse(
          entry,
          'tokenizer',
          'a tokenizer without its model. Drop the whole folder: config.json, model.safetensors and the tokenizer.',
        );
    }
  }
  for (const entry of entries) {
    if (entry.found.kind !== 'json' || taken.has(entry) || !isWeightIndex(entry.found.value)) continue;
    // An index of other tensors is of activations in several files.
    if (entry.folder !== model?.folder && !isModelWeights(Object.keys(entry.found.value.weight_map))) continue;
    taken.add(entry);
    accept(entry, 'unused');
  }
}
