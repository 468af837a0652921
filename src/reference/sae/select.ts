/** Selection across latents, in float64: the k largest of a row or of a batch, and dead latents for AuxK. Ties go to the lowest index, as torch.topk's. */

/** Places of the `count` largest positive values among those that `may` be taken, lowest place first where values tie. */
export function largest(values: ArrayLike<number>, count: number, may: (at: number) => boolean = () => true): number[] {
  const places = Array.from(values, (_, at) => at).filter((at) => (values[at] as number) > 0 && may(at));
  return places.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b).slice(0, count);
}

/** 1 for each of `[B, F]` that is kept: of every row the k largest, or the B·k largest of the batch. */
export function select(by: 'row' | 'batch', values: Float64Array, f: number, k: number): Uint8Array {
  const kept = new Uint8Array(values.length);
  if (by === 'batch') {
    for (const at of largest(values, (values.length / f) * k)) kept[at] = 1;
    return kept;
  }
  for (let row = 0; row < values.length; row += f) {
    for (const at of largest(values.subarray(row, row + f), k)) kept[row + at] = 1;
  }
  return kept;
}

/** 1 for each of `[B, F]` that AuxK takes: of every row the `count` largest among dead latents. */
export function selectDead(values: Float64Array, dead: readonly boolean[], count: number): Uint8Array {
  const taken = new Uint8Array(values.length);
  for (let row = 0; row < values.length; row += dead.length) {
    for (const at of largest(values.subarray(row, row + dead.length), count, (i) => dead[i] === true)) taken[row + at] = 1;
  }
  return taken;
}

/** Rows since each latent last fired, this batch included. */
export const sinceFired = (before: ArrayLike<number>, kept: Uint8Array): Float64Array => {
  const f = before.length;
  const rows = kept.length / f;
  return Float64Array.from(before, (count, i) => {
    for (let row = 0; row < rows; row++) if (kept[row * f + i] === 1) return 0;
    return count + rows;
  });
};

/** What the threshold of inference is averaged from: mean over rows of the least kept value, or the least of the batch. */
export function leastKept(by: 'row' | 'batch', values: Float64Array, kept: Uint8Array, f: number): number {
  const least = (from: number, to: number) => {
    let value = Number.POSITIVE_INFINITY;
    for (let at = from; at < to; at++) if (kept[at] === 1) value = Math.min(value, values[at] as number);
    return value;
  };
  if (by === 'batch') return least(0, values.length);
  const rows = Array.from({ length: values.length / f }, (_, row) => least(row * f, (row + 1) * f)).filter(Number.isFinite);
  return rows.reduce((sum, value) => sum + value, 0) / rows.length;
}
