/** How a language model's weights are told from activations, which come in the same formats. */

import { type Fields, isFields } from '../../util/json';

/** The JSON that says which file holds which tensor: `model.safetensors.index.json`. */
export const isWeightIndex = (value: unknown): value is { weight_map: Fields } => isFields(value) && isFields(value.weight_map);

/** Embeddings, unembeddings and per-layer parameters as Hugging Face and TransformerLens name them. */
const MODEL_TENSOR =
  /(^|\.)((wte|wpe|embed_tokens|embed_in|embed_out|word_embeddings|tok_embeddings|lm_head)\.weight|(layers|h|blocks|block)\.\d+\..*\.(weight|bias|W_[A-Z]+|b_[A-Z]+|w|b)|(embed|unembed)\.W_[EU])$/;

/** True for tensor names of a language model's weights. */
export const isModelWeights = (names: Iterable<string>): boolean => [...names].some((name) => MODEL_TENSOR.test(name));
