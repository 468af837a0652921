/** npm run bench: the cases of docs/performance.md in one process, medians of interleaved repeats. */
import { readOptions, UsageError } from '../src/cli/args';
import { adapterName, openEngine } from '../src/cli/engine';
import { disk } from './cases/disk';
import { matmul } from './cases/matmul';
import { overhead } from './cases/overhead';
import { scaling } from './cases/scaling';
import { step } from './cases/step';
import { sweep } from './cases/sweep';
import type { Case, CaseResult } from './context';
import type { Effort } from './measure';
import { openJaxjs } from './peers/jaxjs';
import { provideNavigator } from './peers/navigator';
import type { Peer } from './peers/peer';
import { openTfjs } from './peers/tfjs';
import { jsonLine, readable } from './report';

const CASES: Record<string, { run: Case; withPeers: boolean }> = {
  a: { run: matmul, withPeers: true },
  b: { run: step, withPeers: true },
  c: { run: overhead, withPeers: false },
  d: { run: sweep, withPeers: false },
  e: { run: scaling, withPeers: false },
  f: { run: disk, withPeers: false },
};

const USAGE = `npm run bench [-- --quick] [--json] [--only a,b]        (docs/performance.md)

  a  encoder product: GFLOP/s, and against TF.js and jax-js     d  8 runs in a sweep against one after another
  b  training step: sparse, dense, TF.js, jax-js                e  cost against F, B and L0
  c  step over its encoder product                              f  bytes from disk to rows trained

  --quick  under a minute; fewer repeats      --json  the last line of stdout is the figures as JSON
`;

const FULL: Effort = { rounds: 7, leastRounds: 5, budgetMs: 90_000, sampleMs: 100 };
const QUICK: Effort = { rounds: 3, leastRounds: 2, budgetMs: 3_000, sampleMs: 20 };

const say = (line: string): void => {
  process.stderr.write(`${line} …\n`);
};

function chosenCases(only: string | undefined): string[] {
  if (only === undefined) return Object.keys(CASES);
  const letters = only.split(',').map((letter) => letter.trim());
  const unknown = letters.filter((letter) => !(letter in CASES));
  if (unknown.length > 0) throw new UsageError(`--only takes letters of ${Object.keys(CASES).join(', ')}, not "${unknown.join(', ')}"`);
  return Object.keys(CASES).filter((letter) => letters.includes(letter));
}

/** The libraries that start here; why the others do not is added to `missing`. */
async function openPeers(missing: string[]): Promise<Peer[]> {
  await provideNavigator();
  const peers: Peer[] = [];
  for (const [name, open] of [
    ['TF.js', openTfjs],
    ['jax-js', openJaxjs],
  ] as const) {
    try {
      peers.push(await open());
    } catch (cause) {
      missing.push(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }
  return peers;
}

/** @returns the exit code: 0 done, 1 a case failed, 2 wrong command line. */
export async function main(args: string[]): Promise<number> {
  let letters: string[];
  let flags: { quick: boolean; json: boolean };
  try {
    const { options } = readOptions(args, { quick: 'flag', json: 'flag', only: 'text', help: 'flag' });
    if (options.flag('help')) {
      process.stdout.write(USAGE);
      return 0;
    }
    flags = { quick: options.flag('quick'), json: options.flag('json') };
    letters = chosenCases(options.text('only'));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    return 2;
  }
  const { gpu, flopsPerMs } = await openEngine();
  const adapter = adapterName(gpu);
  const missing: string[] = [];
  const peers = letters.some((letter) => CASES[letter]?.withPeers) ? await openPeers(missing) : [];
  const context = { gpu, flopsPerMs, quick: flags.quick, effort: flags.quick ? QUICK : FULL, peers, say };
  const results: CaseResult[] = [];
  let failed = false;
  for (const letter of letters) {
    const start = performance.now();
    try {
      results.push(await (CASES[letter] as { run: Case }).run(context));
    } catch (error) {
      failed = true;
      missing.push(`case ${letter}: ${error instanceof Error ? error.message : String(error)}`);
      if (process.env.LAB_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    }
    process.stderr.write(`case ${letter}: ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
  }
  if (flags.json) for (const line of missing) process.stderr.write(`not run: ${line}\n`);
  process.stdout.write(flags.json ? `${jsonLine(adapter, results)}\n` : `${readable(adapter, results, missing)}\n`);
  return failed ? 1 : 0;
}
