/** Where documents begin, what goes in front, how long ones are cut, and what is said when tokenizer and model disagree. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/data/bytes/types';
import { loadTokeniser, type Tokeniser } from '../../../src/lm/tokeniser';
import { textToWindows } from '../../../src/lm/windows';
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
  notes: [],
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

  it('says what the files contradict, and what was assumed', () => {
    const [json, config] = files();
    const notes = (...args: Parameters<typeof loadTokeniser>) => loadTokeniser(...args).notes;
    expect(notes(json, config, { bosTokenId: 0 })).toEqual([]);
    expect(notes(json, config, { bosTokenId: 7 })).toEqual([
      'tokenizer_config.json begins texts with <|endoftext|> (id 0), config.json with id 7 (bos_token_id). Documents begin with 0.',
    ]);
    expect(notes(json, { ...config, bos_token: '<s>' }, { bosTokenId: 0 })).toEqual([
      'tokenizer_config.json names the beginning of text <s>, which is not in the vocabulary of tokenizer.json.',
    ]);
    expect(notes(json, {})).toEqual(['No file names a beginning or end of text: documents follow each other with nothing in between.']);
    expect(notes(json, {}, { eosTokenId: 3 })).toEqual(['No file names a beginning of text: documents begin with the end of text, id 3.']);
    const template = {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: 'M', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    };
    const post_processor = { ...template, pair: [], special_tokens: { M: { id: 'M', ids: [45], tokens: ['M'] } } };
    expect(notes({ ...json, post_processor }, config)).toEqual([
      'tokenizer.json puts M in front of a text (post_processor); here documents begin with id 0.',
    ]);
    expect(notes(json, { ...config, add_prefix_space: false })).toEqual([]);
    expect(notes(json, { ...config, add_prefix_space: true })).toEqual([
      'tokenizer_config.json says add_prefix_space true, tokenizer.json false: the latter is done.',
    ]);
    const normalizer = { type: 'Sequence', normalizers: [{ type: 'Precompiled', precompiled_charsmap: '' }] };
    expect(notes({ ...json, normalizer }, config)[0]).toContain('only approximated here');
  });

  // tests/fixtures/lm/tokenizers/unigram.json: a Unigram model trained on the demo's stories, with 256 byte tokens, and the ids that Rust's
  // tokenizers 0.23 (Python) gives for words, other scripts, emoji and white space.
  it.each(['fallback', 'plain', 'incomplete'] as const)('spells what is not in the vocabulary as Rust does: %s', (kind) => {
    const { tokenizer, texts, ids } = readJson('tests/fixtures/lm/tokenizers/unigram.json') as {
      tokenizer: { model: { byte_fallback: boolean; vocab: [string, number][] } };
      texts: string[];
      ids: Record<string, number[][]>;
    };
    if (kind === 'plain') tokenizer.model.byte_fallback = false;
    if (kind === 'incomplete') for (const entry of tokenizer.model.vocab) if (entry[0] === '<0xF0>') entry[0] = '<0xF0>?';
    const { encode } = loadTokeniser(tokenizer);
    expect(texts.map(encode)).toEqual(ids[kind]);
  });

  it('refuses a BPE model that falls back on bytes and has not all of them', () => {
    const model = { type: 'BPE', byte_fallback: true, unk_token: '<unk>', vocab: { '<unk>': 0, a: 1, '<0x41>': 2 }, merges: [] };
    const tokenizer = {
      version: '1.0',
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      model,
    };
    expect(() => loadTokeniser(tokenizer)).toThrow('tokenizer.json: falls back on bytes (byte_fallback) and has no token <0x00>');
    expect(loadTokeniser({ ...tokenizer, model: { ...model, byte_fallback: false } }).encode('a')).toEqual([1]);
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
    const drop = await textToWindows(document, { encode, vocab: 256, bos: 0, separators: ['</s>'], cut: 'drop-space', notes: [] }, 16);
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
