import { describe, expect, it } from 'vitest';
import { filesBehind, forgetHandles, joined, mayRead, rememberedHandles, rememberHandles } from '../../../src/ui/folders';

interface Fake {
  name: string;
  state?: PermissionState;
  answer?: PermissionState;
  gone?: boolean;
}

function fake({ name, state = 'prompt', answer = 'granted', gone = false }: Fake): FileSystemHandle {
  const handle = {
    kind: 'file',
    name,
    asked: 0,
    queryPermission: async () => state,
    requestPermission: async () => answer,
    isSameEntry: async (other: unknown) => other === handle,
    getFile: async () => {
      if (gone) throw new Error('not found');
      return new File(['x'], name);
    },
  };
  return handle as unknown as FileSystemHandle;
}

describe('what was dropped before', () => {
  it('keeps nothing, and fails in nothing, where there is no storage', async () => {
    expect(await rememberHandles([fake({ name: 'a' })])).toEqual([]);
    expect(await rememberedHandles()).toEqual([]);
    await expect(forgetHandles()).resolves.toBeUndefined();
  });

  it('is each kept once', async () => {
    const [a, b] = [fake({ name: 'a' }), fake({ name: 'b' })];
    expect(await joined([a], [b, a])).toEqual([a, b]);
  });

  it('is read only where the browser allows it, asking only where it must', async () => {
    expect(await mayRead(fake({ name: 'a', state: 'granted', answer: 'denied' }))).toBe(true);
    expect(await mayRead(fake({ name: 'a', answer: 'denied' }))).toBe(false);
    await expect(filesBehind([fake({ name: 'acts', answer: 'denied' })])).rejects.toThrow(/not allowed to read acts/);
    await expect(filesBehind([fake({ name: 'acts', gone: true })])).rejects.toThrow(/acts cannot be read \(not found\)/);
    expect((await filesBehind([fake({ name: 'b' }), fake({ name: 'a' })])).map(({ path }) => path)).toEqual(['a', 'b']);
  });
});
