/** Whether arms had the same chance to do well: at which starts (length of the encoder's rows × lr) each was tried. */
import { type ArmFacts, armNames, inSentence } from './arms';

/** Words of an arm that say where it starts, and what they are called in a sentence. */
const WORDS = { 'enc-length': 'length', lr: 'lr' } as const;

export interface Tuning {
  /** `tuned`: all on one grid; `found`: each at the start that was found for its architecture; `same`: all at one start; `unlike`: neither. */
  state: 'tuned' | 'found' | 'same' | 'unlike';
  /** A sentence. */
  words: string;
}

/** Values of a word, in one order; undefined where nobody knows. */
const valuesOf = ({ words }: ArmFacts, word: string): string | undefined => words[word]?.split(', ').sort().join(', ');
const startsOf = (arm: ArmFacts): number => Object.keys(WORDS).reduce((n, word) => n * (arm.words[word] ?? '').split(', ').length, 1);
const isAtFound = (arm: ArmFacts): boolean => Object.keys(WORDS).every((word) => arm.words[word] === 'auto');
const described = (arm: ArmFacts): string =>
  isAtFound(arm)
    ? 'the start found for it'
    : Object.entries(WORDS)
        .map(([word, name]) => `${name} ${arm.words[word] ?? 'not known'}`)
        .join(' and ');

/** @param arms those that are compared. @returns undefined for fewer than two, or where an arm's start is not known. */
export function tunedAlike(arms: readonly ArmFacts[]): Tuning | undefined {
  const [first] = arms;
  if (!first || arms.length < 2) return undefined;
  if (arms.some((arm) => Object.keys(WORDS).some((word) => arm.words[word] === undefined))) return undefined;
  const isOne = Object.keys(WORDS).every((word) => arms.every((arm) => valuesOf(arm, word) === valuesOf(first, word)));
  if (!isOne) {
    const names = armNames(arms);
    const each = arms.map((arm) => `${inSentence(names.get(arm.key) as string, arm)} at ${described(arm)}`).join('; ');
    return { state: 'unlike', words: `The arms were not tuned alike: ${each}.` };
  }
  if (startsOf(first) > 1)
    return { state: 'tuned', words: `The arms were tuned alike, each at ${startsOf(first)} starts: ${described(first)}.` };
  if (isAtFound(first)) return { state: 'found', words: 'Each arm began at the start that was found best for its architecture (auto).' };
  return { state: 'same', words: `The arms began at one start, ${described(first)}, which need not suit them equally.` };
}
