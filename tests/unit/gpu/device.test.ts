/** Browsers as they are: each with what its `navigator.gpu` lacks, and what the lab then does or says. */
import { describe, expect, it } from 'vitest';
import type { Place } from '../../../src/gpu/advice';
import { DEFAULT_LIMITS, GpuUnavailableError, hasSubgroupsOf, openGpu } from '../../../src/gpu/device';

const WEBKIT = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)';
const chromium = (system: string, tail: string): string => `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) ${tail}`;
const AGENTS = {
  chromeWindows: chromium('Windows NT 10.0; Win64; x64', 'Chrome/156.0.0.0 Safari/537.36'),
  chromeLinux: chromium('X11; Linux x86_64', 'Chrome/156.0.0.0 Safari/537.36'),
  chrome110: chromium('Windows NT 10.0; Win64; x64', 'Chrome/110.0.0.0 Safari/537.36'),
  edge: chromium('Windows NT 10.0; Win64; x64', 'Chrome/156.0.0.0 Safari/537.36 Edg/156.0'),
  android: chromium('Linux; Android 10; K', 'Chrome/118.0.0.0 Mobile Safari/537.36'),
  safari18: `${WEBKIT} Version/18.2 Safari/605.1.15`,
  safari26: `${WEBKIT} Version/26.0 Safari/605.1.15`,
  firefox: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:138.0) Gecko/20100101 Firefox/138.0',
  firefoxLinux: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  iphone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1',
  node: 'Node.js/22',
};
const at = (agent: keyof typeof AGENTS, isSecureContext?: boolean): Place => ({ userAgent: AGENTS[agent], isSecureContext });

const INFO = { vendor: 'apple', architecture: 'common-3', device: '', description: '' };

/** A device that never gets lost. @param lacks what this browser's adapter and device do not have. */
function fakeAdapter(lacks: { info?: boolean; adapterInfo?: boolean } = {}, more: object = {}, info: object = INFO) {
  const device = {
    lost: new Promise(() => undefined),
    features: new Set<string>(['subgroups']),
    limits: DEFAULT_LIMITS,
    queue: {},
    ...(lacks.adapterInfo ? {} : { adapterInfo: info }),
  };
  return {
    limits: DEFAULT_LIMITS,
    features: new Set<string>(),
    requestDevice: async () => device,
    ...(lacks.info ? {} : { info }),
    ...more,
  };
}

