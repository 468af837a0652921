/**
 * WebGPU in Node, through Dawn (npm `webgpu`), and what the tuner needs there. Never imported by the page.
 *
 * WORKAROUND: the object that `create()` returns must stay reachable for the life of the process. When only a local
 * holds it, V8 may collect it during an await and the process dies inside Dawn (seen on lavapipe and SwiftShader with
 * webgpu 0.6.2). Delete the pin when the package holds the reference itself.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { isFields } from '../util/json';
import { isSoftware } from './device';
import { restDuringWaits, type Waits } from './rest';
import { setTuning } from './tuner';
import type { TuningStore } from './tuningStore';

declare global {
  var __dawn: GPU | undefined;
}

/**
 * Dawn's entry point, with WebGPU's constants (GPUBufferUsage, …) defined as globals like in a page. LAB_MATMUL names the
 * matmul variant to use in place of the one that is measured to be fastest.
 */
export async function nodeGpu(): Promise<GPU> {
  setTuning({ force: process.env.LAB_MATMUL || undefined, store: fileStore(tuningPath()) });
  if (!globalThis.__dawn) {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    globalThis.__dawn = resting(create([]) as GPU, globals as unknown as Waits);
  }
  return globalThis.__dawn;
}

/** The entry point, whose waits are rests (rest.ts) from the first software adapter on. */
function resting(entry: GPU, classes: Waits): GPU {
  const requestAdapter = entry.requestAdapter.bind(entry);
  let begun = false;
  entry.requestAdapter = async (options) => {
    const adapter = await requestAdapter(options);
    if (adapter && isSoftware(adapter.info) && !begun) {
      begun = true;
      restDuringWaits(classes);
    }
    return adapter;
  };
  return entry;
}

/** The tuner's file in the user's cache folder. */
export function tuningPath(env: NodeJS.ProcessEnv = process.env): string {
  // The XDG specification: a relative path is to be ignored.
  const given = env.XDG_CACHE_HOME;
  return join(given && isAbsolute(given) ? given : join(homedir(), '.cache'), 'gated-sae-lab', 'tuning.json');
}

/** The tuner's choices in a JSON file of texts by key. A file that cannot be read, or is something else, is empty. */
export function fileStore(path: string): TuningStore {
  const read = (): Record<string, unknown> => {
    try {
      const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
      return isFields(value) ? { ...value } : {};
    } catch {
      return {};
    }
  };
  return {
    async get(key) {
      const all = read();
      const value = Object.hasOwn(all, key) ? all[key] : undefined;
      return typeof value === 'string' ? value : undefined;
    },
    async set(key, value) {
      try {
        mkdirSync(dirname(path), { recursive: true });
        // Renamed into place, so that another process never reads half a file.
        const draft = `${path}.${process.pid}`;
        writeFileSync(draft, JSON.stringify({ ...read(), [key]: value }, undefined, 1));
        renameSync(draft, path);
      } catch {
        // A folder that cannot be written: the next process measures again.
      }
    },
  };
}
