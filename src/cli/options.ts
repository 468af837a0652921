/** Rows of command-line options: what they are called, take and do. Parsing, `--help` and the tables of docs/cli.md are made of them. */

import {
  type ArmField,
  armFields,
  defaultArchitectures,
  defaultText,
  isList,
  optionOf,
  presets,
  type Setting,
  settings,
} from '../lab/settings';
import { type Architecture, architectureIds, architectures } from '../sae/architectures';

/** `list`: `--data a b c`, or repeated. `flag`: takes no value. */
export type OptionKind = 'text' | 'list' | 'flag';

export interface OptionRow {
  kind: OptionKind;
  /** What stands for the value in the usage: `N`, `DIR`, `none|pool`. */
  value?: string;
  required?: boolean;
  /** In words or as typed; absent where nothing is assumed. */
  default?: string;
  /** Markdown without links. */
  help: string;
}

export type OptionRows = Readonly<Record<string, OptionRow>>;

/** What can be called, and said of. */
export interface CommandUsage {
  /** In a line. */
  summary: string;
  /** Words that follow the command, as in `PATH...`. */
  words?: string;
  options: OptionRows;
}

const METAVAR = { int: 'N', number: 'X', steps: 'N|P%', times: 'none|LIST', ints: 'N', numbers: 'X', choices: '' } as const;

/** What stands for a setting's value. */
const metavar = (setting: Setting, lists: boolean): string => {
  if ('choices' in setting) return `${setting.choices.join('|')}${lists && setting.kind === 'choices' ? ',...' : ''}`;
  return lists && isList(setting) ? 'LIST' : METAVAR[setting.kind];
};

const row = (setting: Setting, lists: boolean): OptionRow => ({
  kind: 'text',
  value: metavar(setting, lists),
  default: defaultText(setting, 'cli'),
  help: [
    setting.help,
    ...(setting.kind === 'choice' && setting.meanings
      ? Object.entries(setting.meanings).map(([choice, { holds, help }]) => `\`${choice}\` (${holds}): ${help}`)
      : []),
  ].join(' '),
});

/** All settings that the command line knows. @param lists several values of those that may have several. */
export const settingRows = (lists: boolean): OptionRows =>
  Object.fromEntries(
    settings().flatMap((setting) => {
      const option = optionOf(setting);
      return option === undefined ? [] : [[option, row(setting, lists)]];
    }),
  );

/** Knobs of the table by the names they have on the command line. */
export const knobIds = (): string[] => [...new Set(architectures().map(({ knob }) => knob.id))];

/** Of the option that gives a knob its one value. */
function knobHelp(id: string): string {
  const those = architectures().filter(({ knob }) => knob.id === id);
  const { symbol, help } = (those[0] as Architecture).knob;
  return `${symbol} of ${those.map((entry) => entry.id).join(', ')}, which need it. ${help}`;
}

/** Words of an arm, for people: of each architecture, and those that settings give to all but second stages, which have some of them. */
function armWords(): string {
  const words = (arch: string, isTold: (field: ArmField) => boolean) =>
    armFields(arch)
      .filter(isTold)
      .map(({ word }) => `\`${word}\``)
      .join(', ');
  const isCommon = ({ place }: ArmField) => place === 'setting' || place === 'without';
  const seconds = architectures().filter(({ startsFrom }) => startsFrom);
  const firsts = architectures().filter(({ startsFrom }) => !startsFrom);
  const all = seconds.length > 0 ? 'each of the others' : 'each of them';
  return [
    ...firsts.map(({ id }) => `${id} takes ${words(id, (field) => !isCommon(field))}`),
    ...seconds.map(({ id }) => `${id} takes ${words(id, ({ follows }) => !follows)}`),
    `${all} ${words((firsts[0] as Architecture).id, isCommon)}`,
  ].join('; ');
}

const ARM_HELP =
  'An arm: an architecture and `name=value` words. What it does not say it takes from the other options, else from the defaults';

/** How one SAE is named. */
export const singleArmRows = (): OptionRows => ({
  arch: { kind: 'text', value: architectureIds().join('|'), required: true, help: 'Architecture.' },
  'd-sae': { kind: 'text', value: 'N', required: true, help: 'Dictionary width, as a number or a multiple of d: `2x`.' },
  ...Object.fromEntries(knobIds().map((id) => [id, { kind: 'text', value: 'X', help: knobHelp(id) } satisfies OptionRow])),
  arm: {
    kind: 'text',
    value: '"ARCH WORD=VALUE..."',
    help: `All of these in one, and the architecture's options: \`"gated width=2x lambda=0.1"\` (${armWords()}).`,
  },
});

