/**
 * Arms of a sweep: an architecture with the widths, values of its knob, options and seeds that are tried of it. As texts, an arm is the architecture's name and
 * words `name=value`: `gated width=2x lambda=0.1:0.8:4 seeds=0,1`, the same in links and on the command line. A word that is left out stands
 * for its default: the architecture's, or for settings the shared value.
 */
import {
  type ArchitectureId,
  type ArchitectureOption,
  architecture,
  architectureIds,
  architectures,
  isArchitecture,
  type OptionValues,
  REFERENCE,
  SUBJECT,
} from '../../sae/architectures';
import { type Setting, type SharedSettings, setting, settings } from './table';
import type { Spec } from './types';
import { parseValue, parts, type Relative, type Value } from './values';

/** What an arm comes to: a run for each width, value of the knob, seed, and value of another list. Settings of its own stand beside; the others are the sweep's. */
export interface Arm extends Partial<SharedSettings> {
  arch: ArchitectureId;
  /** All of the architecture's options. */
  options: OptionValues;
  widths: number[];
  /** Values of the architecture's knob, λ. */
  knob: number[];
  /** Of a second stage: the number of the arm from whose runs its own start, or `init`, the weights that are given. Widths, knob and seeds are theirs. */
  from?: number | 'first' | 'init';
  /** Of a second stage: what tells those runs from each other besides, each as `lr:0.001+enc-length:0.1`. */
  of?: string[];
  /** Runs that are left out, each named by what tells it from the others (`product.ts`): `lambda:0.4/seeds:2`. */
  without?: string[];
}

/** An arm as people type it. */
export interface ArmForm {
  arch: string;
  /** By word; what is not there stands for its default. */
  texts: Readonly<Record<string, string>>;
}

/** What may be said of an arm. */
export interface ArmField {
  /** In links and on the command line. */
  word: string;
  /** Other names under which it is read. */
  also: readonly string[];
  place: 'widths' | 'knob' | 'setting' | 'option' | 'without' | 'from' | 'of';
  /** Field of `Arm` or key of the option. */
  key: string;
  label: string;
  spec: Spec;
  /** Undefined: the shared setting of the same key, or what follows from other arms. */
  default: string | undefined;
  /** Follows from the arm that this one starts from; who says it must say the same. */
  follows?: true;
  help: string;
}

const MAX_WIDTH = 1 << 20;

function optionSpec(option: ArchitectureOption): Spec {
  if (option.kind === 'text') return { kind: 'text' };
  return option.kind === 'choice' ? { kind: 'choice', choices: option.choices } : { kind: 'number', min: option.min, max: option.max };
}

/** Widths, knob, settings that an arm may have of its own, options, runs struck out. @throws Error when two of them have one name. */
export function armFields(arch: string): ArmField[] {
  const { knob, width, options, startsFrom } = architecture(arch);
  const fields: ArmField[] = [
    ...(startsFrom ? stageFields(startsFrom.arch) : []),
    {
      ...(startsFrom && { follows: true }),
      word: 'width',
      also: ['d-sae'],
      place: 'widths',
      key: 'widths',
      label: 'Width',
      spec: { kind: 'widths', min: 1, max: MAX_WIDTH },
      default: startsFrom ? undefined : width.default,
      help: `Dictionary size, as a number or a multiple of d (2x); several separated by commas. Equal compute: ${equalCompute()}.`,
    },
    {
      ...(startsFrom && { follows: true }),
      word: knob.id,
      also: [],
      place: 'knob',
      key: 'knob',
      label: knob.symbol,
      spec: { kind: 'knob', symbol: knob.symbol, whole: knob.whole === true, above: knob.above, max: knob.max },
      default: startsFrom ? undefined : knob.default,
      help: `${knob.help} A list (0.1, 0.2) or a log range lo:hi:count (0.1:0.8:4). Scales differ between architectures.`,
    },
    ...settings()
      .filter((row) => row.scope === 'arm' && concerns(row, arch))
      .map(
        (row): ArmField => ({
          ...(startsFrom && row.key === 'seeds' && { follows: true }),
          word: row.flag,
          also: row.cli !== false && row.cli?.flag ? [row.cli.flag] : [],
          place: 'setting',
          key: row.key,
          label: row.label,
          spec: row,
          default: undefined,
          help: row.help,
        }),
      ),
    ...options.map(
      (option): ArmField => ({
        word: option.key,
        also: [],
        place: 'option',
        key: option.key,
        label: option.label,
        spec: optionSpec(option),
        default: String(option.default),
        help: option.help,
      }),
    ),
    ...(startsFrom ? [OF_THESE] : []),
    {
      word: 'without',
      also: [],
      place: 'without',
      key: 'without',
      label: 'Struck out',
      spec: { kind: 'strikes' },
      default: '',
      help: `Runs that are left out, each by the values that name it: ${knob.id}:0.4 for all of that value, ${knob.id}:0.4/seeds:2 for one seed of it.`,
    },
  ];
  const names = fields.flatMap(({ word, also }) => [word, ...also]);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`architecture ${arch}: two words of its arms are called ${twice}`);
  return fields;
}

