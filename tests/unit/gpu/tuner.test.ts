/** The tuner's decisions, on devices that only take notes. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import plainCode from '../../../shaders/matmul/plain.wgsl?raw';
import type { Gpu } from '../../../src/gpu/device';
import { DEFAULT_MATMUL, MATMUL_VARIANTS, matmulFlops, matmulGrid, matmulSource } from '../../../src/gpu/matmul';
import { fitShape, PLAIN_PARAMS } from '../../../src/gpu/matmulBench';
import { fileStore, tuningPath } from '../../../src/gpu/node';
import { type Entrant, RACE, race } from '../../../src/gpu/race';
import { candidatesFor, chooseMatmul, shapeClass, tuningKey } from '../../../src/gpu/tuner';
import { browserStore, type TuningStore } from '../../../src/gpu/tuningStore';

interface Traits {
  name?: string;
  isSoftware?: boolean;
  invocations?: number;
  workgroupBytes?: number;
  lanes?: [least: number, most: number];
}

/** A device whose every variant is refused by the compiler, counting how often it was asked. */
function fakeGpu({ name = 'fake', isSoftware = false, invocations = 256, workgroupBytes = 16384, lanes }: Traits = {}) {
  const compile = vi.fn(() => Promise.reject(new Error('no compiler')));
  const buffer = () => ({ destroy: () => undefined, size: 16 });
  const gpu = {
    adapter: { name, isSoftware, vendor: '', architecture: '' },
    limits: { maxComputeInvocationsPerWorkgroup: invocations, maxComputeWorkgroupStorageSize: workgroupBytes },
    device: {
      features: new Set(lanes ? ['subgroups'] : []),
      adapterInfo: { subgroupMinSize: lanes?.[0], subgroupMaxSize: lanes?.[1] },
      createBuffer: buffer,
      pushErrorScope: () => undefined,
      popErrorScope: () => Promise.resolve(null),
    },
    queue: { writeBuffer: () => undefined },
    kernels: { get: compile },
  } as unknown as Gpu;
  return { gpu, compile };
}

const memoryStore = (content: Record<string, string> = {}) => ({
  content,
  get: vi.fn(async (key: string) => content[key]),
  set: vi.fn(async (key: string, value: string) => {
    content[key] = value;
  }),
});

const LARGE = { rows: 1000, columns: 4000, quads: 70 };
const names = (gpu: Gpu) => candidatesFor(gpu).map(({ name }) => name);

describe('shape classes', () => {
  it('are sizes rounded to the nearest power of two, on a logarithmic scale', () => {
    expect(shapeClass({ rows: 500, columns: 4096, quads: 1 })).toEqual({ rows: 512, columns: 4096, quads: 1 });
    expect(shapeClass({ rows: 91, columns: 90, quads: 768 / 4 })).toEqual({ rows: 128, columns: 64, quads: 256 });
  });

  it('shrink to a number of FLOPs, K last', () => {
    const size = { rows: 512, columns: 4096, quads: 64 };
    expect(fitShape(size, Number.POSITIVE_INFINITY)).toEqual(size);
    expect(fitShape(size, 2 ** 26)).toEqual({ rows: 512, columns: 256, quads: 64 });
    expect(fitShape(size, 2 ** 20)).toEqual({ rows: 128, columns: 128, quads: 64 });
    expect(matmulFlops(fitShape({ rows: 128, columns: 128, quads: 4096 }, 2 ** 25))).toBe(2 ** 25);
  });

  it('never need a buffer above 64 MiB', () => {
    const { rows, columns, quads } = fitShape({ rows: 2 ** 16, columns: 2 ** 18, quads: 2 ** 12 }, Number.POSITIVE_INFINITY);
    expect(Math.max(rows * quads * 16, columns * quads * 16, rows * columns * 4)).toBeLessThanOrEqual(2 ** 26);
  });
});

