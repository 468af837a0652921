/** Sizes that were asked for and could not be had: said in words, and in JSON under `adjusted`. */
import type { Sequences } from '../lab/evaluation';
import type { ExperimentData } from '../lab/experiment';
import type { Workspace } from '../lab/workspace';
import type { Options } from './args';
import { say } from './output';

/** An option whose value is not what was used. */
export interface Adjusted {
  option: string;
  asked: number;
  used: number;
  why: string;
}

/** What became of --context, when it was given: the length of the windows is not always free. */
export function contextAdjusted(options: Options, workspace: Workspace, T: number): Adjusted[] {
  const asked = options.text('context') === undefined ? T : options.count('context', T);
  if (asked === T) return [];
  const { modelContext: most } = workspace;
  const why = asked > T && most === T ? `the model’s context is ${most}` : `the token sequences that were given are ${T} long`;
  return [{ option: '--context', asked, used: T, why }];
}

/**
 * The sequences that an option in tokens leaves: whole ones, at least one, as many as there are.
 * @returns how many, and what became of the option when it was given.
 */
export function wholeSequences(options: Options, option: string, { n, T }: Sequences): { count: number; adjusted: Adjusted[] } {
  const count = Math.max(1, Math.min(n, Math.floor(options.count(option, 2 ** 31, 1) / T)));
  return { count, adjusted: tokensAdjusted(options, option, T, count * T) };
}

/** What became of an option in tokens, when it was given, where sequences of T were used. */
function tokensAdjusted(options: Options, option: string, T: number, used: number): Adjusted[] {
  const asked = options.text(option) === undefined ? used : options.count(option, used);
  if (asked === used) return [];
  const why = asked - used >= T ? `there are no more than ${used / T} sequences of ${T} tokens` : `sequences of ${T} tokens are used whole`;
  return [{ option: `--${option}`, asked, used, why }];
}

/** What became of the sizes asked for in training and in measuring through a language model. */
export function trainingAdjusted(options: Options, workspace: Workspace, { evaluation, sources }: ExperimentData): Adjusted[] {
  if (evaluation.kind !== 'model') return [];
  const { n, T } = evaluation.sequences;
  const harvested = workspace.inspected.shards.length > 0 ? undefined : sources[0]?.facts.rows;
  return [
    ...contextAdjusted(options, workspace, T),
    ...tokensAdjusted(options, 'eval-tokens', T, n * T),
    ...(harvested === undefined ? [] : tokensAdjusted(options, 'train-tokens', T, harvested)),
  ];
}

/** Says them, and gives them their place in JSON. */
export function sayAdjusted(adjusted: readonly Adjusted[]): { adjusted?: readonly Adjusted[] } {
  for (const { option, asked, used, why } of adjusted) say(`${option} ${asked}: ${used} used, because ${why}`);
  return adjusted.length > 0 ? { adjusted } : {};
}
