/** `inspect` says everything there is to know before training, without a GPU. */
import { describe, expect, it, vi } from 'vitest';
import { main } from '../../../src/cli/main';

const GOOD = 'tests/fixtures/formats/good';

async function inspect(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const into = (name: 'out' | 'err') => (text: string | Uint8Array) => {
    written[name] += text;
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(into('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(into('err')),
  ];
  try {
    return { code: await main(['inspect', ...args]), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
type Json = Record<string, unknown>;
const json = async (...args: string[]): Promise<{ files: Json[]; fingerprint?: string; profile?: Json }> =>
  JSON.parse((await inspect(...args, '--json')).out);

describe('inspect --json', () => {
  it('has for each file or folder what it is, what was assumed, and its fingerprint', async () => {
    const { files, fingerprint, profile } = await json(GOOD, 'tests/fixtures/formats/bad');
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(profile).toBeUndefined();
    const byPath = new Map(files.map((file) => [file.path, file]));
    expect(byPath.get('good/saelens_float16')).toEqual({
      path: 'good/saelens_float16',
      ok: true,
      format: 'Hugging Face data set',
      files: 2,
      rows: 108,
      d: 20,
      dtype: 'f16',
      tokens: true,
      has_tokens: true,
      sequence: 9,
      tensor: 'blocks.0.mlp.hook_post',
      hook: 'blocks.0.mlp.hook_post',
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(byPath.get('good/bf16_3d.safetensors')).toMatchObject({ tokens: true, mask: true, sequence: 9 });
    expect(byPath.get('good/f32.npy')).toMatchObject({ ok: true, format: '.npy', tokens: false });
    expect(byPath.get('good/tl_cache.pt')).toMatchObject({
      ok: false,
      candidates: ['blocks.0.hook_resid_post', 'blocks.1.hook_resid_post'],
    });
    expect(byPath.get('good/list_of_prompts.pt')).toMatchObject({ assumptions: [expect.stringContaining('12 tensors')] });
    for (const file of files) expect(file.ok === true || typeof file.error === 'string', String(file.path)).toBe(true);
  });

  it('with --profile has facts of each file and of all together, labelled as a sample', async () => {
    const { files, profile } = await json(`${GOOD}/f32.npy`, `${GOOD}/f16.npy`, '--profile');
    expect(profile).toMatchObject({ rows: 216, sampled_rows: 216, d: 20, bad_rows: 0, constant_columns: 0 });
    expect(files.map((file) => (file.profile as Json).rows)).toEqual([108, 108]);
    expect(Object.keys(profile?.norm_percentiles as Json)).toEqual(['p1', 'p5', 'p50', 'p95', 'p99']);
    expect((profile?.proposed_scale as number) * (profile?.mean_norm as number)).toBeCloseTo(Math.sqrt(20), 9);
    expect(profile?.proposed_normalize).toBe('mean-norm');
  });

  it('takes a choice', async () => {
    const { files } = await json(`${GOOD}/tl_cache.pt`, '--tensor', 'blocks.1.hook_resid_post');
    expect(files).toMatchObject([{ ok: true, tensor: 'blocks.1.hook_resid_post', hook: 'blocks.1.hook_resid_post', rows: 108 }]);
  });
});

describe('inspect', () => {
  it('prints findings, assumptions, masks and the profile', async () => {
    const { out, code } = await inspect(
      `${GOOD}/bf16_3d.safetensors`,
      `${GOOD}/list_of_prompts.pt`,
      'tests/fixtures/formats/bad/int8.safetensors',
      '--profile',
    );
    expect(code).toBe(0);
    expect(out).toMatch(/int8\.safetensors .*safetensors .*I8 \[8, 20\]/);
    expect(out).toMatch(/list_of_prompts\.pt: assumed: the list of 12 tensors/);
    expect(out).toMatch(/bf16_3d\.safetensors: has a mask: masked rows are dropped unless --keep-masked/);
    expect(out).toMatch(/profile of 2 files together\n {2}all 216 rows of width 20\n {2}norm: mean 7\.\d+/);
    expect(out).toMatch(/to scale to a mean norm of sqrt\(d\), times 0\.\d+ by this sample: --normalize mean-norm\n/);
  });

  it('fails when no file has the tensor that was asked for', async () => {
    const { code, err } = await inspect(`${GOOD}/f32.safetensors`, '--tensor', 'layer_9');
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/--tensor layer_9: no file has activations of this name\. There are activations/),
    ]);
  });
});
