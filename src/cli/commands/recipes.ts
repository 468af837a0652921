/**
 * `recipes`: looks for every architecture's start. Runs the cells of the grid (length of the encoder's rows × lr, at the demo's sites, for each budget)
 * that docs/recipes.json does not have yet, and writes table, figure and the defaults that follow.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { REFERENCE_HOLDOUT } from '../../lab/demo';
import { BATCH, BUDGETS, type Cell, EVALUATION_WINDOWS, LENGTHS, RATES, SEED, SITES, sameCell, WIDTH } from '../../lab/recipes/cells';
import { chosen } from '../../lab/recipes/scores';
import { type ArchitectureId, architecture, architectureIds } from '../../sae/architectures';
import { messageOf } from '../../util/errors';
import { type Options, readOptions, UsageError } from '../args';
import { type Engine, openEngine } from '../engine';
import type { CommandUsage } from '../options';
import { finish, say } from '../output';
import { FIGURE, recipesFigure, recipesReport } from '../recipesReport';
import { prepareTraining, sweepRows, trainToTheEnd } from '../training';

const FOLDER = 'docs';
const CELLS = `${FOLDER}/recipes.json`;
const STARTS = 'src/lab/settings/starts.json';
const MODEL = 'public/demo';

export const recipesUsage = (): CommandUsage => ({
  summary:
    'Looks for the start at which each architecture does best: length of the encoder’s rows × lr at three sites of the demo model. What docs/recipes.json holds is not run again, so that it may be interrupted at any time.',
  options: {
    budgets: { kind: 'text', value: 'N,N', default: BUDGETS.join(','), help: 'Steps of the runs.' },
    arms: { kind: 'text', value: 'ARCH,ARCH', default: 'all', help: 'Architectures.' },
    sites: { kind: 'text', value: 'HOOK,HOOK', default: SITES.join(','), help: 'Hooks of the demo model.' },
    lengths: { kind: 'text', value: 'X,X', default: LENGTHS.join(','), help: 'Lengths of the encoder’s rows.' },
    rates: { kind: 'text', value: 'X,X', default: RATES.join(','), help: 'Learning rates.' },
    'report-only': { kind: 'flag', help: 'Trains nothing: writes report, figure and defaults from what there is.' },
    json: { kind: 'flag', help: 'Prints one JSON object as the last line of stdout.' },
  },
});

export async function recipes(args: string[]): Promise<number> {
  const { options } = readOptions(args, recipesUsage().options);
  const budgets = numbers(options, 'budgets', BUDGETS);
  const sites = words(options, 'sites', SITES);
  const arches = words(options, 'arms', architectureIds());
  const [lengths, rates] = [numbers(options, 'lengths', LENGTHS), numbers(options, 'rates', RATES)];
  const cells = await kept();
  let engine: Promise<Engine> | undefined;
  const open = () => {
    engine ??= openEngine();
    return engine;
  };
  const refused: string[] = [];
  const sweeps = options.flag('report-only')
    ? []
    : budgets.flatMap((budget) => sites.flatMap((site) => arches.flatMap((arch) => rates.map((lr) => ({ budget, site, arch, lr })))));
  for (const sweep of sweeps) {
    const missing = lengths.filter((encLength) => !cells.some((cell) => sameCell(cell, { ...sweep, encLength })));
    if (missing.length === 0 || refused.some((line) => line.startsWith(`${sweep.arch}:`))) continue;
    say(`${sweep.arch} at ${sweep.site}, ${sweep.budget} steps, lr ${sweep.lr}, lengths ${missing.join(', ')}`);
    const started = performance.now();
    try {
      cells.push(...(await train(sweep, missing, open)));
    } catch (cause) {
      refused.push(`${sweep.arch}: ${messageOf(cause)}`);
      say(`${sweep.arch} is left out: ${messageOf(cause)}`);
      continue;
    }
    await keep(CELLS, cellsText(cells));
    say(`  ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
  const starts = chosen(cells);
  await keep(STARTS, `${JSON.stringify(starts, undefined, 2)}\n`);
  await keep(`${FOLDER}/recipes.md`, recipesReport(cells));
  await keep(`${FOLDER}/${FIGURE}`, recipesFigure(cells));
  finish(options.flag('json'), { cells: cells.length, starts, refused }, () =>
    [JSON.stringify(starts, undefined, 2), ...refused, `${cells.length} cells -> ${FOLDER}/recipes.md`].join('\n'),
  );
  return refused.length > 0 ? 1 : 0;
}

interface Sweep {
  budget: number;
  site: string;
  arch: ArchitectureId;
  lr: number;
}

/** One sweep in lockstep: a cell for each length. */
async function train({ budget, site, arch, lr }: Sweep, lengths: readonly number[], open: () => Promise<Engine>): Promise<Cell[]> {
  const { width } = architecture(arch);
  const flags = {
    model: MODEL,
    text: `${MODEL}/stories.txt`,
    hook: site,
    steps: budget,
    batch: BATCH,
    'lr-warmup': '5%',
    'lr-decay': 0.2,
    'lambda-warmup': '10%',
    normalize: 'mean-square',
    holdout: REFERENCE_HOLDOUT,
    'eval-tokens': EVALUATION_WINDOWS * 128,
    seed: SEED,
  };
  const args = [
    `--arm=${arch} width=${WIDTH * width.equalCompute} lr=${lr} enc-length=${lengths.join()}`,
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ];
  const setup = await prepareTraining(readOptions(args, sweepRows()).options, open, () => undefined);
  try {
    await trainToTheEnd(setup, 50);
    return lengths.map((encLength) => ({
      site,
      budget,
      arch,
      encLength,
      lr,
      runs: setup.runs
        .filter(({ spec }) => spec.start.encLength === encLength)
        .map(({ spec, state, metrics }) => ({
          knob: spec.schedule.lambda,
          state,
          ...(metrics && { l0: rounded(metrics.l0), loss_recovered: rounded(metrics.loss_recovered), alive: rounded(metrics.alive) }),
        })),
    }));
  } finally {
    setup.experiment.destroy();
    setup.workspace.destroy();
  }
}

