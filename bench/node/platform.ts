/** The benchmark's platform in Node: Dawn, the processor's clock, a temporary file. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSource } from '../../src/data/bytes/nodeFiles';
import { nodeGpu } from '../../src/gpu/node';
import type { Platform } from '../context';
import { noting } from '../peers/devices';

export const nodePlatform: Platform = {
  name: `Node ${process.versions.node}, Dawn`,
  cpuMs() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e3;
  },
  async store(bytes) {
    const folder = await mkdtemp(join(tmpdir(), 'lab-bench-'));
    const remove = () => rm(folder, { recursive: true, force: true });
    try {
      const path = join(folder, 'rows.safetensors');
      await writeFile(path, bytes);
      return { source: await FileSource.open(path), where: 'a temporary file, in the page cache', remove };
    } catch (error) {
      await remove();
      throw error;
    }
  },
  async noteDevices() {
    const gpu = noting(await nodeGpu());
    // Node 21 and later have a navigator of their own, without gpu; jax-js reads the user agent to tell phones.
    const navigator = { gpu, userAgent: `Node.js/${process.versions.node}`, hardwareConcurrency: 2 };
    Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true, writable: true });
  },
};
