/** Sets of numbered files, and which of them are not there. */

/** Numbers above this are no counts (dates, hashes). */
const MAX_NUMBER = 1e9;
const MAX_NAMES = 20;

export interface Numbered {
  name: string;
  /** Sorted by these, first to last. */
  numbers: number[];
}

/** The names that match, sorted by the numbers that `pattern` captures. */
export function numbered(names: readonly string[], pattern: RegExp): Numbered[] {
  const found: Numbered[] = [];
  for (const name of names) {
    const numbers = pattern
      .exec(name)
      ?.slice(1)
      .filter((group) => /^\d+$/.test(group ?? ''))
      .map(Number);
    if (numbers && numbers.length > 0 && numbers.every((n) => n <= MAX_NUMBER)) found.push({ name, numbers });
  }
  return found.sort((a, b) => compareNumbers(a.numbers, b.numbers));
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}

export interface Gaps {
  count: number;
  /** The first twenty. */
  names: string[];
}

/** Which numbers from `first` to `last` are not in the sorted list. */
export function gaps(present: readonly number[], first: number, last: number, nameOf: (n: number) => string): Gaps {
  const found: Gaps = { count: 0, names: [] };
  const skip = (from: number, to: number) => {
    found.count += Math.max(0, to - from);
    for (let n = from; n < to && found.names.length < MAX_NAMES; n++) found.names.push(nameOf(n));
  };
  let next = first;
  for (const n of present) {
    if (n < next) continue;
    skip(next, Math.min(n, last + 1));
    next = n + 1;
  }
  skip(next, last + 1);
  return found;
}

export const mergeGaps = (all: readonly Gaps[]): Gaps => ({
  count: all.reduce((sum, one) => sum + one.count, 0),
  names: all.flatMap((one) => one.names).slice(0, MAX_NAMES),
});

/** A sentence for the user; nothing where nothing is missing. */
export function gapLine(folder: string, { count, names }: Gaps): string[] {
  if (count === 0) return [];
  const some = `${names.slice(0, 5).join(', ')}${count > 5 ? ', …' : ''}`;
  return [
    `${folder || 'The files'}: ${count} numbered ${count === 1 ? 'file is' : 'files are'} missing (${some}); the others are read as if they followed each other.`,
  ];
}
