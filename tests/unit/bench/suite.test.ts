import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CASES, LETTERS } from '../../../bench/cases';
import { checkDevice, lastDevice, noting } from '../../../bench/peers/devices';
import { deadlineOf, order, until } from '../../../bench/suite';
import { browserName } from '../../../src/util/browser';

describe('a quick run', () => {
  it('leaves the longest case for last; a full one goes by letter', () => {
    expect(order(LETTERS, true)).toEqual(['a', 'c', 'd', 'e', 'f', 'g', 'b']);
    expect(order(['f', 'b', 'a'], false)).toEqual(['a', 'b', 'f']);
    expect(Math.max(...LETTERS.map((letter) => CASES[letter].share.compared))).toBe(CASES.b.share.compared);
  });

  it('gives each case its share of the time that is left, and all of it to the last', () => {
    const letters = order(LETTERS, true);
    const at = (index: number, now: number) => deadlineOf(letters, index, true, 48_000, now);
    const first = at(0, 0);
    expect(first).toBeGreaterThan(5000);
    // What the first case saved is shared by the others.
    expect(at(1, first / 2) - first / 2).toBeGreaterThan(at(1, first) - first);
    expect(at(6, 30_000)).toBe(48_000);
    expect(at(6, 50_000)).toBe(50_000);
    // Without libraries to wait for, the cases that have none get more.
    expect(deadlineOf(letters, 1, false, 48_000, 0)).toBeGreaterThan(at(1, 0));
  });
});

describe('the end of a quick run', () => {
  it('is not waited for beyond', async () => {
    const never = new Promise<string>(() => {});
    await expect(until(never, performance.now() + 5)).rejects.toThrow(/not done after/);
    await expect(until(never, performance.now() - 5)).rejects.toThrow(/not done after/);
    expect(await until(Promise.resolve('done'), performance.now() + 1000)).toBe('done');
    expect(await until(Promise.resolve('done'), Number.POSITIVE_INFINITY)).toBe('done');
    await expect(until(Promise.reject(new Error('lost')), performance.now() + 1000)).rejects.toThrow('lost');
  });
});

describe('devices of other libraries', () => {
  const device = () => {
    let report = (_: unknown) => {};
    const fake = {
      addEventListener: (_: string, listener: typeof report) => {
        report = listener;
      },
      fail: (message: string) => report({ error: { message } }),
    };
    return fake as unknown as GPUDevice & { fail(message: string): void };
  };
  class Adapter {
    #limits = 'real';
    constructor(readonly device: GPUDevice) {}
    get limits() {
      return this.#limits;
    }
    async requestDevice() {
      return this.device;
    }
  }

  it('are noted when they are opened, and their adapters work as before', async () => {
    expect(() => lastDevice()).toThrow('opened no WebGPU device');
    const own = device();
    const gpu = noting({ requestAdapter: async () => new Adapter(own) } as unknown as GPU);
    const adapter = await gpu.requestAdapter();
    // A private field: a proxy that called the getter on itself would throw.
    expect(adapter?.limits).toBe('real');
    expect(await adapter?.requestDevice()).toBe(own);
    expect(lastDevice()).toBe(own);
    checkDevice(own);
    own.fail('bad binding\nmore');
    expect(() => checkDevice(own)).toThrow('bad binding');
  });

  it('are none where there is no adapter', async () => {
    expect(await noting({ requestAdapter: async () => null } as unknown as GPU).requestAdapter()).toBeNull();
  });
});

describe('the page’s benchmark', () => {
  it('has no Node in what both share: only bench/main.ts and bench/node may', () => {
    const files = readdirSync('bench', { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).replaceAll('\\', '/'))
      .filter((file) => file !== 'bench/main.ts' && !file.startsWith('bench/node/'));
    expect(files.length).toBeGreaterThan(20);
    for (const file of files) {
      const code = readFileSync(file, 'utf8')
        .replace(/\/\*[\s\S]*?\*\//g, '')
        .replace(/\/\/.*$/gm, '');
      expect(code, file).not.toMatch(/from 'node:|\bprocess\.|\/cli\/|gpu\/node'|nodeFiles|\/node\//);
    }
  });

  it('names the browser', () => {
    const webkit = 'Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko)';
    expect(browserName(`${webkit} Chrome/156.0.0.0 Safari/537.36`)).toBe('Chrome 156');
    expect(browserName(`${webkit} HeadlessChrome/156.0.0.0 Safari/537.36`)).toBe('Chrome 156');
    expect(browserName(`${webkit} Chrome/156.0.0.0 Safari/537.36 Edg/156.0`)).toBe('Edge 156');
    expect(browserName(`${webkit} Version/26.0 Safari/605.1.15`)).toBe('Safari 26');
    expect(browserName('Mozilla/5.0 (X11; rv:141.0) Gecko/20100101 Firefox/141.0')).toBe('Firefox 141');
    expect(browserName('')).toMatch(/does not tell/);
  });
});
