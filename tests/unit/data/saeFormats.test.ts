/** Formats of saved SAEs by the names and shapes of their tensors: those of which no small file is at hand. Names: the loaders of each format. */
import { describe, expect, it } from 'vitest';
import { SAELENS, saeFormatOf } from '../../../src/data/dropped/saeFiles';

const file = (format: string, shapes: Record<string, number[]>, path = 'f/weights') => ({
  path,
  format,
  arrays: new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
});
const [D, F] = [8, 32];

describe('a saved SAE', () => {
  it.each([
    ['Gemma Scope 2', file('safetensors', { w_enc: [D, F], w_dec: [F, D], b_enc: [F], b_dec: [D], threshold: [F] }), /^Gemma Scope 2/],
    ['Goodfire', file('PyTorch .pt', { 'encoder_linear.weight': [F, D], 'decoder_linear.weight': [D, F] }), /^Goodfire/],
    ['a crosscoder', file('PyTorch .pt', { W_enc: [2, D, F], W_dec: [F, 2, D], b_enc: [F], b_dec: [2, D] }), /^a crosscoder/],
    ['half of a cross-layer transcoder', file('safetensors', { W_enc_3: [F, D], b_enc_3: [F], b_dec_3: [D] }), /^a cross-layer transcoder/],
    ['matching pursuit', file('safetensors', { W_dec: [F, D], b_dec: [D] }), /matching pursuit/],
    ['Qwen Scope', file('PyTorch .pt', { W_enc: [F, D], W_dec: [D, F], b_enc: [F], b_dec: [D] }, 'layer3.sae.pt'), /Qwen Scope/],
    ['R1 distill', file('safetensors', { 'encoder.weight': [F, D], 'decoder.weight': [D, F], log_jumprelu_threshold: [F] }), /R1/],
    ['SAELens', file('safetensors', { W_enc: [D, F], W_dec: [F, D], b_dec: [D], b_enc: [F] }), new RegExp(`^${SAELENS}$`)],
  ])('%s', (_, weights, words) => expect(saeFormatOf(weights)).toMatch(words));
});

it('what only shares a name with one is none', () => {
  expect(saeFormatOf(file('safetensors', { activations: [100, D], tokens: [100] }))).toBeUndefined();
  expect(saeFormatOf(file('safetensors', { 'encoder.weight': [100, D], 'decoder.weight': [50, D] }))).toBeUndefined();
  expect(saeFormatOf(file('.npz', { W_enc: [D, F] }))).toBeUndefined();
});
