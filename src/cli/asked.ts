/** Sizes that were asked for and could not be had: said in words, and in JSON under `adjusted`. */
import type { Sequences } from '../lab/evaluation';
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
  const asked = options.count(option, 2 ** 31, 1);
  const count = Math.max(1, Math.min(n, Math.floor(asked / T)));
  return { count, adjusted: options.text(option) === undefined ? [] : tokensAdjusted(option, asked, { n, T }, count) };
}

/** What became of so many tokens that were asked for, where `count` of `n` sequences of T were used. */
export function tokensAdjusted(option: string, asked: number, { n, T }: Pick<Sequences, 'n' | 'T'>, count: number): Adjusted[] {
  const used = count * T;
  if (asked === used) return [];
  const why = asked > used && count === n ? `there are ${n} sequences of ${T} tokens` : `sequences of ${T} tokens are used whole`;
  return [{ option: `--${option}`, asked, used, why }];
}

/** Says them, and gives them their place in JSON. */
export function sayAdjusted(adjusted: readonly Adjusted[]): { adjusted?: readonly Adjusted[] } {
  for (const { option, asked, used, why } of adjusted) say(`${option} ${asked}: ${used} used, because ${why}`);
  return adjusted.length > 0 ? { adjusted } : {};
}
