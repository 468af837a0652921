/** What a setting is: a row of the table that form, validation, link, command line, its usage, docs/cli.md and exported configurations are read from. */

import type { AUTO } from './starts';

/** How a text is read, and what may stand there. */
export type Spec =
  | { kind: 'int' | 'number'; min: number; max: number }
  /** A whole number of steps, or a share of the sweep's: `10%`. */
  | { kind: 'steps'; min: number; max: number }
  /** Steps, or shares of the sweep's, at which something happens: `none`, a list, or `N:M` for every N-th until M. One value, however many they are. */
  | { kind: 'times' }
  /** Whole or any numbers separated by commas or blanks. `auto`: that word stands for what was found for the architecture (`starts.ts`). */
  | { kind: 'ints'; min: number; max: number }
  | { kind: 'numbers'; min: number; max: number; auto?: boolean }
  /** Whole numbers, or multiples of the data's d: `2x`. */
  | { kind: 'widths'; min: number; max: number }
  /** Numbers above a bound, or log ranges `lo:hi:count`. */
  | { kind: 'knob'; symbol: string; whole: boolean; above: number; max: number }
  /** The arm whose trained runs those of a second stage start from: its number, `first` that can be, or `init`, the weights that are given. */
  | { kind: 'from' }
  /** Runs of an arm, each by its values: `lambda:0.4/seeds:2`; may be empty. */
  | { kind: 'strikes' }
  /** `meanings`: what each choice does, as what then holds and a sentence. */
  | { kind: 'choice'; choices: readonly string[]; meanings?: Readonly<Record<string, { holds: string; help: string }>> }
  /** As it is typed; blanks around commas go. */
  | { kind: 'text' }
  /** Several of them, separated likewise. */
  | { kind: 'choices'; choices: readonly string[] };

export type Row = Extract<Spec, { kind: 'int' | 'number' | 'steps' | 'times' | 'ints' | 'numbers' | 'choice' | 'choices' }> & {
  label: string;
  /** Name in the link (`steps=`), in an arm (`seeds=0,1`) and, unless `cli` says otherwise, on the command line (`--steps`). */
  flag: string;
  /**
   * Who may differ in it. `experiment`: nobody, for it is of the data and batches that all runs in training share. `sweep`: sweeps, not their arms.
   * `arm`: an arm may have a value of its own; those that have none take the sweep's. Of a kind that is a list, each value is a run.
   */
  scope: 'experiment' | 'sweep' | 'arm';
  /** Of how training begins or of what a second stage has not: arms that start from trained runs do not take it. */
  firstStage?: true;
  /** Simple settings are always shown; the others under "All fields". */
  level: 'simple' | 'all';
  /** As text, in the form. */
  default: string;
  /** The command line's own name and default, where they differ; false where it has no such option. */
  cli?: false | { flag?: string; default?: string };
  unit?: string;
  help: string;
};

/** What the text of a row comes to. */
export type ValueOf<R> = R extends { kind: 'choice'; choices: readonly (infer C)[] }
  ? C
  : R extends { kind: 'choices'; choices: readonly (infer C)[] }
    ? C[]
    : R extends { kind: 'numbers'; auto: true }
      ? (number | typeof AUTO)[]
      : R extends { kind: 'ints' | 'numbers' | 'times' }
        ? number[]
        : number;
