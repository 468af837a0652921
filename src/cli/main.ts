/** The lab without a page: the same engine in Node, through Dawn. Keys of the JSON results: docs/cli.md. */
import { messageOf } from '../util/errors';
import { UsageError } from './args';
import { evaluateSae } from './commands/eval';
import { harvest } from './commands/harvest';
import { inspect } from './commands/inspect';
import { lm } from './commands/lm';
import { reproduce } from './commands/reproduce';
import { sweep } from './commands/sweep';
import { train } from './commands/train';

const COMMANDS: Record<string, (args: string[]) => Promise<number>> = { train, sweep, eval: evaluateSae, lm, harvest, inspect, reproduce };

const USAGE = `npm run lab -- COMMAND [options]        (docs/cli.md says what each option and JSON key means)

  train    --data PATH... --arch gated|baseline --d-sae N --lambda X --out DIR
           [--steps N] [--batch N] [--lr X] [--seed N] [--init DIR|FILE] [--shuffle none|pool] [--holdout FRACTION]
           [--normalize none|mean-square|mean-norm] [--lr-warmup N] [--lambda-warmup N] [--lr-decay FRACTION] [--beta1 X]
           [--x-dtype f32|f16] [--b-dec-init mean|zero] [--log-every N] [--model DIR --hook NAME --text FILE]
           [--context N] [--eval-tokens N] [--train-tokens N] [--tensor NAME] [--words-are-bf16]
           [--drop-masked | --keep-masked] [--drop-bos] [--drop-tokens ID,ID] [--max-norm X|Kx]
  sweep    the same with lists: --arch gated,baseline --lambda 0.01:0.1:6 --d-sae 256,512 --seed 0,1
           [--gated-lambda LIST] [--baseline-lambda LIST] [--gated-d-sae LIST] [--baseline-d-sae LIST]
  eval     --sae DIR --model DIR --hook NAME (--text FILE | --tokens FILE) [--max-tokens N] | --sae DIR --data PATH...
  lm       --model DIR (--text FILE | --tokens FILE.safetensors) [--splice HOOK=zero|mean|half] [--context N] [--max-tokens N]
  harvest  --model DIR --hook NAME --text FILE --out DIR [--rows-per-shard N] [--dtype f16|f32] [--context N] [--max-tokens N]
  inspect  PATH... [--profile] [--tensor NAME] [--words-are-bf16]
  reproduce [--site mlp_out|hook_post] [--wider N] [--steps N] [--seed N] [--report FILE]  the paper's claim on the demo model, checked

  --json   prints one JSON object as the last line of stdout
`;

/** @returns the exit code: 0 done, 1 failed, 2 wrong command line. */
export async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help') {
    process.stdout.write(USAGE);
    return name === undefined ? 2 : 0;
  }
  const command = COMMANDS[name];
  if (!command) {
    process.stderr.write(`There is no command "${name}".\n\n${USAGE}`);
    return 2;
  }
  try {
    return await command(rest);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${name}: ${error.message}\n\n${USAGE}`);
      return 2;
    }
    if (error instanceof Error && 'reason' in error && error.reason === 'no-adapter') throw error;
    process.stderr.write(`${name}: ${messageOf(error)}\n`);
    if (process.env.LAB_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return 1;
  }
}
