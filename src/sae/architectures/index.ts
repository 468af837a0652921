/** The architecture table. */
import { baseline } from './baseline';
import { gated } from './gated';
import type { Architecture, ArchitectureId, OptionValues } from './types';

export type {
  Architecture,
  ArchitectureId,
  ArchitectureOption,
  Knob,
  LatentVector,
  Look,
  OptionValues,
  Twin,
  TwinActivation,
} from './types';

/** Numbers of `Run.options` in the kernels. */
export const MAX_OPTIONS = 4;

const TABLE = new Map<string, Architecture>();

/** Adds an architecture. @throws Error when its id or code is taken, or it does not fit the kernels. */
export function register(entry: Architecture): void {
  for (const other of TABLE.values()) {
    if (other.id === entry.id || other.code === entry.code)
      throw new Error(`architecture ${entry.id} (code ${entry.code}): ${other.id} has code ${other.code}`);
  }
  if (entry.vectors.length < 1 || entry.vectors.length > 3) throw new Error(`architecture ${entry.id}: 1 to 3 vectors a latent`);
  if (entry.options.length > MAX_OPTIONS) throw new Error(`architecture ${entry.id}: at most ${MAX_OPTIONS} options reach the kernels`);
  TABLE.set(entry.id, entry);
}

for (const entry of [baseline, gated]) register(entry);

/** What comparisons are made against. */
export const REFERENCE: ArchitectureId = 'baseline';
/** What is compared with it where nobody chose. */
export const SUBJECT: ArchitectureId = 'gated';

/** All, in the order in which people see them. */
export const architectures = (): readonly Architecture[] => [...TABLE.values()];

export const architectureIds = (): ArchitectureId[] => [...TABLE.keys()];

export const isArchitecture = (id: string): boolean => TABLE.has(id);

/** @throws Error naming the known ones. */
export function architecture(id: string): Architecture {
  const found = TABLE.get(id);
  if (!found) throw new Error(`there is no architecture "${id}"; there are ${[...TABLE.keys()].join(', ')}`);
  return found;
}

/** Options at their defaults. */
export const defaultOptions = ({ options }: Architecture): OptionValues => Object.fromEntries(options.map((o) => [o.key, o.default]));

/** Options as the kernels and the twin see them: in the table's order, a choice as its place in the list, up to `MAX_OPTIONS` zeros at the end. */
export function optionNumbers({ id, options }: Architecture, values: OptionValues): number[] {
  const numbers = options.map((option) => {
    const value = values[option.key] ?? option.default;
    const number = option.kind === 'choice' ? option.choices.indexOf(String(value)) : Number(value);
    if (!Number.isFinite(number) || (option.kind === 'choice' && number < 0)) throw new Error(`${id}: ${option.key} cannot be "${value}"`);
    return number;
  });
  return Array.from({ length: MAX_OPTIONS }, (_, i) => numbers[i] ?? 0);
}

/** Options that differ from their defaults, as `key=value`; for names of runs. */
export const optionWords = ({ options }: Architecture, values: OptionValues): string[] =>
  options.flatMap(({ key, default: standard }) => {
    const value = values[key];
    return value === undefined || value === standard ? [] : [`${key}=${value}`];
  });
