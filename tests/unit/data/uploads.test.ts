import { describe, expect, it } from 'vitest';
import { Uploads, uploadBytes } from '../../../src/data/pool/pool';

const MiB = 2 ** 20;

/** A queue whose work is done when the test says so, oldest first. */
function queue(most: number) {
  const waiting: (() => void)[] = [];
  const gpu = {
    queue: {
      onSubmittedWorkDone: () => new Promise<undefined>((resolve) => waiting.push(() => resolve(undefined))),
    } as unknown as GPUQueue,
    lost: new Promise<GPUDeviceLostInfo>(() => undefined),
    check: () => undefined,
  };
  return { uploads: new Uploads(gpu, most), done: () => waiting.shift()?.() };
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  promise.then(() => {
    isSettled = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  return isSettled;
}

describe('uploads to the pool', () => {
  it('wait for the GPU only when more bytes are under way than allowed, and say for how long', async () => {
    const { uploads, done } = queue(32 * MiB);
    for (let i = 0; i < 8; i++) expect(await settled(uploads.push(4 * MiB))).toBe(true);
    expect(uploads.waitedMs).toBeLessThan(5);
    const ninth = uploads.push(6 * MiB);
    done();
    expect(await settled(ninth)).toBe(false);
    done();
    expect(await settled(ninth)).toBe(true);
    expect(uploads.waitedMs).toBeGreaterThan(4);
  });

  it('take two steps’ rows without waiting, however many blocks they come in, within bounds', () => {
    expect(uploadBytes(4096, 64)).toBe(32 * MiB);
    expect(uploadBytes(4096, 2048)).toBe(2 * 4096 * 2048 * 4);
    expect(uploadBytes(65536, 8192)).toBe(128 * MiB);
  });
});
