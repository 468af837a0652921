/** Sweeps on the demo model in the set-up of its PyTorch reference (public/demo/README.md), and what all reproductions report. */
import { REFERENCE_HOLDOUT } from '../../lab/demo';
import type { Run } from '../../lab/experiment';
import { readOptions } from '../args';
import { openEngine } from '../engine';
import { prepareTraining, sweepRows, type TrainingSetup, trainToTheEnd } from '../training';

const MODEL = 'public/demo';
const TEXT = 'public/demo/stories.txt';
/** Windows of the evaluation, and their tokens. */
const WINDOWS = 300 * 128;

export interface Check {
  claim: string;
  found: string;
  holds: boolean;
}

export interface Reproduction {
  checks: Check[];
  runs: readonly Run[];
  /** Markdown. */
  report: string;
  /** SVG files by what their names end in; the report shows them. */
  drawings: Record<string, string>;
}

export interface DemoSweep {
  hook: string;
  /** As people type them. */
  arms: readonly string[];
  steps: number;
  batch: number;
  seeds: string;
}

/** Of the reference, in words, for reports. */
export const SETUP_WORDS = `lr 1e-3 (100 steps warm-up, linear to 0 over the last 20 %), lambda warm-up over the first 10 %, activations scaled
to mean square norm 1, Adam beta1 0`;

/** Trains the arms to their end and measures them on the first windows, which are not trained on. What an arm says itself goes before the set-up. */
export async function onDemo({ hook, arms, steps, batch, seeds }: DemoSweep): Promise<{ setup: TrainingSetup; minutes: number }> {
  const started = performance.now();
  const flags = {
    model: MODEL,
    text: TEXT,
    hook,
    steps,
    batch,
    lr: 1e-3,
    'lr-warmup': Math.min(100, steps),
    'lr-decay': 0.2,
    'lambda-warmup': Math.round(steps / 10),
    'enc-length': 1,
    'b-dec-init': 'mean',
    beta1: 0,
    normalize: 'mean-square',
    holdout: REFERENCE_HOLDOUT,
    'eval-tokens': WINDOWS,
    seed: seeds,
  };
  const args = [...arms.map((arm) => `--arm=${arm}`), ...Object.entries(flags).flatMap(([key, value]) => [`--${key}`, String(value)])];
  const setup = await prepareTraining(readOptions(args, sweepRows()).options, openEngine, () => undefined);
  await trainToTheEnd(setup, 50);
  return { setup, minutes: (performance.now() - started) / 60000 };
}

/** A cell: a dash for what was not measured. */
export const cell = (value: number | undefined, places: number): string => (value === undefined ? '–' : value.toFixed(places));

export const markdownTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

export const checkTable = (checks: readonly Check[]): string =>
  markdownTable(
    ['claim', 'found', 'holds'],
    checks.map(({ claim, found, holds }) => [claim, found, holds ? 'yes' : '**no**']),
  );
