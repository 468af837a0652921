/** Long lists without long work: only what is near the screen is in the page, however many there are. */
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';

/** Rows above and below what is seen, so that scrolling shows no gap. */
const SPARE = 20;

export interface Window {
  from: number;
  to: number;
}

/**
 * Which of `count` rows of equal height to draw.
 * @param top pixels of the list that are scrolled away above. @param seen height of what is seen of it. @param height of a row.
 */
export function windowOf(count: number, top: number, seen: number, height: number): Window {
  const first = Math.max(0, Math.min(count - 1, Math.floor(top / height)));
  const last = Math.ceil((Math.max(0, top) + seen) / height);
  return { from: Math.max(0, first - SPARE), to: Math.min(count, last + SPARE) };
}

/** The rows of a scrolling element to draw, kept up while it scrolls. @param height of a row, px, all alike. */
export function useWindow<E extends HTMLElement>(
  count: number,
  height: number,
): Window & { scroller: RefObject<E | null>; onScroll(): void } {
  const scroller = useRef<E>(null);
  const [{ top, seen }, setPlace] = useState({ top: 0, seen: 400 });
  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (element) setPlace({ top: element.scrollTop, seen: element.clientHeight });
  }, []);
  useEffect(onScroll, [onScroll]);
  return { ...windowOf(count, top, seen, height), scroller, onScroll };
}

/**
 * For items of unequal height: how many of `count` are drawn. More follow when the end of the list comes near the screen.
 * @returns the number, and where to put the element that marks the end.
 */
export function useGrowing<E extends HTMLElement>(count: number, step: number): [number, (end: E | null) => void] {
  const [shown, setShown] = useState(step);
  const observer = useRef<IntersectionObserver>(undefined);
  const end = useCallback(
    (element: E | null) => {
      observer.current?.disconnect();
      if (!element) return;
      const seen = new IntersectionObserver(([entry]) => entry?.isIntersecting && setShown((n) => n + step), { rootMargin: '200px' });
      seen.observe(element);
      observer.current = seen;
    },
    [step],
  );
  return [Math.min(count, shown), end];
}
