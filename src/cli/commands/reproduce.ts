/**
 * `reproduce`: what was published, trained on the demo model and checked. Writes figures and verdicts as a Markdown report; exit code 1 when a check fails.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Options, readOptions, UsageError } from '../args';
import type { CommandUsage } from '../options';
import { finish, say } from '../output';
import { reproduceClaim, siteNames } from '../reproduce/claim';
import type { Reproduction } from '../reproduce/demo';
import { figureNames, reproduceFigure } from '../reproduce/figures';
import { reproduceRows } from '../reproduce/rows';

export const reproduceUsage = (): CommandUsage => ({
  summary: "The paper's claim on the demo model, checked: five lambdas a kind with the sizes of the PyTorch reference.",
  options: {
    site: {
      kind: 'text',
      value: siteNames().join('|'),
      default: 'mlp_out',
      help: 'Where in the demo model; `hook_post` is larger.',
    },
    wider: {
      kind: 'text',
      value: 'N',
      default: '1',
      help: 'Dictionaries N times as wide; no reference figures then (`npm run reproduce -- --wider 4` keeps them in `docs/reproduction-wider4.md`).',
    },
    tuned: {
      kind: 'flag',
      help: "Each arm begins where it was found to do best (`auto`), not all at length 1 and lr 1e-3 as the reference; the report's name ends in `-tuned`.",
    },
    figure: {
      kind: 'text',
      value: figureNames().join('|'),
      help: "Instead: the arms of a preset with the checks of the paper's figures 8 (ablations) and 9 (rescale & shift), of the field, of high-frequency latents.",
    },
    rows: {
      kind: 'flag',
      help: "The paper's ablations and the successors instead: every row of the last table of `public/demo/README.md` (`docs/demo-rows.md`; runs are kept in the `.json` beside it).",
    },
    only: {
      kind: 'text',
      value: 'TEXT',
      help: 'Of `--rows`, those with this in their name or arm, trained anew; without it, what has not been trained yet.',
    },
    steps: { kind: 'text', value: 'N', default: '1500, 2500', help: 'Steps of each run.' },
    seed: {
      kind: 'text',
      value: 'N',
      default: '1; with `--rows` and `--figure` 1,2',
      help: 'Initial weights, data order and held-out split.',
    },
    report: { kind: 'text', value: 'FILE', help: 'Markdown with figures, reference figures and verdicts.' },
    json: { kind: 'flag', help: 'Prints one JSON object as the last line of stdout.' },
  },
});

export async function reproduce(args: string[]): Promise<number> {
  const { options } = readOptions(args, reproduceUsage().options);
  const { checks, runs, report, drawings } = await chosen(options);
  const path = options.text('report');
  if (path !== undefined) {
    await writeFile(path, report);
    for (const [name, svg] of Object.entries(drawings)) {
      const file = join(dirname(path), 'images', `${basename(path, '.md')}${name}`);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, svg);
    }
    say(`report -> ${path}`);
  }
  const holds = checks.every((check) => check.holds);
  finish(
    options.flag('json'),
    { holds, checks, runs: runs.map((run) => ({ arch: run.spec.arch, lambda: run.spec.schedule.lambda, ...run.metrics })) },
    () => `${report}\n${holds ? 'All checks hold.' : 'A check FAILED.'}`,
  );
  return holds ? 0 : 1;
}

/** @throws UsageError for options that do not go together. */
function chosen(options: Options): Promise<Reproduction> {
  const [rows, figure] = [options.flag('rows'), options.text('figure') !== undefined];
  if (rows && figure) throw new UsageError('give --rows or --figure, not both');
  const idle = ['site', 'wider', 'tuned']
    .filter((name) => options.text(name) !== undefined || options.flag(name))
    .map((name) => `--${name}`);
  if ((rows || figure) && idle.length > 0) throw new UsageError(`${idle.join(', ')}: --rows and --figure are of one site at one width`);
  if (!rows && options.text('only') !== undefined) throw new UsageError('--only chooses among --rows');
  return rows ? reproduceRows(options) : figure ? reproduceFigure(options) : reproduceClaim(options);
}