/** Five digits. */
const rounded = (value: number | undefined): number | undefined => (value === undefined ? undefined : Number(value.toPrecision(5)));

/** What all cells of the file have in common. */
const CONDITIONS = { batch: BATCH, seed: SEED, width: WIDTH, evaluation_windows: EVALUATION_WINDOWS };

/** A line a cell. */
const cellsText = (cells: readonly Cell[]): string =>
  `{"conditions":${JSON.stringify(CONDITIONS)},"cells":[\n${cells.map((cell) => JSON.stringify(cell)).join(',\n')}\n]}\n`;

/** @throws Error where the file's cells were run under other conditions, which are not ranked with new ones. */
async function kept(): Promise<Cell[]> {
  let text: string;
  try {
    text = await readFile(CELLS, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw cause;
  }
  const { conditions, cells } = JSON.parse(text) as { conditions: unknown; cells: Cell[] };
  const [found, wanted] = [conditions, CONDITIONS].map((one) => JSON.stringify(one));
  if (found !== wanted) throw new Error(`${CELLS}: its cells are of ${found}, these would be of ${wanted}. Move it away to begin anew.`);
  return cells;
}

/** A file is the old or the new one, never a part. */
async function keep(path: string, text: string): Promise<void> {
  await writeFile(`${path}.partial`, text);
  await rename(`${path}.partial`, path);
}

/** @throws UsageError for what is not among `all`. */
function words<T extends string>(options: Options, name: string, all: readonly T[]): T[] {
  const asked = options.text(name)?.split(',');
  const unknown = asked?.find((word) => !all.some((known) => known === word));
  if (unknown !== undefined) throw new UsageError(`--${name} must be among ${all.join(', ')}, not "${unknown}"`);
  return all.filter((word) => !asked || asked.includes(word));
}

/** @throws UsageError for what is no number above 0. */
function numbers(options: Options, name: string, all: readonly number[]): number[] {
  const asked = options.text(name)?.split(',').map(Number) ?? all;
  if (!asked.every((value) => value > 0)) throw new UsageError(`--${name} must be numbers above 0, not "${options.text(name)}"`);
  return [...asked];
}
