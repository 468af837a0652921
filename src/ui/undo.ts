/**
 * Deeds that can be taken back: each has a notice with "Undo". It is carried out for good when its notice goes: by hand, in time, or to make
 * room for newer ones.
 */
import { addNotice, dismissNotice, useLab } from './store';

interface Deed {
  back(): void | Promise<void>;
  /** What makes it final, where anything is left to do. */
  done(): void;
}

/** How long "Undo" stands there, unless the pointer or the focus rests on it, ms. */
export const UNDO_MS = 20_000;
const LATER_MS = 2000;

/** By the notice's id. Outside the store, whose state is plain values. */
const deeds = new Map<number, Deed>();

useLab.subscribe(({ notices }, before) => {
  if (notices === before.notices) return;
  for (const [id, deed] of deeds) {
    if (notices.some((notice) => notice.id === id)) continue;
    deeds.delete(id);
    deed.done();
  }
});

/** Says what was done, and offers to take it back. @returns the notice's id, for `dismissNotice`. */
export function offerUndo(message: string, back: Deed['back'], done: Deed['done'] = () => undefined): number {
  const id = addNotice('info', message, { canUndo: true });
  deeds.set(id, { back, done });
  const end = () => {
    if (deeds.has(id) && isWatched(id)) setTimeout(end, LATER_MS);
    else dismissNotice(id);
  };
  setTimeout(end, UNDO_MS);
  return id;
}

const isWatched = (id: number): boolean =>
  typeof document !== 'undefined' && document.querySelector(`[data-notice="${id}"]:is(:hover, :focus-within)`) !== null;

export async function takeBack(id: number): Promise<void> {
  const deed = deeds.get(id);
  deeds.delete(id);
  dismissNotice(id);
  await deed?.back();
}
