import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { FileSource, listFiles } from '../../../src/data/bytes/nodeFiles';
import { inspectFiles } from '../../../src/data/dropped/classify';
import { readTokens } from '../../../src/data/dropped/tokensFile';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { naturalCompare } from '../../../src/util/naturalSort';
import { processorMs } from '../../time';
import { archive, P, tensor } from './formats/torchWrite';
import { FORMATS, shard } from './helpers';

const text = (path: string, content: string | Uint8Array): MemorySource =>
  new MemorySource(path, typeof content === 'string' ? new TextEncoder().encode(content) : content);
const P_SAE = ['W_enc', 'W_dec'].map((name): [Uint8Array, Uint8Array] => [P.text(name), tensor({ numel: 4, shape: [2, 2] })]) as [
  [Uint8Array, Uint8Array],
  [Uint8Array, Uint8Array],
];
const report = (r: Awaited<ReturnType<typeof inspectFiles>>, path: string) => r.reports.find((x) => x.path === path);

describe('listFiles', () => {
  it('follows links, but not back into the folder that they lie in', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lab-links-'));
    try {
      mkdirSync(join(folder, 'a'));
      await writeFile(join(folder, 'a', 'x.txt'), 'x');
      symlinkSync(folder, join(folder, 'a', 'loop'));
      symlinkSync(join(folder, 'a', 'x.txt'), join(folder, 'y.txt'));
      symlinkSync(join(folder, 'nowhere'), join(folder, 'z.txt'));
      const names = (await listFiles([folder])).map(({ path }) => path.slice(path.indexOf('/') + 1));
      expect(names).toEqual(['a/x.txt', 'y.txt']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('inspectFiles', () => {
  it('takes the good fixtures and asks about the ambiguous ones', async () => {
    const found = await inspectFiles(await listFiles([`${FORMATS}/good`]));
    expect(found.reports.filter((r) => !r.ok)).toMatchObject([
      { path: 'good/tl_cache.pt', candidates: ['blocks.0.hook_resid_post', 'blocks.1.hook_resid_post'] },
      { path: 'good/two_candidates.safetensors', candidates: ['layer_3', 'layer_4'] },
    ]);
    expect(found.shards.map((s) => s.facts.label).filter((label) => label.endsWith('.safetensors'))).toEqual(
      ['bf16_3d', 'f16_tokens', 'f32', 'f64', 'layer_axis', 'shard_9', 'shard_10', 'shard_11'].map((n) => `good/${n}.safetensors`),
    );
    expect(found.shards).toHaveLength(27);
    expect(report(found, 'good/f16_tokens.safetensors')).toMatchObject({
      ok: true,
      format: 'safetensors',
      rows: 108,
      d: 20,
      dtype: 'f16',
      hasTokens: true,
    });
    // A folder that one reader takes has one report, in place of its files.
    expect(report(found, 'good/saelens_float16')).toMatchObject({
      ok: true,
      format: 'Hugging Face data set',
      files: 2,
      rows: 108,
      d: 20,
      dtype: 'f16',
      hasTokens: true,
      sequence: 9,
      hookName: 'blocks.0.mlp.hook_post',
    });
    expect(found.reports.filter((r) => r.path.startsWith('good/saelens_float16/'))).toEqual([]);
    const chosen = await inspectFiles(await listFiles([`${FORMATS}/good`]), { tensor: 'layer_4' });
    expect(chosen.reports.filter((r) => !r.ok).map((r) => r.path)).toEqual(['good/tl_cache.pt']);
    expect(chosen.shards.find((s) => s.facts.label.includes('two'))?.tensor).toBe('layer_4');
  });

  it('refuses the bad ones one by one, with the good ones beside them', async () => {
    const found = await inspectFiles(await listFiles([`${FORMATS}/bad`, `${FORMATS}/good`]));
    expect(found.shards).toHaveLength(28);
    for (const r of found.reports.filter((x) => x.path.startsWith('bad/') && !/nan_rows|readme/.test(x.path))) {
      expect(r, r.path).toMatchObject({ ok: false });
      // What was found, and what to do about it.
      expect(r.error?.length, r.path).toBeGreaterThan(30);
      expect(r.error, r.path).toMatch(/again|save|convert|choose|drop|remove|copy|download|load|F16|np\.|save them/i);
      expect(r.error).not.toContain(r.path);
      expect(r.format, r.path).toBeTruthy();
    }
    expect(report(found, 'bad/other_width.safetensors')?.error).toMatch(/17.*20/);
    expect(report(found, 'bad/evil.pkl.pt')?.error).toMatch(/posix\.system.*Nothing was run/);
    expect(report(found, 'bad/zip_bomb_like.npz')?.error).toMatch(/needs 268435584 bytes/);
  });

  it('recognises the demo model folder, its tokenizer and its text', async () => {
    const found = await inspectFiles(await listFiles(['public/demo', `${FORMATS}/good/f32.safetensors`]));
    expect(found.model).toMatchObject({
      folder: 'demo',
      config: { model_type: 'gpt2' },
      tokenizerConfig: { tokenizer_class: 'PreTrainedTokenizerFast' },
    });
    expect(found.model?.weights.map((w) => w.path)).toEqual(['demo/model.safetensors']);
    expect(found.model?.tokenizer).toHaveProperty('model');
    expect(found.texts.map((t) => t.path)).toEqual(['demo/stories.txt']);
    expect(found.shards.map((s) => s.facts.label)).toEqual(['f32.safetensors']);
    expect(found.reports.filter((r) => !r.ok)).toEqual([]);
  });

  it('takes sharded weights by the index, and refuses weights without a config', async () => {
    const weights = (name: string) => writeSafetensors([{ name, dtype: 'F32', shape: [2, 2], data: new Float32Array(4) }]);
    const files = [
      text('m/config.json', '{"model_type":"llama"}'),
      text('m/model.safetensors.index.json', '{"weight_map":{"x":"part-1.safetensors"}}'),
      text('m/part-1.safetensors', weights('x')),
      text('m/part-2.safetensors', weights('model.layers.3.mlp.up_proj.weight')),
      shard('m/acts.safetensors', 4, 3),
    ];
    const found = await inspectFiles(files);
    expect(found.model?.weights.map((w) => w.path)).toEqual(['m/part-1.safetensors', 'm/part-2.safetensors']);
    expect(found.shards.map((s) => s.facts.label)).toEqual(['m/acts.safetensors']);
    expect((await inspectFiles(files.slice(3))).reports.find((r) => r.path.includes('part-2'))?.error).toMatch(
      /language model.*whole folder/,
    );
    expect((await inspectFiles([files[0] as MemorySource])).reports[0]?.error).toMatch(/without its weights/);
  });

  it('takes no weights from PyTorch files, and says so only where there are no others', async () => {
    const weights = (name: string) =>
      archive({ pickle: P.file(P.dict([P.text(name), tensor({ numel: 4, shape: [2, 2] })])), storages: { 0: new Float32Array(4) } });
    const safe = writeSafetensors([{ name: 'h.0.mlp.c_fc.weight', dtype: 'F32', shape: [2, 2], data: new Float32Array(4) }]);
    const files = [
      text('m/config.json', '{"model_type":"gpt2"}'),
      text('m/model.safetensors', safe),
      text('m/pytorch_model.bin', weights('h.0.mlp.c_fc.weight')),
    ];
    const both = await inspectFiles(files);
    expect(both.reports.map((r) => [r.ok, r.format])).toEqual([
      [true, 'config'],
      [true, 'model'],
      [true, 'unused'],
    ]);
    const alone = await inspectFiles(files.slice(2));
    expect(alone.reports).toMatchObject([
      { ok: false, format: 'model', error: expect.stringMatching(/safetensors only.*save_pretrained/) },
    ]);
    const sae = await inspectFiles([text('sae.pt', archive({ pickle: P.file(P.dict(...P_SAE)), storages: { 0: new Float32Array(4) } }))]);
    expect(sae.reports).toMatchObject([{ ok: false, format: 'sae', error: expect.stringMatching(/sae_weights\.safetensors/) }]);
  });

  it('tells saved SAEs from shards', async () => {
    const w = writeSafetensors([
      { name: 'W_enc', dtype: 'F32', shape: [2, 3], data: new Float32Array(6) },
      { name: 'W_dec', dtype: 'F32', shape: [3, 2], data: new Float32Array(6) },
    ]);
    const found = await inspectFiles([
      text('s/sae_weights.safetensors', w),
      text('s/cfg.json', '{"d_in":2,"d_sae":3}'),
      shard('a.safetensors', 4, 2),
    ]);
    expect(found.saes).toMatchObject([{ folder: 's', sources: [{ path: 's/sae_weights.safetensors' }, { path: 's/cfg.json' }] }]);
    expect(found.shards).toHaveLength(1);
    expect(found.reports.every((r) => r.ok)).toBe(true);
  });

  it('names formats that are not read, by their content, and says how to convert', async () => {
    const zip = (entry: string) => {
      const bytes = new Uint8Array(64);
      bytes.set([0x50, 0x4b, 3, 4]);
      bytes[26] = entry.length;
      bytes.set(new TextEncoder().encode(entry), 30);
      return bytes;
    };
    const magic = (m: string) => Uint8Array.from({ length: 64 }, (_, i) => m.charCodeAt(i) || 0);
    const tar = new Uint8Array(512);
    tar.set(new TextEncoder().encode('ustar'), 257);
    const cases: [Uint8Array | string, string, RegExp][] = [
      [magic('\x93NUMPY\x01'), '.npy', /damaged/],
      [zip('holiday.jpg'), 'zip', /copy|download/i],
      [magic('\x89HDF\r\n'), 'HDF5', /h5py\.File\('x\.dat'\).*x\.safetensors/],
      [magic('PAR1'), 'Parquet', /Parquet|truncated/i],
      [magic('\xff\xff\xff\xff'), 'Arrow', /./],
      [magic('GGUF'), 'GGUF', /quantised/],
      [magic('\x1f\x8b\x08'), 'compressed', /Unpack/],
      [tar, 'tar', /Unpack/],
      [magic('\x80\x04\x95'), 'PyTorch .pt', /Nothing was run/],
      [Uint8Array.of(1, 2, 3, 0, 255, 9, 9, 9, 9, 9), 'unknown', /safetensors/],
      ['', 'empty', /0 bytes/],
      ['version https://git-lfs.github.com/spec/v1\noid', 'git-lfs pointer', /git lfs pull/],
      ['{"a":1}', 'json', /not needed/],
      ['{"dtype":"float32","shape":[2,2]}', 'json', /describes raw values/],
      ['{"a":', 'json', /not valid JSON/],
    ];
    for (const [content, format, words] of cases) {
      const { reports } = await inspectFiles([text('x.dat', content)]);
      expect(reports[0]).toMatchObject({ ok: false, format, error: expect.stringMatching(words) });
    }
  });

  it('reads shards whatever they are called, and pre-tokenised text', async () => {
    const ids = writeSafetensors([{ name: 'input_ids', dtype: 'I64', shape: [2, 3], data: BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n) }]);
    const found = await inspectFiles([
      new MemorySource('a.bin', await shard('', 4, 3).read(0, shard('', 4, 3).size)),
      text('t.safetensors', ids),
      text('déjà.txt', 'Ça va? '.repeat(9000)),
    ]);
    expect(found.reports.map((r) => [r.path, r.ok, r.format])).toEqual([
      ['a.bin', true, 'safetensors'],
      ['déjà.txt', true, 'text'],
      ['t.safetensors', true, 'tokens'],
    ]);
    expect(await readTokens(found.tokens[0] as MemorySource)).toEqual({ tokens: Uint32Array.of(1, 2, 3, 4, 5, 6), n: 2, T: 3 });
  });

  it('refuses token files that are none', async () => {
    const ids = (data: Int32Array, shape: number[]) => text('t', writeSafetensors([{ name: 'tokens', dtype: 'I32', shape, data }]));
    await expect(readTokens(ids(Int32Array.of(1, -100), [1, 2]))).rejects.toThrow(/token id -100/);
    await expect(readTokens(ids(Int32Array.of(1), [1]))).rejects.toThrow(/tokens I32 \[1\]/);
    await expect(readTokens(shard('a', 2, 2))).rejects.toThrow(/no integer tensor/);
    const big = text('t', writeSafetensors([{ name: 'tokens', dtype: 'I64', shape: [1, 1], data: BigInt64Array.of(2n ** 40n) }]));
    await expect(readTokens(big)).rejects.toThrow(/does not fit/);
  });

  it.each([
    ['safetensors', 'shard_9.safetensors', 36],
    ['pt', 'dict.pt', 108],
    ['npz', 'deflated.npz', 108],
    ['npy', 'f16.npy', 108],
  ])('lists a thousand .%s files with their headers within 3 s', async (extension, name, rows) => {
    const folder = mkdtempSync(join(tmpdir(), 'shards-'));
    const bytes = readFileSync(`${FORMATS}/good/${name}`);
    for (let i = 0; i < 1000; i++) await writeFile(join(folder, `shard_${i}.${extension}`), bytes);
    let found = await inspectFiles([]);
    let took = Number.POSITIVE_INFINITY;
    // Other programs may be busy: the best of three counts.
    for (let attempt = 0; attempt < 3 && took > 3000; attempt++) {
      const begin = processorMs();
      found = await inspectFiles(await listFiles([folder]));
      took = processorMs() - begin;
    }
    rmSync(folder, { recursive: true });
    console.log(`1000 .${extension} files: ${took.toFixed(0)} ms`);
    expect(found.shards).toHaveLength(1000);
    expect(found.shards[10]).toMatchObject({ facts: { label: expect.stringContaining(`shard_10.${extension}`), rows } });
    expect(took).toBeLessThan(3000);
  });

  it('opens at most eight files at once', async () => {
    let [now, most] = [0, 0];
    const bytes = readFileSync(`${FORMATS}/good/f16.npy`);
    const sources = Array.from({ length: 60 }, (_, i) => {
      const source = new MemorySource(`a_${i}.npy`, new Uint8Array(bytes));
      const slow = async (offset: number, length: number) => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 1));
        now--;
        return new Uint8Array(bytes).slice(offset, offset + length);
      };
      return { path: source.path, size: source.size, read: slow };
    });
    expect((await inspectFiles(sources)).shards).toHaveLength(60);
    expect(most).toBeLessThanOrEqual(8);
  });
});

describe('files in Node', () => {
  it('sorts naturally', () => {
    expect(['s_10', 's_9', 's_09', 'S_1', 's', 's_9b', 'a/10/x', 'a/9/y'].sort(naturalCompare)).toEqual([
      'S_1',
      'a/9/y',
      'a/10/x',
      's',
      's_09',
      's_9',
      's_9b',
      's_10',
    ]);
  });

  it('names what is missing and ranges that are not there', async () => {
    await expect(listFiles(['/nowhere/x'])).rejects.toThrow(/\/nowhere\/x: no such file/);
    await expect(FileSource.open('/nowhere')).rejects.toThrow(/cannot be opened/);
    await expect(FileSource.open('src')).rejects.toThrow(/not a file/);
    const file = await FileSource.open('package.json');
    await expect(file.read(file.size - 2, 5)).rejects.toThrow(/truncated/);
  });
});
