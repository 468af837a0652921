/** What a saved SAE asks of rows. Which hooks `center_writing_weights` changes: TransformerLens' HookedTransformer.center_writing_weights. */
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { askedOf, commonFirstToken } from '../../../src/interop/asked';
import { saeOrigin } from '../../../src/interop/saelens';
import { loadWords } from '../../../src/lab/textInput';
import type { LmConfig } from '../../../src/lm/config';

const centred = saeOrigin({ model_from_pretrained_kwargs: { center_writing_weights: true } });
const of = (hook?: string, norm?: 'layernorm' | 'rmsnorm') =>
  askedOf(centred, { path: 'sae', hook, ...(norm && { model: { label: 'm', norm } }) });

describe('center_writing_weights', () => {
  it.each(['hook_embed', 'hook_resid_pre', 'hook_resid_mid', 'hook_resid_post', 'hook_attn_out', 'hook_mlp_out'])(
    '%s is centred',
    (stage) => expect(of(`blocks.3.${stage}`).centreRows).toBe(true),
  );

  it.each(['attn.hook_z', 'mlp.hook_post', 'ln1.hook_normalized'])('%s is not, and that is said', (stage) => {
    const { centreRows, notes } = of(`blocks.3.${stage}`, 'layernorm');
    expect([centreRows, notes]).toEqual([false, [expect.stringMatching(/changes nothing at/)]]);
  });

  it('a model with RMSNorm is not; an unknown hook is assumed to write, which is said', () => {
    expect(of('blocks.0.hook_resid_post', 'rmsnorm')).toEqual({ centreRows: false, notes: [expect.stringMatching(/RMSNorm/)] });
    expect(of()).toEqual({ centreRows: true, notes: [expect.stringMatching(/The hook is not known/)] });
  });
});

it('other hooks, models and windows than the SAE was made for are named; those of the same name are not', () => {
  const origin = saeOrigin({ hook_name: 'a', model_name: 'gpt2-small', context_size: 64, prepend_bos: true });
  const rows = { path: 'sae', model: { label: 'gpt2', norm: 'layernorm' as const } };
  expect(askedOf(origin, { ...rows, hook: 'a', windows: { T: 64, from: 'text' } }).notes).toEqual([]);
  expect(
    askedOf(origin, { path: 'sae', hook: 'b', model: { label: 'pythia', norm: 'layernorm' }, windows: { T: 128, from: 'tokens' } }).notes,
  ).toEqual([
    'The SAE was made for a; it is measured at b.',
    'The SAE was made for the model gpt2-small; it is measured on pythia.',
    'cfg.json says prepend_bos, and the sequences do not begin with one common token: measured as they are.',
    'The SAE was made with windows of 64 tokens; these have 128.',
  ]);
});

it('rows from files keep their first positions, which is said where the SAE was made without BOS', () => {
  const { notes } = askedOf(saeOrigin({ prepend_bos: false }), { path: 'sae', hook: 'a' });
  expect(notes).toEqual([expect.stringMatching(/rows are measured as they are; --drop-bos/)]);
});

describe('tokens', () => {
  it('a token is common when every sequence begins with it', () => {
    expect(commonFirstToken({ tokens: [7, 1, 7, 2], n: 2, T: 2 })).toBe(7);
    expect(commonFirstToken({ tokens: [7, 1, 8, 2], n: 2, T: 2 })).toBeUndefined();
    expect(commonFirstToken({ tokens: [7, 1], n: 1, T: 2 })).toBeUndefined();
  });

  it('prepend_bos false: no BOS in front of documents', async () => {
    const file = new MemorySource('t.txt', new TextEncoder().encode('abc<|endoftext|>defg'));
    const tokeniser = {
      encode: (text: string) => [...text].map((c) => c.charCodeAt(0) - 96),
      vocab: 30,
      bos: 0,
      separators: ['<|endoftext|>'],
      cut: 'never' as const,
      notes: [],
    };
    const config = { context: 64, vocab: 30 } as LmConfig;
    const words = async (prependBos: boolean) => [
      ...(await loadWords(file, { tokeniser, config }, { context: 3, prependBos, limit: 100, onProgress: () => undefined })).sequences
        .tokens,
    ];
    expect(await words(true)).toEqual([0, 1, 2, 3, 0, 4, 5, 6, 7]);
    expect(await words(false)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
