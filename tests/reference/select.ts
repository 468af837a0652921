/**
 * What the selection's kernels (`shaders/sae/select`) should leave, by sorting. Scores are a = max(u + b_enc, 0), `[rows, width]` of one run; a selection
 * is a set of places row·width + latent.
 */

export interface Scores {
  rows: number;
  width: number;
  /** f32, so that ties are those of the kernels. */
  values: Float32Array;
}

/** The n largest positive ones of some places, of equal ones the first. */
function largest(scores: Scores, places: number[], n: number): number[] {
  const value = (place: number) => scores.values[place] as number;
  return places
    .filter((place) => value(place) > 0)
    .sort((a, b) => value(b) - value(a) || a - b)
    .slice(0, n);
}

const placesOf = ({ width }: Scores, row: number): number[] => Array.from({ length: width }, (_, i) => row * width + i);

/** TopK, and AuxK's among the dead: of each row the k largest. */
export const ofRows = (scores: Scores, k: number, may: (latent: number) => boolean = () => true): Set<number> =>
  new Set(
    Array.from({ length: scores.rows }, (_, row) =>
      largest(
        scores,
        placesOf(scores, row).filter((place) => may(place % scores.width)),
        k,
      ),
    ).flat(),
  );

/** BatchTopK: of the whole batch the rows·k largest. */
export const ofBatch = (scores: Scores, k: number): Set<number> =>
  new Set(
    largest(
      scores,
      Array.from(scores.values, (_, place) => place),
      k * scores.rows,
    ),
  );

/** Smallest kept score of each row, 0 where none was kept. */
export const leastOfRows = (scores: Scores, kept: Set<number>): number[] =>
  Array.from({ length: scores.rows }, (_, row) => {
    const own = placesOf(scores, row)
      .filter((place) => kept.has(place))
      .map((place) => scores.values[place] as number);
    return own.length > 0 ? Math.min(...own) : 0;
  });

/** Rows since each latent was kept, this batch included. */
export const rowsSince = (before: ArrayLike<number>, { rows, width }: Scores, kept: Set<number>): number[] => {
  const fired = new Set([...kept].map((place) => place % width));
  return Array.from({ length: width }, (_, i) => (fired.has(i) ? 0 : (before[i] as number) + rows));
};

/** Of what the threshold of inference follows in a step: the mean over rows that kept any of their smallest score, or the smallest of the batch; 0 for none. */
export function leastKept(scores: Scores, kept: Set<number>, by: 'row' | 'batch'): number {
  const least = leastOfRows(scores, kept).filter((value) => value > 0);
  if (least.length === 0) return 0;
  return by === 'batch' ? Math.min(...least) : least.reduce((sum, value) => sum + value, 0) / least.length;
}

/** -1 before the first. */
export const threshold = (before: number, least: number, decay: number): number => {
  if (least === 0) return before;
  return before < 0 ? least : decay * before + (1 - decay) * least;
};