/** Whether runs of the architecture have the setting: a second stage has none of those about how training begins. */
export const concerns = ({ firstStage }: Pick<Setting, 'firstStage'>, arch: string): boolean =>
  !(firstStage && isArchitecture(arch) && architecture(arch).startsFrom);

/** Steps of a second stage. */
const STAGE_STEPS = '20%';

/** Told of the runs that a second stage starts from, besides width, knob and seed. */
const OF_THESE: ArmField = {
  word: 'of',
  also: [],
  place: 'of',
  key: 'of',
  label: 'Of these',
  spec: { kind: 'strikes' },
  default: undefined,
  follows: true,
  help: 'What tells the runs of that arm from each other besides width, knob and seed.',
};

/** What arms have that start from trained runs. */
function stageFields(of: ArchitectureId): ArmField[] {
  const { title } = architecture(of);
  const { min, max } = setting('steps') as { min: number; max: number };
  return [
    {
      word: 'from',
      also: [],
      place: 'from',
      key: 'from',
      label: 'From arm',
      spec: { kind: 'from' },
      default: 'first',
      help: `The ${title} arm whose runs these start from when they have ended: its number, or first. Width, ${architecture(of).knob.symbol} and seed are theirs.`,
    },
    {
      word: 'steps',
      also: [],
      place: 'setting',
      key: 'steps',
      label: 'Steps',
      spec: { kind: 'steps', min, max },
      default: STAGE_STEPS,
      help: 'Steps of the second stage: a number, or a share of the first one’s.',
    },
  ];
}

const equalCompute = (): string =>
  architectures()
    .map(({ title, width }) => `${title.toLowerCase()} ${width.equalCompute === 1 ? 'the width' : `${width.equalCompute} times the width`}`)
    .join(', ');

/** The architectures of a sweep where nobody chose: the two that the lab is about, in the table's order. */
export const defaultArchitectures = (): ArchitectureId[] => architectureIds().filter((id) => id === SUBJECT || id === REFERENCE);

/** What a sweep has at first: both of them once, as the table says. */
export const defaultArms = (): ArmForm[] => defaultArchitectures().map((arch) => ({ arch, texts: {} }));

/** Title of each arm: the architecture's, numbered from the second one of it on. */
export function armTitles(arms: readonly { arch: string }[]): string[] {
  return arms.map(({ arch }, i) => {
    const nth = arms.slice(0, i + 1).filter((other) => other.arch === arch).length;
    const title = isArchitecture(arch) ? architecture(arch).title : arch;
    return nth === 1 ? title : `${title} ${nth}`;
  });
}

/**
 * Arms in another order, those that speak of another arm by its number with the number that it has now; one that is gone becomes a
 * number that no arm has, which is refused.
 * @param places of the arms as they are to stand, in the order of today; -1 for a new one. @param made the arms in that order.
 */
export function renumbered(places: readonly number[], made: readonly ArmForm[]): ArmForm[] {
  return made.map((arm) => {
    const word = isArchitecture(arm.arch) ? armFields(arm.arch).find(({ place }) => place === 'from')?.word : undefined;
    const number = word === undefined ? Number.NaN : Number.parseInt(arm.texts[word] ?? '', 10);
    if (word === undefined || Number.isNaN(number)) return arm;
    const at = places.indexOf(number - 1);
    return { ...arm, texts: { ...arm.texts, [word]: String(at < 0 ? made.length + 1 : at + 1) } };
  });
}

