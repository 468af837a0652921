/** The architecture table. */
import { baseline } from './baseline';
import { gated } from './gated';
import type { Architecture, ArchitectureId } from './types';

export { type OptionValues, optionValues, optionWords } from './options';
export type {
  Architecture,
  ArchitectureId,
  ArchitectureOption,
  Knob,
  LatentVector,
  Look,
  Twin,
  TwinActivation,
} from './types';

const TABLE = new Map<string, Architecture>();

/** Adds an architecture. @throws Error when its id, its code or a word of its arms is taken, or it does not fit the kernels. */
export function register(entry: Architecture): void {
  for (const other of TABLE.values()) {
    if (other.id === entry.id || other.code === entry.code)
      throw new Error(`architecture ${entry.id} (code ${entry.code}): ${other.id} has code ${other.code}`);
  }
  if (entry.vectors.length < 1 || entry.vectors.length > 3) throw new Error(`architecture ${entry.id}: 1 to 3 vectors a latent`);
  if (entry.options.length > 4) throw new Error(`architecture ${entry.id}: at most 4 options reach the kernels`);
  if (!/^[a-z]\w*$/.test(entry.id)) throw new Error(`architecture ${entry.id}: an id begins names in WGSL`);
  const words = ['width', 'd-sae', entry.knob.id, ...entry.options.map(({ key }) => key)];
  const twice = words.find((word, i) => words.indexOf(word) !== i);
  if (twice !== undefined) throw new Error(`architecture ${entry.id}: two words of its arms are called ${twice}`);
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
