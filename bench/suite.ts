/** Runs the chosen cases one after another, in Node and in the page alike. */

import type { Gpu } from '../src/gpu/device';
import { messageOf } from '../src/util/errors';
import { CASES, LETTERS, type Letter } from './cases';
import type { CaseResult, Context, Platform } from './context';
import type { Effort } from './measure';
import { openPeers, type Problem } from './peers/open';
import type { Peer } from './peers/peer';
import { type MeasuredCase, type Report, reportOf } from './report';

const FULL: Effort = { rounds: 7, leastRounds: 5, budgetMs: 90_000, sampleMs: 100 };
const QUICK: Effort = { rounds: 3, leastRounds: 2, budgetMs: 3_000, sampleMs: 20 };
/** A quick run begins nothing that is not expected to end within this, */
const QUICK_MS = 48_000;
/** and what it misjudged it does not wait for beyond this. */
const QUICK_END_MS = 55_000;
/** Slow (5 GFLOP/s, a software GPU): a step of the usual size takes seconds, a peer's half a minute. */
const SLOW_FLOPS_PER_MS = 5e6;

export interface Bench {
  gpu: Gpu;
  /** Calibrated speed. */
  flopsPerMs: number;
  platform: Platform;
}

export interface Choice {
  letters: readonly Letter[];
  quick: boolean;
  /** Whether TF.js and jax-js take part. */
  compare: boolean;
  /** Smaller problems; 'slow': on a GPU so slow that the usual ones would take minutes each. */
  small: boolean | 'slow';
  /** When the quick run's clock began, on that of performance.now(). */
  began: number;
}

export interface Listener {
  /** What is going on. `letter` is absent while libraries are loaded. */
  onProgress(progress: { letter?: Letter; done: number; of: number; note: string; round?: number; rounds?: number }): void;
  /** After each case: all there is so far. */
  onReport?(report: Report): void;
}

/** Libraries already started, kept for a second run on the same page. */
export type PeerCache = { opened?: { peers: Peer[]; problems: Problem[] } };

/** @returns the report; a case that failed is among its problems and has no figures. */
export async function runSuite(bench: Bench, choice: Choice, listener: Listener, cache: PeerCache = {}): Promise<Report> {
  const { gpu, flopsPerMs, platform } = bench;
  const { quick } = choice;
  const small = choice.small === 'slow' ? flopsPerMs < SLOW_FLOPS_PER_MS : choice.small;
  const letters = order(choice.letters, quick);
  const problems: Problem[] = [];
  const cases: MeasuredCase[] = [];
  const setting = { gpu: gpu.adapter, platform: platform.name, gflops: flopsPerMs / 1e6, quick, small };
  const wantsPeers = choice.compare && letters.some((letter) => CASES[letter].withPeers);
  if (wantsPeers && !cache.opened) {
    listener.onProgress({ done: 0, of: letters.length, note: 'starting TF.js and jax-js' });
    cache.opened = await openPeers(platform);
  }
  const { peers, problems: absent } = (wantsPeers && cache.opened) || { peers: [], problems: [] };
  problems.push(...absent);
  for (const [done, letter] of letters.entries()) {
    let note = '';
    let partial: (() => CaseResult) | undefined;
    const failed = new Set<string>();
    const tell = (more: { round?: number; rounds?: number } = {}) =>
      listener.onProgress({ letter, done, of: letters.length, note, ...more });
    const context: Context = {
      gpu,
      flopsPerMs,
      quick,
      small,
      effort: quick ? QUICK : FULL,
      peers,
      platform,
      ...(platform.cpuMs ? { cpuMs: platform.cpuMs } : {}),
      ...(quick ? { deadline: deadlineOf(letters, done, peers.length > 0, choice.began + QUICK_MS, performance.now()) } : {}),
      onRound: (round, rounds) => tell({ round, rounds }),
      say(line) {
        note = line;
        tell();
      },
      problem(what, cause) {
        failed.add(what);
        problems.push({ what, why: messageOf(cause) });
      },
      failed,
      keep(result) {
        partial = result;
      },
    };
    const start = performance.now();
    const add = (result: CaseResult) => cases.push({ letter, seconds: (performance.now() - start) / 1000, ...result });
    try {
      const result = await until(CASES[letter].run(context), quick ? choice.began + QUICK_END_MS : Number.POSITIVE_INFINITY);
      add(result);
    } catch (error) {
      problems.push(problemOf(letter, error));
      if (error instanceof Overdue) {
        if (partial) add(partial());
        const rest = letters.slice(done + 1);
        problems.push(...rest.map((one) => ({ what: `case ${one}`, why: 'there was no time for it in a quick run' })));
        break;
      }
    }
    listener.onReport?.(reportOf(setting, cases, problems));
  }
  return reportOf(setting, cases, problems);
}

class Overdue extends Error {
  constructor() {
    super(`not done after the ${QUICK_END_MS / 1000} s of a quick run`);
  }
}

function problemOf(letter: Letter, error: unknown): Problem {
  const what = error instanceof Overdue ? `the rest of case ${letter}` : `case ${letter}`;
  if (!(error instanceof Error)) return { what, why: String(error), isFailure: true };
  return error instanceof Overdue ? { what, why: error.message } : { what, why: error.message, stack: error.stack, isFailure: true };
}

/** What the work gives. @throws Overdue at a time on performance.now()'s clock; the work then goes on unheard. */
export async function until<T>(work: Promise<T>, end: number): Promise<T> {
  if (end === Number.POSITIVE_INFINITY) return work;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Overdue()), Math.max(0, end - performance.now()));
  });
  try {
    return await Promise.race([work, overdue]);
  } finally {
    clearTimeout(timer);
  }
}

/** A quick run leaves the longest case, b, for last: it takes all the time that the others leave. */
export const order = (letters: readonly Letter[], quick: boolean): Letter[] => {
  const sorted = LETTERS.filter((letter) => letters.includes(letter));
  return quick ? [...sorted.filter((letter) => letter !== 'b'), ...sorted.filter((letter) => letter === 'b')] : sorted;
};

/** When the case at `index` must be done: its share of the time left, so that what one saves the next ones have. */
export function deadlineOf(letters: readonly Letter[], index: number, compared: boolean, end: number, now: number): number {
  const shares = letters.slice(index).map((letter) => CASES[letter].share[compared ? 'compared' : 'alone']);
  const all = shares.reduce((sum, share) => sum + share, 0);
  return now + (Math.max(0, end - now) * (shares[0] as number)) / all;
}