/** How the arms of a sweep are named. */
export const armRows = (): OptionRows => ({
  arm: {
    kind: 'list',
    value: '"ARCH WORD=VALUE..."',
    help: `${ARM_HELP}. Repeat it for more arms: \`--arm "gated width=2x lambda=0.1:0.8:4" --arm "baseline width=3x"\` (${armWords()}).`,
  },
  arch: {
    kind: 'text',
    value: 'LIST',
    default: defaultArchitectures().join(','),
    help: 'In place of `--arm`: an arm for each of these architectures.',
  },
  preset: {
    kind: 'text',
    value: presets()
      .map(({ id }) => id)
      .join('|'),
    help: `In place of both: the arms of a question. ${presets()
      .map(({ id, line }) => `\`${id}\`: ${line}`)
      .join(' ')}`,
  },
  'd-sae': { kind: 'text', value: 'LIST', help: 'Widths of arms that say none, as numbers or multiples of d: `2x`.' },
  ...Object.fromEntries(
    knobIds().map((id) => [
      id,
      { kind: 'text', value: 'LIST', help: `Values of ${id} of arms that say none: a list, or \`lo:hi:count\`.` } satisfies OptionRow,
    ]),
  ),
  ...Object.fromEntries(
    architectures().flatMap(({ id, title, width, knob }) => [
      [
        `${id}-d-sae`,
        { kind: 'text', value: 'LIST', default: width.default, help: `\`--d-sae\` for ${title} arms alone.` } satisfies OptionRow,
      ],
      [
        `${id}-${knob.id}`,
        { kind: 'text', value: 'LIST', default: knob.default, help: `\`--${knob.id}\` for ${title} arms alone.` } satisfies OptionRow,
      ],
    ]),
  ),
});

/** `[--steps N]`, or without brackets where it is required. */
const brief = (name: string, { kind, value, required }: OptionRow): string => {
  const text = kind === 'flag' ? `--${name}` : `--${name} ${value ?? 'TEXT'}${kind === 'list' ? '...' : ''}`;
  return required ? text : `[${text}]`;
};

const WIDTH = 118;

/** `first` and the pieces in lines of at most `WIDTH` where a piece allows it. */
function wrapped(pieces: readonly string[], first: string, indent: string): string {
  const lines = [first];
  for (const piece of pieces) {
    const line = lines[lines.length - 1] as string;
    const joined = line === '' || line.endsWith(' ') ? line + piece : `${line} ${piece}`;
    if (joined.length > WIDTH && line.trim() !== '') lines.push(indent + piece);
    else lines[lines.length - 1] = joined;
  }
  return lines.join('\n');
}

/** The command in a few lines, for the list of all. */
export function synopsis(name: string, { words, options }: CommandUsage): string {
  const rows = Object.entries(options).sort(([, a], [, b]) => Number(b.required ?? false) - Number(a.required ?? false));
  return wrapped([...(words ? [words] : []), ...rows.map(([option, r]) => brief(option, r))], `  ${name.padEnd(9)}`, ' '.repeat(11));
}

/** What `--help` after the command prints. */
export function usage(name: string, command: CommandUsage): string {
  const { summary, words, options } = command;
  const names = Object.entries(options).map(([option, r]) => `--${option}${r.kind === 'flag' ? '' : ` ${r.value ?? 'TEXT'}`}`);
  const column = Math.min(28, 4 + Math.max(...names.map((text) => text.length)));
  const lines = Object.values(options).map((r, i) => {
    const said = [
      r.help.replaceAll('`', ''),
      ...(r.required ? ['Required.'] : r.default === undefined ? [] : [`Default: ${r.default.replaceAll('`', '')}.`]),
    ];
    const indent = ' '.repeat(column);
    const head = `  ${names[i]}`;
    const words = said.join(' ').split(' ');
    return head.length < column ? wrapped(words, head.padEnd(column), indent) : `${head}\n${wrapped(words, indent, indent)}`;
  });
  return `npm run lab -- ${name}${words ? ` ${words}` : ''} [options]\n\n${wrapped(summary.split(' '), '', '')}\n\n${lines.join('\n')}\n`;
}

/** The options of a command as a Markdown table, for docs/cli.md. */
export const optionTable = ({ options }: CommandUsage): string =>
  [
    '| option | default | |',
    '|---|---|---|',
    ...Object.entries(options).map(([name, r]) => {
      const option = `\`--${name}${r.kind === 'flag' ? '' : ` ${(r.value ?? 'TEXT').replaceAll('|', '\\|')}`}${r.kind === 'list' ? '...' : ''}\``;
      const standard = r.required ? 'required' : r.default === undefined ? '' : r.default;
      return `| ${option} | ${standard} | ${r.help} |`;
    }),
  ].join('\n');
