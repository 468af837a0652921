import { type RefObject, type ToggleEvent, useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from 'react';
import { useLab } from './store';

const darkQuery = () => matchMedia('(prefers-color-scheme: dark)');

function subscribeDark(listener: () => void): () => void {
  const query = darkQuery();
  query.addEventListener('change', listener);
  return () => query.removeEventListener('change', listener);
}

/** Whether the page is dark now: the person's choice, else the system's. */
export function useDark(): boolean {
  const system = useSyncExternalStore(subscribeDark, () => darkQuery().matches);
  const theme = useLab((s) => s.theme);
  return theme === 'auto' ? system : theme === 'dark';
}

/** Width of an element in CSS pixels, for drawings that keep their text size; known before they are first seen. */
export function useWidth<E extends HTMLElement>(initial: number): [RefObject<E | null>, number] {
  const ref = useRef<E>(null);
  const [width, setWidth] = useState(initial);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    setWidth(Math.round(element.getBoundingClientRect().width));
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.round(entry.contentRect.width)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

/** Whether a scrolling element hides something to the right of what it shows. */
export function useMoreToTheRight<E extends HTMLElement>(): [RefObject<E | null>, boolean] {
  const ref = useRef<E>(null);
  const [more, setMore] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const look = () => setMore(element.scrollLeft + element.clientWidth < element.scrollWidth - 2);
    // Its content changes its width too.
    const observer = new ResizeObserver(look);
    for (const watched of [element, ...element.children]) observer.observe(watched);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);
  return [ref, more];
}

/**
 * The state of a `<details>` that opens by itself when `needed`, and closes only by hand: what a person types into must not
 * vanish when the reason why it opened does.
 */
export function useDisclosure(needed: boolean): { open: boolean; onToggle: (event: ToggleEvent<HTMLDetailsElement>) => void } {
  const [open, setOpen] = useState(needed);
  useEffect(() => {
    if (needed) setOpen(true);
  }, [needed]);
  return { open, onToggle: (event) => setOpen(event.currentTarget.open) };
}
