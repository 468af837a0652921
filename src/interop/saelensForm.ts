/** How each architecture of the lab lies in SAELens' files: its name there, its tensors, and what says what they mean. */
import {
  type Architecture,
  type ArchitectureId,
  allOptions,
  architecture,
  architectures,
  type OptionValues,
  optionWords,
} from '../sae/architectures';

/** Tensors of every SAE. */
export const MATRICES = ['W_enc', 'W_dec', 'b_dec'];
/** The second encoder's matrix, `[d_in, d_sae]`. */
export const W_MAG = 'W_mag';
/** Of JumpReLU, `[d_sae]`. */
export const THRESHOLD = 'threshold';

/**
 * The name in cfg.json of what such weights compute. SAELens refuses those that it does not know by their name, as it must: it would drop the tensors
 * that it has no place for.
 */
export function savedAs(arch: ArchitectureId, options?: OptionValues): string {
  const entry = architecture(arch);
  return entry.savedAs?.(allOptions(entry, options)) ?? entry.saelens;
}

/** Whether the name alone says which architecture of the lab it is. */
export const nameTells = (arch: ArchitectureId, options?: OptionValues): boolean => byName(savedAs(arch, options))?.arch === arch;

/** Options by which the same tensors mean something else; the others are of training. */
const OF_TENSORS = ['encoders', 'r_mag', 'pre-bias', 'theta'];

/** Values of the options by which the same tensors mean something else, where they are not the defaults: `key=value`. */
export const tensorOptions = (arch: ArchitectureId, options?: OptionValues): string[] =>
  optionWords(architecture(arch), Object.fromEntries(Object.entries(options ?? {}).filter(([key]) => OF_TENSORS.includes(key))));

type Sort = { arch: ArchitectureId; options?: OptionValues };

/** All that are saved under names of their own: by default, as training saves them, and by an option. The oldest of the table first. */
function named(): [string, Sort][] {
  const table = [...architectures()].sort((a, b) => a.code - b.code);
  return [
    ...table.map(({ id }): [string, Sort] => [savedAs(id), { arch: id }]),
    ...table.map(({ id, saelens }): [string, Sort] => [saelens, { arch: id }]),
    ...table.flatMap((entry) =>
      choicesOf(entry).map((options): [string, Sort] => [savedAs(entry.id, options), { arch: entry.id, options }]),
    ),
  ];
}

/** Each choice of each option of an architecture, alone. */
export const choicesOf = ({ options }: Architecture): OptionValues[] =>
  options.flatMap((option) => (option.kind === 'choice' ? option.choices.map((value) => ({ [option.key]: value })) : []));

/** What a name in cfg.json is taken for where the lab did not write which of its architectures it is. */
export const byName = (name: unknown): Sort | undefined => named().find(([own]) => own === name)?.[1];

/** The names that are read, for messages. */
export const readNames = (): string => [...new Set(named().map(([name]) => name))].join(', ');