describe('variants', () => {
  it('cover C with their grid and lose at most a tile', () => {
    for (const variant of MATMUL_VARIANTS) {
      const [x, y] = matmulGrid(variant, 130, 1) as [number, number];
      expect(x).toBe(1);
      expect(y * variant.tileRows).toBeGreaterThanOrEqual(130);
      expect((y - 1) * variant.tileRows).toBeLessThan(130);
    }
  });

  it('become sources whose directives come first and whose constants join the epilogue’s', () => {
    for (const variant of MATMUL_VARIANTS) {
      const source = matmulSource(variant, 'test.name', '// epilogue', { OWN: 7 });
      expect(source.name).toBe(`test.name (${variant.name})`);
      expect(source.constants).toEqual({ ...variant.constants, OWN: 7 });
      expect(
        source.code.startsWith(variant.lanes ? 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n// epilogue' : '// epilogue'),
      ).toBe(true);
    }
  });

  it('are offered within the limits and features of the device', () => {
    const all = names(fakeGpu({ lanes: [8, 8] }).gpu);
    expect(all).toEqual(MATMUL_VARIANTS.map(({ name }) => name));
    expect(names(fakeGpu().gpu)).toEqual(all.filter((name) => !name.startsWith('broadcast')));
    expect(names(fakeGpu({ lanes: [8, 32] }).gpu)).toEqual(names(fakeGpu().gpu));
    expect(names(fakeGpu({ workgroupBytes: 8192 }).gpu)).not.toContain('tiled8x8-16x16');
    for (const variant of candidatesFor(fakeGpu({ invocations: 64 }).gpu)) expect(variant.invocations).toBeLessThanOrEqual(64);
  });

  it('are few on a software driver, the default first', () => {
    const software = (name: string, lanes?: [number, number]) => names(fakeGpu({ name, isSoftware: true, lanes }).gpu);
    expect(software('llvmpipe', [8, 8])).toEqual([DEFAULT_MATMUL.name, 'broadcast16x4-8x1']);
    expect(software('llvmpipe')).toEqual([DEFAULT_MATMUL.name]);
    expect(software('google swiftshader', [4, 4])).toEqual([DEFAULT_MATMUL.name, 'direct8x8-8x8']);
  });

  it('are timed with a parameter block that is the shader’s', () => {
    const block = /struct Params \{([^}]*)\}/.exec(plainCode)?.[1] ?? '';
    expect([...block.matchAll(/(\w+) : (\w+)/g)].map(([, name, type]) => [name, type])).toEqual(Object.entries(PLAIN_PARAMS.fields));
  });
});

/** Entrants that take these times in turn, the last one for ever, on a clock that they move. */
function field(times: Record<string, number[]>, cost: (name: string) => number = () => 1) {
  let clock = 0;
  const log: string[] = [];
  const entrants: Entrant<string>[] = Object.entries(times).map(([value, list]) => {
    const left = [...list];
    return {
      value,
      prepare: async () => {
        clock += cost(value);
        return list.length > 0;
      },
      run: async () => {
        const ms = (left.length > 1 ? left.shift() : left[0]) as number;
        clock += ms;
        log.push(value);
        return ms;
      },
    };
  });
  return { entrants, log, rules: { ...RACE, now: () => clock } };
}

describe('race', () => {
  it('is won by the least median, not by the luckiest run', async () => {
    const { entrants, rules } = field({ steady: [10], lucky: [9, 12, 12, 12, 12, 12, 12], best: [9.4] });
    expect(await race(entrants, rules)).toBe('best');
  });

  it('is kept by the first unless another is clearly faster', async () => {
    const near = field({ first: [10], other: [9.8] });
    expect(await race(near.entrants, near.rules)).toBe('first');
    const clear = field({ first: [10], other: [9] });
    expect(await race(clear.entrants, clear.rules)).toBe('other');
  });

  it('drops what is hopeless after its second run, the first included, and nothing for one bad run', async () => {
    const { entrants, log, rules } = field({ slow: [30], fast: [90, 10], slower: [40], close: [11] });
    expect(await race(entrants, rules)).toBe('fast');
    expect(log.filter((name) => name.startsWith('slow')).sort()).toEqual(['slow', 'slow', 'slower', 'slower']);
    expect(log.filter((name) => name === 'fast').length).toBe(rules.rounds);
  });

  it('does not begin another round when its time is over, nor warm up a third entrant', async () => {
    const rounds = field({ a: [100], b: [90] });
    await race(rounds.entrants, rounds.rules);
    expect(rounds.log.length).toBe(2 * rounds.rules.leastRounds);
    const compiling = field({ a: [5], b: [4], c: [1] }, () => 400);
    expect(await race(compiling.entrants, compiling.rules)).toBe('b');
    expect(compiling.log).not.toContain('c');
  });

  it('goes on without those who cannot take part', async () => {
    const one = field({ broken: [], whole: [10] });
    expect(await race(one.entrants, one.rules)).toBe('whole');
    const none = field({ broken: [] });
    expect(await race(none.entrants, none.rules)).toBeUndefined();
  });
});

