/**
 * The grid on which every architecture's start is looked for: length of the encoder's rows × lr, at three sites of the demo model, for three budgets.
 * A cell is one start at one site and budget: a frontier over the knob's own default values. What was run is kept in docs/recipes.json.
 */
import type { ArchitectureId } from '../../sae/architectures';

export const SITES = ['blocks.0.hook_mlp_out', 'blocks.0.hook_resid_post', 'blocks.0.mlp.hook_post'] as const;
/** Steps. */
export const BUDGETS = [600, 3000, 15_000] as const;
export const LENGTHS = [0.03, 0.1, 0.3, 1] as const;
export const RATES = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2] as const;

/** Latents of an architecture whose equal-compute width is once the subject's; the others are as many times as wide. */
export const WIDTH = 128;
export const BATCH = 128;
export const SEED = 1;
/** Windows of 128 tokens that runs are measured on. */
export const EVALUATION_WINDOWS = 40;

/** Where a frontier was trained from. */
export interface Start {
  encLength: number;
  lr: number;
}

/** A run as it is kept. */
export interface CellRun {
  knob: number;
  state: string;
  l0?: number;
  loss_recovered?: number;
  alive?: number;
}

export interface Cell extends Start {
  site: string;
  budget: number;
  arch: ArchitectureId;
  runs: CellRun[];
}

export const sameCell = (a: Omit<Cell, 'runs'>, b: Omit<Cell, 'runs'>): boolean =>
  a.site === b.site && a.budget === b.budget && a.arch === b.arch && a.encLength === b.encLength && a.lr === b.lr;
