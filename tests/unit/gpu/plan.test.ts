/** Plans and their bounds, on a GPU that only takes notes. */
import { describe, expect, it } from 'vitest';
import type { Gpu } from '../../../src/gpu/device';
import { declaredBindings, type Kernel } from '../../../src/gpu/kernel';
import { fold, InFlight, Plan, SUBMIT_MS } from '../../../src/gpu/plan';

/** Records dispatched grids, one list a submission, and hands out completion promises to be settled by the test. */
function fakeGpu() {
  const submissions: string[][] = [];
  const waiting: (() => void)[] = [];
  let current: string[] = [];
  const failure: { message?: string } = {};
  let lose: () => void = () => undefined;
  const lost = new Promise<void>((resolve) => {
    lose = resolve;
  });
  const encoder = {
    beginComputePass: () => ({
      setPipeline: () => undefined,
      setBindGroup: () => undefined,
      dispatchWorkgroups: (...grid: number[]) => current.push(grid.join('x')),
      end: () => undefined,
    }),
    finish: () => ({}),
  };
  const gpu = {
    device: {
      createCommandEncoder: () => {
        current = [];
        return encoder;
      },
    },
    queue: {
      submit: () => submissions.push(current),
      onSubmittedWorkDone: () => new Promise<void>((resolve) => waiting.push(resolve)),
    },
    lost,
    check: () => {
      if (failure.message) throw new Error(failure.message);
    },
  } as unknown as Gpu;
  return { gpu, submissions, waiting, failure, lose: () => lose() };
}
const kernel = { pipeline: {}, bind: () => ({}) } as unknown as Kernel;
const settled = async (promise: Promise<unknown>) => {
  let done = false;
  promise.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  for (let i = 0; i < 10; i++) await Promise.resolve();
  return done;
};

describe('fold', () => {
  it.each([1, 65535, 65536, 1_000_003, 2 ** 31])('%i workgroups fit into two dimensions with little surplus', (n) => {
    const [x, y = 1] = fold(n);
    expect(Math.max(x, y)).toBeLessThanOrEqual(65535);
    expect(x * y).toBeGreaterThanOrEqual(n);
    expect(x * y - n).toBeLessThan(x);
  });
});

describe('Plan', () => {
  const plan = (gpu: Gpu, flops: number[]) => flops.reduce((p, f, i) => p.add(kernel, {}, [i + 1], f), new Plan(gpu, 'test'));

  it('is one submission as long as it is short, in order', () => {
    const { gpu, submissions } = fakeGpu();
    expect(plan(gpu, [5, 5, 5]).submit(1)).toBe(1);
    expect(submissions).toEqual([['1', '2', '3']]);
    expect(plan(gpu, [1e9, 1e9]).submit()).toBe(1);
  });

  it('is cut where the next dispatch would exceed the bound; one that is too long alone still goes', () => {
    const { gpu, submissions } = fakeGpu();
    const budget = SUBMIT_MS; // at 1 FLOP a millisecond
    let tails = 0;
    expect(plan(gpu, [budget / 2, budget / 2, 1, 2 * budget, 1]).submit(1, () => tails++)).toBe(4);
    expect(submissions).toEqual([['1', '2'], ['3'], ['4'], ['5']]);
    expect(tails).toBe(1);
  });

  it('leaves out empty grids and still submits when nothing is left', () => {
    const { gpu, submissions } = fakeGpu();
    const empty = new Plan(gpu, 'test').add(kernel, {}, [4, 0]);
    expect(empty.length).toBe(0);
    expect(empty.submit()).toBe(1);
    expect(submissions).toEqual([[]]);
  });
});

describe('InFlight', () => {
  it('lets two submissions be under way and waits for the oldest at the third', async () => {
    const { gpu, waiting } = fakeGpu();
    const inFlight = new InFlight(gpu);
    expect(await settled(inFlight.push())).toBe(true);
    expect(await settled(inFlight.push())).toBe(true);
    const third = inFlight.push();
    expect(await settled(third)).toBe(false);
    waiting[0]?.();
    await third;
    const drained = inFlight.drain();
    waiting[1]?.();
    expect(await settled(drained)).toBe(false);
    waiting[2]?.();
    await drained;
  });

  it('does not wait for a lost device, and passes on what went wrong', async () => {
    const { gpu, failure, lose } = fakeGpu();
    const inFlight = new InFlight(gpu, 1);
    await inFlight.push();
    const second = inFlight.push();
    failure.message = 'GPU device lost: gone';
    lose();
    await expect(second).rejects.toThrow('gone');
    await expect(inFlight.drain()).rejects.toThrow('gone');
  });
});

describe('declaredBindings', () => {
  it('reads names, numbers and access from the text, comments aside', () => {
    const text = `
      @group(0) @binding(0) var<uniform> params : Params;
      // @group(0) @binding(1) var<storage, read> ghost : array<f32>;
      @group(0) @binding(1) var<storage, read> a : array<f32>;
      @group(0) @binding(2)
      var<storage, read_write> b : array<u32>;
      @group(0) @binding(3) var<storage> c : array<u32>;`;
    expect(declaredBindings(text)).toEqual([
      { name: 'params', binding: 0, access: 'uniform' },
      { name: 'a', binding: 1, access: 'read-only-storage' },
      { name: 'b', binding: 2, access: 'storage' },
      { name: 'c', binding: 3, access: 'read-only-storage' },
    ]);
  });
});
