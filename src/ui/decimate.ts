/**
 * Fewer points with the same picture: the lowest and highest value of each bucket of steps, in their order, so spikes survive.
 * Non-finite values are skipped (an architecture without that term logs NaN).
 */
export function decimate(x: ArrayLike<number>, y: ArrayLike<number>, maxPoints = 500): { x: number[]; y: number[] } {
  const kept: number[] = [];
  for (let i = 0; i < y.length; i++) if (Number.isFinite(y[i] as number)) kept.push(i);
  if (kept.length > maxPoints) {
    // First and last stay; the rest goes into buckets of two points each.
    const inner = kept.slice(1, -1);
    const buckets = Math.max(1, Math.floor((maxPoints - 2) / 2));
    const chosen = [kept[0] as number];
    for (let b = 0; b < buckets; b++) {
      const from = Math.floor((b * inner.length) / buckets);
      const to = Math.floor(((b + 1) * inner.length) / buckets);
      let low = inner[from] as number;
      let high = low;
      for (let k = from; k < to; k++) {
        const i = inner[k] as number;
        if ((y[i] as number) < (y[low] as number)) low = i;
        if ((y[i] as number) > (y[high] as number)) high = i;
      }
      if (low === high) chosen.push(low);
      else chosen.push(Math.min(low, high), Math.max(low, high));
    }
    chosen.push(kept.at(-1) as number);
    return pick(x, y, chosen);
  }
  return pick(x, y, kept);
}

function pick(x: ArrayLike<number>, y: ArrayLike<number>, indices: readonly number[]): { x: number[]; y: number[] } {
  return { x: indices.map((i) => x[i] as number), y: indices.map((i) => y[i] as number) };
}
