/** Where documents begin, what goes in front, how long ones are cut, and what is said when tokenizer and model disagree. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/data/bytes/types';
import { loadTokeniser, type Tokeniser, textToWindows } from '../../../src/lm/tokenise';
import { readJson } from '../../kernels/lm/safetensors';

const files = () =>
  [readJson('public/demo/tokenizer.json'), readJson('public/demo/tokenizer_config.json')] as [
    Record<string, unknown>,
    Record<string, unknown>,
  ];

/** One id a character. */
const letters = (more: Partial<Tokeniser> = {}): Tokeniser => ({
  encode: (text) => [...text].map((c) => c.charCodeAt(0)),
  vocab: 256,
  bos: 1,
  separators: ['<|endoftext|>', '</s>'],
  cut: 'keep-space',
  ...more,
});

describe('loadTokeniser', () => {
  it('knows the demo’s', () => {
    const tokeniser = loadTokeniser(...files());
    expect(tokeniser).toMatchObject({ vocab: 1024, bos: 0, separators: ['<|endoftext|>'], cut: 'keep-space' });
    expect(tokeniser.encode('Once upon a time')).toHaveLength(4);
  });

  it('takes the first token from tokenizer_config, else from config.json, else the end of text', () => {
    const [json, config] = files();
    expect(loadTokeniser(json, { ...config, bos_token: { content: 'M' } }, { bosTokenId: 9 }).bos).toBe(45);
    expect(loadTokeniser(json, { ...config, bos_token: null }, { bosTokenId: 9 }).bos).toBe(9);
    expect(loadTokeniser(json, { ...config, bos_token: null }).bos).toBe(0);
    expect(loadTokeniser(json, {}, { eosTokenId: 3 }).bos).toBe(3);
    expect(loadTokeniser(json).bos).toBeUndefined();
  });

  it('refuses what is no tokenizer', () => {
    expect(() => loadTokeniser({ version: '1.0' })).toThrow('tokenizer.json: has no "model"');
    expect(() => loadTokeniser([])).toThrow(DataError);
    expect(() => loadTokeniser({ model: { type: 'Nonsense', vocab: {} } })).toThrow(/tokenizer.json: cannot be used: /);
  });
});

describe('textToWindows', () => {
  it('strips documents, leaves empty ones out, puts bos in front and drops the tail', async () => {
    const windows = await textToWindows(' ab \n<|endoftext|>\n<|endoftext|>cde</s>f', letters(), 4);
    expect([...windows.tokens]).toEqual([1, 97, 98, 1, 99, 100, 101, 1]);
    expect(windows).toMatchObject({ count: 2, T: 4, textTokens: 9 });
    expect([...(await textToWindows('abc<|endoftext|>de', letters({ bos: undefined }), 2)).tokens]).toEqual([97, 98, 99, 100]);
    expect((await textToWindows('abcdefgh', letters(), 2, { maxWindows: 3 })).count).toBe(3);
  });

  it('says what is wrong', async () => {
    await expect(textToWindows('ab', letters(), 4, { path: 'stories.txt' })).rejects.toThrow(
      'stories.txt: holds 3 tokens, less than one window of 4',
    );
    await expect(textToWindows('', letters(), 4)).rejects.toThrow('holds 0 tokens');
    await expect(textToWindows('abc', letters(), 2, { vocab: 98 })).rejects.toThrow(
      "token id 98 is outside the model's vocabulary of 98; this tokenizer belongs to another model",
    );
    await expect(textToWindows('abc', letters({ encode: () => [undefined as unknown as number] }), 2)).rejects.toThrow('no token for');
  });

  it('cuts a long document without changing its ids, in both styles of space, and can be stopped', async () => {
    const tokeniser = loadTokeniser(...files());
    const document = readFileSync('public/demo/stories.txt', 'utf8').slice(0, 60000).replaceAll('<|endoftext|>', ' ');
    const whole = [0, ...tokeniser.encode(document.trim())];
    const { tokens, textTokens } = await textToWindows(document, tokeniser, 16);
    expect(textTokens).toBe(whole.length);
    expect([...tokens]).toEqual(whole.slice(0, tokens.length));

    // SentencePiece's way: a space is put in front of whatever is encoded, and belongs to the word after it.
    const encode = (text: string) => ` ${text}`.split(/(?= )/).map((word) => word.length);
    const drop = await textToWindows(document, { encode, vocab: 256, bos: 0, separators: ['</s>'], cut: 'drop-space' }, 16);
    expect([...drop.tokens]).toEqual([0, ...encode(document.trim())].slice(0, drop.tokens.length));

    const stop = new AbortController();
    const slow = letters({
      encode: (text) => {
        const end = performance.now() + 60;
        while (performance.now() < end);
        return [text.length % 200];
      },
    });
    const run = textToWindows(document, slow, 1, { onProgress: () => stop.abort(new Error('enough')), signal: stop.signal });
    await expect(run).rejects.toThrow('enough');
  });
});
