/**
 * `parity`: every case of the fixtures' formats below a folder through the product, each with a line of how far off the worst number is, in tolerances.
 * Exit code 1 when one is missed, or there is none.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { worst } from '../../lab/parity/findings';
import type { StepForm } from '../../sae/layout';
import { messageOf } from '../../util/errors';
import { readOptions, UsageError } from '../args';
import { adapterName, openEngine } from '../engine';
import type { CommandUsage } from '../options';
import { finish, progress, say } from '../output';
import { type FoundCase, findCases } from '../parity/find';
import { writeComputed } from '../parity/read';
import { runCase } from '../parity/run';

const FORMS: Record<string, readonly StepForm[]> = {
  both: ['sparse', 'dense'],
  sparse: ['sparse'],
  dense: ['dense'],
  auto: ['auto'],
  all: ['sparse', 'dense', 'auto'],
};

export const parityUsage = (): CommandUsage => ({
  summary:
    'Holds the product against fixtures: training cases step by step, language models at every hook, saved SAEs on their rows. A line a case: the worst error over its tolerance.',
  words: 'FOLDER',
  options: {
    out: { kind: 'text', value: 'DIR', help: 'Writes what was computed, a folder a case.' },
    form: { kind: 'text', value: Object.keys(FORMS).join('|'), default: 'both', help: 'Form of the training step (`all`: `auto`, too).' },
    only: { kind: 'text', value: 'TEXT', help: 'Only cases with this in their name.' },
    json: { kind: 'flag', help: 'Prints one JSON object as the last line of stdout.' },
  },
});

/** What became of a case. */
interface Line {
  case: string;
  holds: boolean;
  /** The worst error over its tolerance; absent where nothing could be computed. */
  over?: number;
  /** Which number that is. */
  what?: string;
  /** How many numbers and tensors were compared. */
  compared?: number;
  /** What the product does not offer for the case, and so was not tried. */
  left?: string[];
  /** Why nothing could be computed. */
  problem?: string;
}

const describe = ({ case: name, holds, over, what, compared, left = [], problem }: Line): string =>
  `${holds ? 'ok    ' : 'MISSED'} ${name.padEnd(34)} ${
    problem ?? [`${(over as number).toExponential(1).padStart(8)} of the tolerance: ${what} (${compared} compared)`, ...left].join('; ')
  }`;

export async function parity(args: string[]): Promise<number> {
  const { options, words } = readOptions(args, parityUsage().options, true);
  const [root, ...more] = words;
  if (root === undefined || more.length > 0) throw new UsageError('name one FOLDER with cases');
  const form = options.text('form') ?? 'both';
  const forms = FORMS[form];
  if (!forms) throw new UsageError(`--form must be ${Object.keys(FORMS).join(', ')}, not "${form}"`);
  if (!(await stat(root).catch(() => undefined))?.isDirectory()) throw new Error(`${root}: no such folder.`);
  const only = options.text('only');
  const cases = (await findCases(root)).filter(({ name }) => only === undefined || name.includes(only));
  if (cases.length === 0) throw new Error(`${root}: no case was found (folders with an expected.json).`);
  const engine = await openEngine();
  const out = options.text('out');
  const lines: Line[] = [];
  for (const found of cases) {
    progress(found.name);
    const line = await check(engine, found, forms, out);
    lines.push(line);
    if (!options.flag('json')) process.stdout.write(`${describe(line)}\n`);
  }
  const missed = lines.filter(({ holds }) => !holds).length;
  if (out !== undefined) say(`what was computed -> ${out}`);
  const device = adapterName(engine.gpu);
  finish(options.flag('json'), { holds: missed === 0, device, cases: lines }, () =>
    missed === 0 ? `All ${lines.length} cases hold on ${device}.` : `${missed} of ${lines.length} cases are MISSED on ${device}.`,
  );
  return missed === 0 ? 0 : 1;
}

async function check(
  engine: Awaited<ReturnType<typeof openEngine>>,
  found: FoundCase,
  forms: readonly StepForm[],
  out: string | undefined,
): Promise<Line> {
  try {
    const outcome = await runCase(engine, found, forms);
    if (out !== undefined) await writeComputed(join(out, found.name), outcome);
    const most = worst(outcome.findings);
    if (!most) return { case: found.name, holds: false, problem: 'nothing could be compared' };
    // JSON has no infinity.
    const over = Math.min(most.over, Number.MAX_VALUE);
    return {
      case: found.name,
      holds: most.over <= 1,
      over,
      what: most.what,
      compared: outcome.findings.length,
      ...(outcome.left && { left: outcome.left }),
    };
  } catch (cause) {
    return { case: found.name, holds: false, problem: messageOf(cause) };
  }
}
