/**
 * The benchmark's state and its worker. It lives as long as the page, so that a run goes on and its results stay while the lab is looked at.
 * Loaded with the view; what is timed is loaded into the worker.
 */

import { create } from 'zustand';
import type { BenchEvent, CaseInfo, FigureInfo, Letter, Progress, Results, RunCommand } from '../../../bench/page/protocol';
import { Calls, type Numbered } from '../../util/calls';
import { messageOf } from '../../util/errors';
import type { Lab } from '../controller';
import { addNotice, type LabState, useLab } from '../store';

export interface BenchState {
  /** Empty until the worker has been loaded. */
  cases: readonly Omit<CaseInfo, 'share'>[];
  /** What is measured, before it is. */
  figures: readonly FigureInfo[];
  chosen: readonly Letter[];
  quick: boolean;
  compare: boolean;
  running: boolean;
  /** On the clock of performance.now(). */
  startedAt: number;
  progress?: Progress;
  results?: Results;
  /** How the last run ended, when not well. */
  problem?: string;
  /** Training was paused for a run and has not gone on since. */
  pausedLab: boolean;
}

export const useBench = create<BenchState>()(() => ({
  cases: [],
  figures: [],
  chosen: ['a', 'b', 'c', 'd', 'e', 'f'],
  quick: true,
  compare: true,
  running: false,
  startedAt: 0,
  pausedLab: false,
}));

let worker: Worker | undefined;
let calls = new Calls();

/** Loads the worker, which then says which cases there are. */
export function openBench(): void {
  if (worker) return;
  worker = new Worker(new URL('../../../bench/page/worker.ts', import.meta.url), { type: 'module', name: 'benchmark' });
  worker.onmessage = ({ data }: MessageEvent<BenchEvent>) => receive(data);
  worker.onerror = (event) => end(`The benchmark’s worker failed: ${event.message || 'it could not be loaded'}. Run it again.`);
}

/** Ends the worker with its GPU device and whatever it was doing. The next run has a new one. */
function closeBench(): void {
  worker?.terminate();
  worker = undefined;
  // What was asked of it is not waited for any more.
  calls = new Calls();
}

/** Stops at once; the cases that were done keep their results. */
export function end(problem?: string): void {
  closeBench();
  useBench.setState({ running: false, progress: undefined, problem });
}

function receive(event: BenchEvent): void {
  switch (event.type) {
    case 'cases':
      return useBench.setState({ cases: event.cases, figures: event.figures });
    case 'progress': {
      const { type: _, ...progress } = event;
      return useBench.setState({ progress });
    }
    case 'results': {
      const { type: _, ...results } = event;
      return useBench.setState({ results });
    }
    case 'reply':
      return calls.settle(event);
    default:
      return event satisfies never;
  }
}

function done(): void {
  // What went wrong may have left a device or a library in disorder.
  if (useBench.getState().results?.report.problems.length !== 0) closeBench();
  useBench.setState({ running: false, progress: undefined });
}

/** Long enough for the steps that were under way when training was paused. */
const SETTLE_MS = 1000;
const PAUSE_TIMEOUT_MS = 20_000;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** What the lab's GPU is doing that would be part of every figure; nothing when it rests. */
export function labWork({ session, busy }: Pick<LabState, 'session' | 'busy'>): 'training' | 'other' | undefined {
  if (session.phase === 'training') return 'training';
  return session.phase === 'loading' || session.phase === 'preparing' || busy !== undefined ? 'other' : undefined;
}

async function pauseLab(lab: Lab): Promise<void> {
  useBench.setState({ progress: { done: 0, of: 1, note: 'pausing the training' } });
  await lab.ask({ type: 'pause' });
  const deadline = performance.now() + PAUSE_TIMEOUT_MS;
  while (labWork(useLab.getState())) {
    if (performance.now() > deadline) throw new Error('Training did not pause. Stop it, then run the benchmark.');
    await pause(100);
  }
  useBench.setState({ pausedLab: true });
  await pause(SETTLE_MS);
}

/** Starts a run of what is chosen, pausing the lab's training first. */
export async function run(lab: Lab): Promise<void> {
  const { chosen, quick, compare } = useBench.getState();
  useBench.setState({ running: true, startedAt: performance.now(), results: undefined, problem: undefined, progress: undefined });
  try {
    if (labWork(useLab.getState()) === 'training') await pauseLab(lab);
  } catch (error) {
    return end(messageOf(error));
  }
  // Cancelled while it waited.
  if (!useBench.getState().running) return;
  openBench();
  watchLab();
  useBench.setState({ startedAt: performance.now() });
  const command: RunCommand = { type: 'run', letters: [...chosen], quick, compare };
  void calls
    .ask((id) => worker?.postMessage({ id, ...command } satisfies Numbered<RunCommand>))
    .then(done, (error) => end(messageOf(error)));
}

let watching = false;

/** Ends a run when the lab begins to work: figures measured beside it would be wrong without saying so. */
function watchLab(): void {
  if (watching) return;
  watching = true;
  useLab.subscribe((lab) => {
    const work = labWork(lab);
    const { running, pausedLab } = useBench.getState();
    if (pausedLab && lab.session.phase !== 'paused') useBench.setState({ pausedLab: false });
    if (!running || !work) return;
    const why = `The lab began to ${work === 'training' ? 'train' : 'work'}, so the benchmark was stopped: figures measured beside it would be wrong.`;
    end(why);
    if (lab.view !== 'benchmark') addNotice('warning', why);
  });
}
