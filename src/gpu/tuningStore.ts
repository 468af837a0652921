/** Where the tuner's choices outlive a session. Whatever a store cannot read or write, or does not know, is measured again. */
import { createStore, get, set } from 'idb-keyval';

/** Neither method ever rejects: a store that is broken is an empty one. */
export interface TuningStore {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
}

/** Longest wait for the browser's database, in ms: an upgrade in another tab can block it for as long as that tab is open. */
const PATIENCE_MS = 500;

const patiently = <T>(work: Promise<T>): Promise<T | undefined> =>
  Promise.race([work.catch(() => undefined), new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE_MS, undefined))]);

/** In the page's worker: IndexedDB. Undefined where there is none. */
export function browserStore(): TuningStore | undefined {
  if (typeof indexedDB === 'undefined') return undefined;
  let database: ReturnType<typeof createStore> | undefined;
  const open = () => {
    database ??= createStore('gated-sae-lab-tuning', 'choices');
    return database;
  };
  return {
    async get(key) {
      const value = await patiently((async () => get<unknown>(key, open()))());
      return typeof value === 'string' ? value : undefined;
    },
    async set(key, value) {
      await patiently((async () => set(key, value, open()))());
    },
  };
}
