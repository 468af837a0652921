/** Calls `apply` with the latest value, at most once every `ms`: at once when quiet, else at the end of the interval. */
export function latest<T>(apply: (value: T) => void, ms: number): (value: T) => void {
  let waiting: { value: T } | undefined;
  let quietAt = 0;
  return (value) => {
    const now = performance.now();
    if (waiting) {
      waiting.value = value;
      return;
    }
    if (now >= quietAt) {
      quietAt = now + ms;
      apply(value);
      return;
    }
    waiting = { value };
    setTimeout(() => {
      const last = waiting as { value: T };
      waiting = undefined;
      quietAt = performance.now() + ms;
      apply(last.value);
    }, quietAt - now);
  };
}
