/** Sleeping while a software GPU works: how long, when, and that waits stay what they were. */
import { describe, expect, it } from 'vitest';
import { Rest, restDuringWaits, restMs, type Waits } from '../../../src/gpu/rest';

describe('how long a turn sleeps', () => {
  it('not at all at first, then an eighth of the time waited, never above a millisecond', () => {
    expect([0, 0.1, 0.39].map(restMs)).toEqual([0, 0, 0]);
    expect(restMs(0.8)).toBeCloseTo(0.1);
    expect([8, 100, 1e6].map(restMs)).toEqual([1, 1, 1]);
  });
});

/** A clock and an event loop that move by hand; a nap takes the time it takes. */
function scene() {
  let time = 0;
  const naps: number[] = [];
  const calls: (() => void)[] = [];
  const rest = new Rest(
    (ms) => {
      naps.push(ms);
      time += ms;
    },
    () => time,
    (call) => calls.push(call),
  );
  const turns = (n: number, ms: number) => {
    for (let i = 0; i < n; i++) {
      time += ms;
      for (const call of calls.splice(0)) call();
    }
  };
  return { rest, naps, calls, turns };
}

describe('Rest', () => {
  it('sleeps between the turns of the event loop as long as something is awaited, and then no more', async () => {
    const { rest, naps, calls, turns } = scene();
    let done: (value: string) => void = () => undefined;
    const result = rest.during(new Promise<string>((resolve) => (done = resolve)));
    turns(1, 0.1);
    expect(naps).toEqual([]);
    turns(20, 1);
    expect(naps.length).toBe(20);
    expect(Math.max(...naps)).toBe(1);
    done('seven');
    expect(await result).toBe('seven');
    turns(3, 1);
    expect(naps.length).toBe(20);
    expect(calls).toEqual([]);
  });

  it('one loop serves all waits, which begin anew when one of them ends', async () => {
    const { rest, naps, calls, turns } = scene();
    const ends: (() => void)[] = [];
    const wait = () => rest.during(new Promise<void>((resolve) => ends.push(resolve)));
    const first = wait();
    const second = wait();
    expect(calls.length).toBe(1);
    turns(10, 8);
    ends[0]?.();
    await first;
    const before = naps.length;
    turns(1, 0.1);
    expect(naps.length).toBe(before);
    turns(1, 8);
    expect(naps.length).toBe(before + 1);
    ends[1]?.();
    await second;
    turns(1, 8);
    expect(calls).toEqual([]);
  });

  it('a wait that fails fails as it would have, and ends the sleeping', async () => {
    const { rest, naps, calls, turns } = scene();
    const failing = rest.during(Promise.reject(new Error('lost')));
    await expect(failing).rejects.toThrow('lost');
    turns(2, 8);
    expect([naps, calls]).toEqual([[], []]);
  });
});

describe('restDuringWaits', () => {
  it('passes what callers give and get, and counts every kind of wait', async () => {
    const seen: unknown[][] = [];
    const classes = {
      GPUQueue: { prototype: { onSubmittedWorkDone: async () => undefined } },
      GPUBuffer: {
        prototype: {
          async mapAsync(...range: unknown[]) {
            seen.push([this, ...range]);
            return undefined;
          },
        },
      },
      GPUDevice: { prototype: { createComputePipelineAsync: async (descriptor: unknown) => ({ descriptor }) } },
    } as unknown as Waits;
    const { rest, calls, turns } = scene();
    restDuringWaits(classes, rest);
    const buffer = Object.create(classes.GPUBuffer.prototype) as GPUBuffer;
    await buffer.mapAsync(1, 16, 32);
    expect(seen).toEqual([[buffer, 1, 16, 32]]);
    const device = Object.create(classes.GPUDevice.prototype) as GPUDevice;
    const descriptor = { label: 'a' } as GPUComputePipelineDescriptor;
    expect(await device.createComputePipelineAsync(descriptor)).toEqual({ descriptor });
    await (Object.create(classes.GPUQueue.prototype) as GPUQueue).onSubmittedWorkDone();
    expect(calls.length).toBe(1);
    turns(1, 1);
    expect(calls).toEqual([]);
  });
});
