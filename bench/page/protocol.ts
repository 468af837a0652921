/**
 * What the benchmark's view and its worker say to each other. The page knows nothing of the benchmark but these types: cases, meanings and
 * texts all come from the worker. To cancel, the page ends the worker.
 */
import type { Numbered, Reply } from '../../src/util/calls';
import type { CaseInfo, Letter } from '../cases';
import type { FigureInfo, Report } from '../report';

export type { CaseInfo, Letter } from '../cases';
export type { Bar, CaseResult, Curve } from '../context';
export type { Timing } from '../measure';
export type { FigureInfo, FigureRow, MeasuredCase, Report } from '../report';

export interface RunCommand {
  type: 'run';
  letters: Letter[];
  quick: boolean;
  /** Whether TF.js and jax-js take part. */
  compare: boolean;
}

export interface Progress {
  /** The case under way; absent while the GPU and libraries are started. */
  letter?: Letter;
  /** Cases done, of how many. */
  done: number;
  of: number;
  note: string;
  round?: number;
  rounds?: number;
}

/** A report ready to be shown and copied. */
export interface Results {
  report: Report;
  /** Adapter and setting in words. */
  title: string;
  json: string;
  markdown: string;
}

export type BenchEvent =
  /** Said once, when the worker has been loaded: what there is to measure. */
  | { type: 'cases'; cases: Omit<CaseInfo, 'share'>[]; figures: FigureInfo[] }
  | ({ type: 'progress' } & Progress)
  /** After each case: everything so far. */
  | ({ type: 'results' } & Results)
  /** The run is over; an error when it could not be made: no GPU, or it was lost. */
  | ({ type: 'reply' } & Numbered<Reply<undefined>>);
