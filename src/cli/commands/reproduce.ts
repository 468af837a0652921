/**
 * `reproduce`: what was published, trained on the demo model and checked. Writes figures and verdicts as a Markdown report; exit code 1 when a check fails.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readOptions, UsageError } from '../args';
import type { CommandUsage } from '../options';
import { finish, say } from '../output';
import { reproduceClaim, siteNames } from '../reproduce/claim';
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
    rows: {
      kind: 'flag',
      help: "The paper's ablations and the successors instead: every row of the last table of `public/demo/README.md` (`docs/demo-rows.md`).",
    },
    only: { kind: 'text', value: 'TEXT', help: 'Of `--rows`, those with this in their name or arm.' },
    steps: { kind: 'text', value: 'N', default: '1500, 2500', help: 'Steps of each run.' },
    seed: { kind: 'text', value: 'N', default: '1; with `--rows` 1,2', help: 'Initial weights, data order and held-out split.' },
    report: { kind: 'text', value: 'FILE', help: 'Markdown with figures, reference figures and verdicts.' },
    json: { kind: 'flag', help: 'Prints one JSON object as the last line of stdout.' },
  },
});

export async function reproduce(args: string[]): Promise<number> {
  const { options } = readOptions(args, reproduceUsage().options);
  const asked = ['site', 'wider'].filter((name) => options.text(name) !== undefined);
  if (options.flag('rows') && asked.length > 0)
    throw new UsageError(`--rows is of one site at one width: leave out --${asked.join(', --')}`);
  if (!options.flag('rows') && options.text('only') !== undefined) throw new UsageError('--only chooses among --rows');
  const { checks, runs, report, drawings } = await (options.flag('rows') ? reproduceRows(options) : reproduceClaim(options));
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
