/**
 * Arms of results: what a chart draws as one line, what they are called beside each other and how they look. Colour is the family, the mark and the
 * line's dashes are the arm, the filling is the width.
 */
import { type ArchitectureId, architecture, architectureIds, REFERENCE } from '../sae/architectures';
import { FAMILIES } from '../sae/architectures/families';
import { DASHES, type Dash, MARK_SHAPES, type MarkShape } from '../util/svg';

/** What runs of an arm share: all of it but values of the knob and seeds. Runs of one key are one line of a chart. */
export interface ArmFacts {
  key: string;
  arch: ArchitectureId;
  /** Widths, options and settings that an arm may have of its own, as texts, by word; lists as lists. */
  words: Readonly<Record<string, string>>;
}

/** The arm of an architecture of which nothing else is known. */
export const plainArm = (arch: ArchitectureId): ArmFacts => ({ key: arch, arch, words: {} });

export const armOf = ({ arm, arch }: { arm?: ArmFacts; arch: ArchitectureId }): ArmFacts => arm ?? plainArm(arch);

/** Each arm once, in the order in which they come. */
export const distinctArms = (of: readonly { arm?: ArmFacts; arch: ArchitectureId }[]): ArmFacts[] => [
  ...new Map(of.map((one) => [armOf(one).key, armOf(one)])).values(),
];

/** The same in the order in which people see architectures. */
export function listedArms(of: readonly { arm?: ArmFacts; arch: ArchitectureId }[]): ArmFacts[] {
  const places = architectureIds();
  return distinctArms(of).sort((a, b) => places.indexOf(a.arch) - places.indexOf(b.arch));
}

/** Options that are not at their defaults, in words. */
function optionsOf({ arch, words }: ArmFacts): string[] {
  return architecture(arch).options.flatMap(({ key, default: standard }) => {
    const text = words[key];
    return text === undefined || text === String(standard) ? [] : [`${key} ${text}`];
  });
}

/**
 * A name for each arm by its key: the architecture, its options that are not at their defaults, and where that names several, what else tells them
 * apart; numbers where nothing does.
 */
export function armNames(arms: readonly ArmFacts[]): Map<string, string> {
  const first = arms.map((arm) => [architecture(arm.arch).title, ...optionsOf(arm)].join(' '));
  const second = arms.map((arm, i) => {
    const twins = arms.filter((_, j) => first[j] === first[i]);
    const differing = Object.keys(arm.words).filter((word) => twins.some((twin) => twin.words[word] !== arm.words[word]));
    return [first[i], ...differing.map((word) => `${word} ${arm.words[word]}`)].join(' ');
  });
  return new Map(
    arms.map(({ key }, i) => {
      const nth = second.slice(0, i + 1).filter((name) => name === second[i]).length;
      return [key, nth === 1 ? (second[i] as string) : `${second[i]} (${nth})`];
    }),
  );
}

/** In the middle of a sentence: what others are compared with is a common noun. */
export const inSentence = (name: string, { arch }: ArmFacts): string =>
  arch === REFERENCE ? name.charAt(0).toLowerCase() + name.slice(1) : name;

export interface ArmLook {
  colour: { light: string; dark: string };
  symbol: MarkShape;
  dash: Dash;
}

/** The first that nobody has; of a list that is used up, one after the other. */
const free = <T>(all: readonly T[], taken: readonly T[]): T =>
  all.find((one) => !taken.includes(one)) ?? (all[taken.length % all.length] as T);

/**
 * The look of each arm by its key. The first arm of an architecture looks as its table says; the others take marks that no arm has. What comes
 * later leaves what came before as it is.
 */
export function armLooks(arms: readonly ArmFacts[]): Map<string, ArmLook> {
  const looks = new Map<string, ArmLook>();
  const made: (ArmLook & { arch: string })[] = [];
  for (const { key, arch } of arms) {
    const { look, family } = architecture(arch);
    const { colour } = FAMILIES[family];
    const isFirst = !made.some((one) => one.arch === arch);
    const marks = made.map(({ symbol }) => symbol);
    const kin = made.filter((one) => one.colour === colour).map(({ dash }) => dash);
    const symbol = isFirst && !marks.includes(look.symbol) ? look.symbol : free(MARK_SHAPES, marks);
    const dash = isFirst && !kin.includes(look.dash) ? look.dash : free(DASHES, kin);
    looks.set(key, { colour, symbol, dash });
    made.push({ arch, colour, symbol, dash });
  }
  return looks;
}

/** All widths of an arm. */
export const widthsOf = ({ words }: ArmFacts): number[] => (words.width ?? '').split(', ').filter(Boolean).map(Number);

/** How full the marks of a width are, 0 to 1: of the widths of one arm the widest is full. */
export function widthFill(width: number, widths: readonly number[]): number {
  const sorted = [...new Set(widths)].sort((a, b) => a - b);
  const rank = sorted.indexOf(width);
  return sorted.length <= 1 || rank < 0 ? 1 : 0.2 + (0.8 * rank) / (sorted.length - 1);
}
