/**
 * What the cases share. Neither they nor this file know whether they run in Node or in a page's worker: what differs is in Platform
 * (node/platform.ts, page/platform.ts).
 */
import type { ByteSource } from '../src/data/bytes/types';
import type { Gpu } from '../src/gpu/device';
import type { ArchitectureId } from '../src/sae/architectures';
import type { Figure } from './figures';
import type { Contender, Effort, Timing, Watch } from './measure';
import type { Peer } from './peers/peer';

export interface StoredFile {
  source: ByteSource;
  /** Where the bytes lie, for the notes: "a temporary file". */
  where: string;
  remove(): Promise<void>;
}

export interface Platform {
  /** What runs this, with its version: "Node 20.20.2", "Chrome 156". */
  name: string;
  /** Processor time of all threads so far, ms, where it can be had. */
  cpuMs?: () => number;
  /** Puts bytes where a person's file would be. */
  store(bytes: Uint8Array): Promise<StoredFile>;
  /** Makes navigator.gpu note the devices that libraries open (peers/devices.ts). */
  noteDevices(): Promise<void>;
}

export interface Context extends Watch {
  gpu: Gpu;
  /** Calibrated speed, as a session uses it. */
  flopsPerMs: number;
  quick: boolean;
  /** Smaller problems, at which targets do not apply. */
  small: boolean;
  effort: Effort;
  peers: readonly Peer[];
  platform: Platform;
  /** Words for whoever waits. */
  say(line: string): void;
  /** Something that gives no figure, and why; the case goes on without it. */
  problem(what: string, cause: unknown): void;
  /** What `problem` was told of. */
  failed: ReadonlySet<string>;
  /** What to show should the rest of the case not end in time. */
  keep(partial: () => CaseResult): void;
}

/** Cost against one size. */
export interface Curve {
  axis: 'F' | 'B' | 'L0';
  points: { x: number; ms: number }[];
  /** Exponent of the power law fitted to the points; absent with fewer than two. */
  slope?: number;
}

/** One step's time, for the bars. */
export interface Bar {
  arch: ArchitectureId;
  /** "sparse", "dense", or a peer's name. */
  who: string;
  ms: number;
}

export interface CaseResult {
  title: string;
  figures: Partial<Record<Figure, number>>;
  timings: Timing[];
  /** Further lines: sizes, slopes, shares, what could not be run. */
  notes: string[];
  curves?: Curve[];
  bars?: Bar[];
}

export type Case = (context: Context) => Promise<CaseResult>;

/** times[top] / times[bottom], or nothing where one of them was not measured. */
export function ratio(timings: readonly Timing[], top: string, bottom: string): number | undefined {
  const [a, b] = [top, bottom].map((name) => timings.find((timing) => timing.name === name));
  return a && b ? a.ms / b.ms : undefined;
}

/** For contenders that are all fast: no round is left out for lack of time. */
export const allRounds = ({ effort }: Context): Effort => ({ ...effort, leastRounds: effort.rounds });

/** Milliseconds until a quick run must be done with this case. */
export const timeLeft = ({ deadline }: Watch): number => (deadline ?? Number.POSITIVE_INFINITY) - performance.now();

/** Lines about what a quick run's time did not suffice for; none when it did. What failed is named elsewhere. */
export function leftOut(
  { failed }: Pick<Context, 'failed'>,
  contenders: readonly Pick<Contender, 'name'>[],
  timings: readonly Timing[],
): string[] {
  const without = contenders.map(({ name }) => name).filter((name) => !timings.some((timing) => timing.name === name));
  const names = without.filter((name) => !failed.has(name));
  return [
    ...(names.length > 0 ? [`no time in a quick run for: ${names.join('; ')}`] : []),
    ...(timings.some(({ samples }) => samples === 0) ? ['0 samples: the time of a trial run, not interleaved'] : []),
  ];
}