describe('chooseMatmul', () => {
  it('measures nothing where a product is over before measuring would pay', async () => {
    const { gpu, compile } = fakeGpu();
    expect(await chooseMatmul(gpu, { rows: 64, columns: 64, quads: 16 }, { store: null })).toBe(DEFAULT_MATMUL);
    expect(compile).not.toHaveBeenCalled();
  });

  it('takes the variant that is forced, or says which there are and why it cannot', async () => {
    const { gpu, compile } = fakeGpu();
    expect((await chooseMatmul(gpu, LARGE, { force: 'tiled4x4-8x8' })).name).toBe('tiled4x4-8x8');
    await expect(chooseMatmul(gpu, LARGE, { force: 'fastest' })).rejects.toThrow(/called fastest; there are direct4x4-8x8, /);
    await expect(chooseMatmul(gpu, LARGE, { force: 'broadcast16x4-8x1' })).rejects.toThrow(/fake cannot run .* subgroups of 8/);
    expect(compile).not.toHaveBeenCalled();
  });

  it('recalls a choice of the same adapter, variants and class without measuring', async () => {
    const { gpu, compile } = fakeGpu();
    const key = tuningKey(gpu, candidatesFor(gpu), shapeClass(LARGE));
    const store = memoryStore({ [key]: 'direct8x4-8x8' });
    expect((await chooseMatmul(gpu, LARGE, { store })).name).toBe('direct8x4-8x8');
    expect((await chooseMatmul(gpu, { ...LARGE, rows: 1024 }, { store })).name).toBe('direct8x4-8x8');
    expect(store.get).toHaveBeenCalledTimes(1);
    expect(compile).not.toHaveBeenCalled();
  });

  it('measures anew when the stored name is of no variant that runs here', async () => {
    for (const name of ['direct1x1', 'broadcast16x4-8x1', '']) {
      const { gpu, compile } = fakeGpu();
      const key = tuningKey(gpu, candidatesFor(gpu), shapeClass(LARGE));
      // This device compiles nothing: the default is what is left, and nothing was learnt that could be kept.
      const store = memoryStore({ [key]: name });
      expect(await chooseMatmul(gpu, LARGE, { store })).toBe(DEFAULT_MATMUL);
      expect(compile).toHaveBeenCalled();
      expect(store.set).not.toHaveBeenCalled();
    }
  });

  it('keeps choices apart by adapter, class and variants', () => {
    const { gpu } = fakeGpu();
    const candidates = candidatesFor(gpu);
    const key = (other: Gpu, list = candidates, size = LARGE) => tuningKey(other, list, size);
    const edited = candidates.map((variant, i) => (i === 3 ? { ...variant, code: `${variant.code} ` } : variant));
    const keys = [key(gpu), key(fakeGpu({ name: 'other' }).gpu), key(gpu, edited), key(gpu, candidates, { ...LARGE, quads: 71 })];
    expect(new Set(keys).size).toBe(keys.length);
    expect(key(fakeGpu().gpu)).toBe(key(gpu));
  });
});

describe('stores', () => {
  const file = () => join(mkdtempSync(join(tmpdir(), 'lab-tuning-')), 'deep', 'tuning.json');
  afterEach(() => vi.unstubAllGlobals());

  it('the file keeps what it is given, beside what it had', async () => {
    const path = file();
    await fileStore(path).set('a', '1');
    await fileStore(path).set('b', '2');
    expect([await fileStore(path).get('a'), await fileStore(path).get('b'), await fileStore(path).get('c')]).toEqual(['1', '2', undefined]);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ a: '1', b: '2' });
  });

  it.each(['', 'no JSON', '[1]', 'null', '"text"', '{"a":{"b":1}}', '{"a":7}', '{"__proto__":"x"}'])(
    'a file with %j in it is one without choices, and is mended by the next',
    async (content) => {
      const path = file();
      await fileStore(path).set('x', 'y');
      writeFileSync(path, content);
      expect(await fileStore(path).get('a')).toBeUndefined();
      expect(await fileStore(path).get('toString')).toBeUndefined();
      await fileStore(path).set('a', '1');
      expect(await fileStore(path).get('a')).toBe('1');
    },
  );

  it('a file that cannot be read or written is silent', async () => {
    const path = join(file(), 'x');
    const blocked = fileStore(join(path, 'y'));
    await fileStore(path).set('a', '1');
    await blocked.set('a', '1');
    expect(await blocked.get('a')).toBeUndefined();
  });

  it('the file lies in the cache folder that the user has chosen', () => {
    expect(tuningPath({ XDG_CACHE_HOME: '/some/cache' })).toBe('/some/cache/gated-sae-lab/tuning.json');
    for (const env of [{}, { XDG_CACHE_HOME: '' }, { XDG_CACHE_HOME: 'relative' }])
      expect(tuningPath(env)).toBe(join(homedir(), '.cache', 'gated-sae-lab', 'tuning.json'));
  });

  it('a browser’s database that fails or never answers is silent', async () => {
    expect(browserStore()).toBeUndefined();
    for (const open of [
      () => {
        throw new Error('no databases in this mode');
      },
      () => ({}),
    ]) {
      vi.stubGlobal('indexedDB', { open });
      const store = browserStore() as TuningStore;
      expect(await store.get('a')).toBeUndefined();
      await store.set('a', '1');
    }
  });
});
