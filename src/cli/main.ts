/** The lab without a page: the same engine in Node, through Dawn. Keys of the JSON results: docs/cli.md. */
import { nodeUnpacking } from '../data/bytes/nodeUnpacking';
import { unpackOn } from '../data/bytes/unpacking';
import { messageOf } from '../util/errors';
import { UsageError } from './args';
import { evalUsage, evaluateSae } from './commands/eval';
import { harvest, harvestUsage } from './commands/harvest';
import { inspect, inspectUsage } from './commands/inspect';
import { lm, lmUsage } from './commands/lm';
import { parity, parityUsage } from './commands/parity';
import { recipes, recipesUsage } from './commands/recipes';
import { reproduce, reproduceUsage } from './commands/reproduce';
import { sweep, sweepUsage } from './commands/sweep';
import { train, trainUsage } from './commands/train';
import { type CommandUsage, synopsis, usage } from './options';

const COMMANDS: Record<string, { run: (args: string[]) => Promise<number>; usage: () => CommandUsage }> = {
  train: { run: train, usage: trainUsage },
  sweep: { run: sweep, usage: sweepUsage },
  eval: { run: evaluateSae, usage: evalUsage },
  lm: { run: lm, usage: lmUsage },
  harvest: { run: harvest, usage: harvestUsage },
  inspect: { run: inspect, usage: inspectUsage },
  parity: { run: parity, usage: parityUsage },
  recipes: { run: recipes, usage: recipesUsage },
  reproduce: { run: reproduce, usage: reproduceUsage },
};

/** How each command is called, by name. */
export const commandUsages = (): [string, CommandUsage][] => Object.entries(COMMANDS).map(([name, { usage }]) => [name, usage()]);

const overview = (): string =>
  `npm run lab -- COMMAND [options]        (COMMAND --help and docs/cli.md say what each option does)

${commandUsages()
  .map(([name, command]) => synopsis(name, command))
  .join('\n')}
`;

/** @returns the exit code: 0 done, 1 failed, 2 wrong command line. */
export async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help') {
    process.stdout.write(overview());
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    process.stderr.write(`There is no command "${name}".\n\n${overview()}`);
    return 2;
  }
  if (rest.includes('--help')) {
    process.stdout.write(usage(name, command.usage()));
    return 0;
  }
  unpackOn(nodeUnpacking);
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${name}: ${error.message}\n\n${overview()}`);
      return 2;
    }
    if (error instanceof Error && 'reason' in error && error.reason === 'no-adapter') throw error;
    process.stderr.write(`${name}: ${messageOf(error)}\n`);
    if (process.env.LAB_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return 1;
  }
}