/** @throws Error saying which word is not understood. */
export function readArm(text: string): ArmForm {
  const [arch = '', ...words] = text.split(/\s+/).filter(Boolean);
  if (!isArchitecture(arch)) throw new Error(unknownArchitecture(arch));
  const fields = armFields(arch);
  const texts: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    const name = at < 0 ? word : word.slice(0, at);
    const field = fields.find((candidate) => candidate.word === name || candidate.also.includes(name));
    if (at < 0 || !field)
      throw new Error(
        `"${word}" is not understood in an arm: ${arch} takes ${fields.map((candidate) => `${candidate.word}=…`).join(', ')}.`,
      );
    if (texts[field.word] !== undefined) throw new Error(`${name} stands twice in "${text}".`);
    texts[field.word] = word.slice(at + 1);
  }
  return { arch, texts };
}

/** The text that `readArm` takes; words that stand for their default are left out. */
export function writeArm({ arch, texts }: ArmForm): string {
  if (!isArchitecture(arch)) return arch;
  const words = armFields(arch).flatMap((field) => {
    const text = texts[field.word];
    return text === undefined || text.trim() === field.default ? [] : [`${field.word}=${parts(text).join(',')}`];
  });
  return [arch, ...words].join(' ');
}

const unknownArchitecture = (name: string): string =>
  name === '' ? 'Choose at least one architecture.' : `"${name}" is not one of ${architectureIds().join(', ')}.`;

/** `gated,baseline`, in the order of the table. @throws Error naming what is unknown. */
export function readArchitectures(text: string): ArchitectureId[] {
  const ids = parts(text);
  if (ids.length === 0) throw new Error(unknownArchitecture(''));
  for (const id of ids) if (!isArchitecture(id)) throw new Error(unknownArchitecture(id));
  return architectureIds().filter((id) => ids.includes(id));
}

/** @param fail hears of each word that is wrong. @returns the arm, of use where nothing failed. */
export function parseArm({ arch, texts }: ArmForm, relative: Relative, fail: (word: string, error: unknown) => void): Arm {
  const options: Record<string, number | string> = {};
  const arm: Arm = { arch, options, widths: [], knob: [] };
  if (!isArchitecture(arch)) {
    fail('arch', new Error(unknownArchitecture(arch)));
    return arm;
  }
  for (const field of armFields(arch)) {
    const text = texts[field.word] ?? field.default;
    if (text === undefined) continue;
    let value: Value;
    try {
      value = parseValue(field.spec, text, relative);
    } catch (error) {
      fail(field.word, error);
      continue;
    }
    if (field.place === 'option') options[field.key] = value as number | string;
    else if (field.place === 'without') strike(arm, value as string[], relative, fail);
    else Object.assign(arm, { [field.key]: value });
  }
  return arm;
}

/** Entries of `without` in the numbers that the arm's lists come to. */
function strike(arm: Arm, entries: readonly string[], relative: Relative, fail: (word: string, error: unknown) => void): void {
  const fields = armFields(arm.arch).filter(({ place }) => place !== 'option' && place !== 'without' && place !== 'from');
  const number = (part: string): string => {
    const [word, text, ...rest] = part.split(':');
    const field = fields.find((one) => one.word === word || one.also.includes(word ?? ''));
    if (field?.place === 'of') return part;
    if (!field || text === undefined || rest.length > 0)
      throw new Error(
        `"${part}" names no run: give values of ${fields.map((one) => one.word).join(', ')}, as in ${architecture(arm.arch).knob.id}:0.4/seeds:2.`,
      );
    const value = parseValue(field.spec, text, relative);
    return `${field.word}:${Array.isArray(value) ? value.join() : value}`;
  };
  try {
    if (entries.length > 0) arm.without = entries.map((entry) => entry.split('/').map(number).join('/'));
  } catch (error) {
    fail('without', error);
  }
}

/** What an arm has for a field; undefined where it takes the shared value. */
export const armValues = (arm: Arm, { place, key }: Pick<ArmField, 'place' | 'key'>): Value | undefined =>
  place === 'option' ? arm.options[key] : (arm as unknown as Record<string, Value | undefined>)[key];
