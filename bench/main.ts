/** npm run bench: the cases of docs/performance.md in one process, medians of interleaved repeats. */
import { writeFile } from 'node:fs/promises';
import { readOptions, UsageError } from '../src/cli/args';
import { openEngine } from '../src/cli/engine';
import { CASES, LETTERS, type Letter } from './cases';
import { nodePlatform } from './node/platform';
import { readable } from './node/print';
import { plot } from './plot';
import { jsonLine } from './report';
import { type Choice, runSuite } from './suite';

const USAGE = `npm run bench [-- --quick] [--json] [--only a,b] [--no-peers] [--small] [--plot FILE.svg]    (docs/performance.md)

${LETTERS.map((letter) => `  ${letter}  ${CASES[letter].words}`).join('\n')}

  --quick     under a minute; fewer repeats     --json            the last line of stdout is the figures as JSON
  --no-peers  without TF.js and jax-js          --plot FILE.svg   cost against F, B and L0 (case e), steps as bars (case b)
  --small     sizes for a very slow GPU, at which the targets do not apply (the page takes them by itself)
`;

interface Flags extends Choice {
  json: boolean;
  plot?: string | undefined;
}

/** @returns nothing when help was asked for. @throws UsageError */
function readFlags(args: string[]): Flags | undefined {
  const { options } = readOptions(args, {
    quick: 'flag',
    json: 'flag',
    only: 'text',
    'no-peers': 'flag',
    small: 'flag',
    plot: 'text',
    help: 'flag',
  });
  if (options.flag('help')) return undefined;
  const wanted = (options.text('only') ?? LETTERS.join(',')).split(',').map((letter) => letter.trim());
  const unknown = wanted.filter((letter) => !(letter in CASES));
  if (unknown.length > 0) throw new UsageError(`--only takes letters of ${LETTERS.join(', ')}, not "${unknown.join(', ')}"`);
  const file = options.text('plot');
  if (file !== undefined && !wanted.some((letter) => letter === 'b' || letter === 'e'))
    throw new UsageError('--plot draws cases b and e; --only leaves both out');
  return {
    letters: wanted as Letter[],
    quick: options.flag('quick'),
    compare: !options.flag('no-peers'),
    small: options.flag('small'),
    // Since the process began, so that bundling counts.
    began: 0,
    json: options.flag('json'),
    plot: file,
  };
}

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** @returns the exit code: 0 done, 1 a case failed, 2 wrong command line. */
export async function main(args: string[]): Promise<number> {
  let flags: Flags | undefined;
  try {
    flags = readFlags(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    return 2;
  }
  if (!flags) {
    process.stdout.write(USAGE);
    return 0;
  }
  const report = await runSuite({ ...(await openEngine()), platform: nodePlatform }, flags, {
    // Rounds are not told: a terminal shows each case's stages, and when they began.
    onProgress({ letter, note, round }) {
      if (round === undefined) say(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${letter ? `${letter}  ` : ''}${note} …`);
    },
    onReport({ problems }) {
      const last = problems.at(-1);
      if (process.env.LAB_DEBUG && last?.stack) say(last.stack);
    },
  });
  if (flags.json) for (const { what, why } of report.problems) say(`not measured: ${what}: ${why}`);
  if (flags.plot !== undefined) {
    await writeFile(flags.plot, plot(report));
    say(`wrote ${flags.plot}`);
  }
  process.stdout.write(flags.json ? `${jsonLine(report)}\n` : `${readable(report)}\n`);
  return report.problems.some(({ isFailure }) => isFailure) ? 1 : 0;
}