/** `navigator.gpu` that gives these answers in turn, the last one for good; what was asked is written down. */
function fakeEntry(...answers: (object | null | Error)[]) {
  const asked: (GPURequestAdapterOptions | undefined)[] = [];
  const requestAdapter = async (options?: GPURequestAdapterOptions) => {
    const answer = answers[Math.min(asked.push(options), answers.length) - 1];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { entry: { requestAdapter } as unknown as GPU, asked };
}

function waits() {
  const waited: number[] = [];
  return { waited, wait: async (ms: number) => void waited.push(ms) };
}

async function refusal(entry: GPU | undefined, place: Place): Promise<GpuUnavailableError> {
  const error = await openGpu(entry, {}, { place, wait: waits().wait }).catch((cause: unknown) => cause);
  if (!(error instanceof GpuUnavailableError)) throw new Error('it opened');
  return error;
}

describe('a GPU in browsers that lack something', () => {
  it('opens in Safari 26, whose device has no adapterInfo: kernels find there what the adapter says', async () => {
    const gpu = await openGpu(fakeEntry(fakeAdapter({ adapterInfo: true })).entry, {}, { place: at('safari26') });
    expect(gpu.adapter).toEqual({ name: 'apple common-3', vendor: 'apple', architecture: 'common-3', isSoftware: false });
    expect(gpu.device.adapterInfo).toEqual(INFO);
    expect(hasSubgroupsOf(gpu, 8)).toBe(false);
  });

  it('opens in an older Chrome, whose adapter is asked by requestAdapterInfo()', async () => {
    const info = { vendor: 'nvidia', architecture: 'ampere', device: '', description: '' };
    const older = fakeAdapter({ info: true, adapterInfo: true }, { requestAdapterInfo: async () => info, isFallbackAdapter: false });
    const gpu = await openGpu(fakeEntry(older).entry, {}, { place: at('chromeWindows') });
    expect(gpu.adapter).toMatchObject({ name: 'nvidia ampere', isSoftware: false });
    const fallback = fakeAdapter({ info: true, adapterInfo: true }, { requestAdapterInfo: async () => info, isFallbackAdapter: true });
    expect((await openGpu(fakeEntry(fallback).entry, {}, { place: at('chromeWindows') })).adapter.isSoftware).toBe(true);
  });

  it('opens where an adapter says nothing of itself', async () => {
    const silent = fakeAdapter({ info: true, adapterInfo: true });
    const rejecting = fakeAdapter({ info: true, adapterInfo: true }, { requestAdapterInfo: () => Promise.reject(new Error('not now')) });
    for (const adapter of [silent, rejecting, fakeAdapter({ info: true, adapterInfo: true }, {}, {})]) {
      const gpu = await openGpu(fakeEntry(adapter).entry, {}, { place: at('firefox') });
      expect(gpu.adapter).toEqual({ name: 'unnamed GPU', vendor: '', architecture: '', isSoftware: false });
      expect(hasSubgroupsOf(gpu, 8)).toBe(false);
    }
  });

  it('asks again where the first answer is null, at last without a preference, and waits in between', async () => {
    const once = fakeEntry(null, fakeAdapter());
    const { waited, wait } = waits();
    await openGpu(once.entry, {}, { place: at('firefox'), wait });
    expect(once.asked).toHaveLength(2);
    expect(waited).toEqual([250]);
    const picky = fakeEntry(new Error('busy'), null, fakeAdapter());
    await openGpu(picky.entry, {}, { place: at('chromeLinux'), wait });
    expect(picky.asked).toEqual([{ powerPreference: 'high-performance' }, { powerPreference: 'high-performance' }, undefined]);
  });

  it('says how to get a real GPU where Chrome on Linux offers a processor', async () => {
    const processor = { vendor: 'google', architecture: 'swiftshader', device: '', description: '' };
    const { adapter } = await openGpu(fakeEntry(fakeAdapter({}, {}, processor)).entry, {}, { place: at('chromeLinux') });
    expect(adapter).toMatchObject({ isSoftware: true, advice: expect.stringMatching(/#enable-unsafe-webgpu.*#enable-vulkan/) });
    const node = await openGpu(fakeEntry(fakeAdapter({}, {}, processor)).entry, {}, { place: at('node') });
    expect(node.adapter).toEqual({ name: 'google swiftshader', vendor: 'google', architecture: 'swiftshader', isSoftware: true });
  });
});

describe('what is said where there is no GPU', () => {
  it.each<[keyof typeof AGENTS, RegExp]>([
    ['chrome110', /^Chrome 110 has no WebGPU here\. Update it: Chrome has WebGPU from version 113\.$/],
    ['chromeWindows', /chrome:\/\/gpu/],
    ['chromeLinux', /chrome:\/\/flags.*#enable-unsafe-webgpu.*#enable-vulkan/],
    ['edge', /^Edge 156 .*edge:\/\/gpu/],
    ['android', /version 121 and Android 12/],
    ['safari18', /^Safari 18 .*version 26.*macOS 26/],
    ['safari26', /Feature Flags/],
    ['firefox', /^Firefox 138 .*Windows from version 141.*dom\.webgpu\.enabled/],
    ['iphone', /iOS 26/],
  ])('without navigator.gpu in %s: %s', async (agent, words) => {
    const { reason, message } = await refusal(undefined, at(agent, true));
    expect(reason).toBe('no-webgpu');
    expect(message).toMatch(words);
  });

  it('names the address when that is the cause', async () => {
    expect((await refusal(undefined, at('chromeWindows', false))).message).toMatch(/plain http.*https and at http:\/\/localhost/);
  });

  it.each<[keyof typeof AGENTS, RegExp]>([
    ['chromeWindows', /hardware acceleration.*chrome:\/\/settings\/system.*chrome:\/\/gpu/],
    ['chromeLinux', /#enable-vulkan.*hardware acceleration/],
    ['edge', /edge:\/\/settings\/system/],
    ['firefoxLinux', /about:support.*dom\.webgpu\.enabled/],
    ['safari26', /Lockdown Mode/],
    ['node', /npm test/],
  ])('without an adapter in %s, after three questions: %s', async (agent, words) => {
    const { entry, asked } = fakeEntry(null);
    const { reason, message } = await refusal(entry, at(agent));
    expect([reason, asked.length]).toEqual(['no-adapter', 3]);
    expect(message).toMatch(/^WebGPU is there but no GPU was offered\./);
    expect(message).toMatch(words);
  });

  it('gives the browser’s own reason with it, where the question is rejected', async () => {
    expect((await refusal(fakeEntry(new Error('WebGPU is disabled by blocklist.')).entry, at('firefox'))).message).toMatch(
      /\(WebGPU is disabled by blocklist\.\)$/,
    );
  });
});
