/** From cells to scores, and from scores to the start that is an architecture's default at a budget. */
import { type L0Range, meanQuality, sharedRange } from '../../metrics/frontierArea';
import { frontier } from '../../metrics/pareto';
import { isSensible, QUALITIES } from '../../metrics/quality';
import type { ArchitectureId } from '../../sae/architectures';
import type { Cell, Start } from './cells';

/** The cells of one architecture at one site and budget, which are ranked among themselves alone. */
export interface Contest {
  site: string;
  budget: number;
  arch: ArchitectureId;
  /** L0 over which the frontiers are averaged. */
  range: L0Range | undefined;
  /** `score` is the mean loss recovered over log L0 in the range; absent where the frontier does not span it, or a run collapsed. */
  entries: { cell: Cell; l0s: [least: number, most: number] | undefined; score: number | undefined }[];
}

/**
 * Whether all runs of a cell ended in order: by the knob, L0 and loss recovered rise together. Where they do not, a run diverged or collapsed, and a start
 * at which that happens is nobody's default however good the others are.
 */
export function isInOrder({ runs }: Pick<Cell, 'runs'>): boolean {
  const byL0 = [...runs].sort((a, b) => (a.l0 ?? Number.NaN) - (b.l0 ?? Number.NaN));
  const steps = byL0.slice(1).map((run, i) => [run, byL0[i] as (typeof byL0)[number]] as const);
  const signs = new Set(steps.map(([run, before]) => Math.sign(run.knob - before.knob)));
  return (
    runs.every(({ state, l0, loss_recovered }) => state === 'done' && l0 !== undefined && loss_recovered !== undefined) &&
    signs.size <= 1 &&
    steps.every(([run, before]) => (run.loss_recovered as number) > (before.loss_recovered as number))
  );
}

/** The frontier of a cell, of its runs that ended in order and recover what is sensible. */
export const frontOf = (cell: Cell): { l0: number; quality: number }[] =>
  frontier(
    cell.runs.flatMap(({ state, l0, loss_recovered: quality }) =>
      state === 'done' && l0 !== undefined && quality !== undefined && isSensible(QUALITIES.recovered, quality) ? [{ l0, quality }] : [],
    ),
  );

export function contests(cells: readonly Cell[]): Contest[] {
  const keyOf = ({ site, budget, arch }: Cell) => JSON.stringify([site, budget, arch]);
  return [...new Set(cells.map(keyOf))].map((key) => {
    const own = cells.filter((cell) => keyOf(cell) === key);
    const { site, budget, arch } = own[0] as Cell;
    const range = sharedRange(own.filter(isInOrder).map(frontOf));
    const entries = own.map((cell) => {
      const front = frontOf(cell);
      const [first, last] = [front[0], front.at(-1)];
      return {
        cell,
        l0s: first && last ? ([first.l0, last.l0] as [number, number]) : undefined,
        score: range && isInOrder(cell) ? meanQuality(front, range) : undefined,
      };
    });
    return { site, budget, arch, range, entries };
  });
}

const sameStart = (a: Start, b: Start): boolean => a.encLength === b.encLength && a.lr === b.lr;

export interface Found extends Start {
  /** Mean over the sites of what it falls short of the best start there. */
  behind: number;
  /** Sites on which it was ranked. */
  sites: number;
}

/** Values of lr at which a run of any arm collapsed, at any site and budget. */
const unstable = (of: readonly Contest[]): Set<number> =>
  new Set(of.flatMap(({ entries }) => entries.flatMap(({ cell }) => (isInOrder(cell) ? [] : [cell.lr]))));

/**
 * Starts of one architecture at one budget, best first: by the mean, over the sites that were run, of the loss recovered by which a start's score falls
 * short of the best one there. A start that is not scored at one of the sites is not ranked, nor is any with an lr at which a run of any arm collapsed
 * anywhere: defaults are for data that nobody has tried.
 */
export function ranked(of: readonly Contest[], arch: ArchitectureId, budget: number): Found[] {
  const own = of.filter((contest) => contest.arch === arch && contest.budget === budget);
  const starts = own.flatMap(({ entries }) => entries.map(({ cell }) => cell));
  const distinct = starts.filter((start, i) => starts.findIndex((other) => sameStart(other, start)) === i);
  const out = unstable(of);
  return distinct
    .filter(({ lr }) => !out.has(lr))
    .flatMap(({ encLength, lr }): Found[] => {
      const short = own.map(({ entries }) => {
        const best = Math.max(...entries.flatMap(({ score }) => score ?? []));
        const score = entries.find(({ cell }) => sameStart(cell, { encLength, lr }))?.score;
        return score === undefined ? undefined : best - score;
      });
      if (short.some((value) => value === undefined)) return [];
      const behind = (short as number[]).reduce((sum, value) => sum + value, 0) / short.length;
      return [{ encLength, lr, behind, sites: own.length }];
    })
    .sort((a, b) => a.behind - b.behind);
}

/** By budget and architecture; what `src/lab/settings/starts.json` holds. */
export type Starts = Record<string, Record<string, Start>>;

/** The best start of each architecture at each budget. */
export function chosen(cells: readonly Cell[]): Starts {
  const all = contests(cells);
  const starts: Starts = {};
  for (const budget of [...new Set(cells.map((cell) => cell.budget))].sort((a, b) => a - b))
    for (const arch of [...new Set(cells.filter((cell) => cell.budget === budget).map((cell) => cell.arch))]) {
      const [best] = ranked(all, arch, budget);
      if (best) starts[budget] = { ...starts[budget], [arch]: { encLength: best.encLength, lr: best.lr } };
    }
  return starts;
}
