/** The architecture table. */
import { baseline } from './baseline';
import { batchtopk } from './batchtopk';
import { gated } from './gated';
import { jumprelu } from './jumprelu';
import { matryoshka } from './matryoshka';
import { noHeaviside } from './no_heaviside';
import { fitsKernels, traitsOf } from './options';
import { rescaleShift } from './rescale_shift';
import { topk } from './topk';
import type { Architecture, ArchitectureId, OptionValues, Traits } from './types';

export { allOptions, optionValues, optionWords, traitsOf, vectorStarts } from './options';
export { optionsOfRecipe, recipeOf } from './recipes';
export type {
  Architecture,
  ArchitectureId,
  ArchitectureOption,
  Family,
  Knob,
  LatentVector,
  Look,
  OptionValues,
  Recipe,
  Traits,
  Twin,
  TwinActivation,
  TwinPoint,
  TwinStep,
} from './types';
export { PLAIN } from './types';

const TABLE = new Map<string, Architecture>();

/** Adds an architecture. @throws Error when its id, its code or a word of its arms is taken, or it does not fit the kernels. */
export function register(entry: Architecture): void {
  for (const other of TABLE.values()) {
    if (other.id === entry.id || other.code === entry.code)
      throw new Error(`architecture ${entry.id} (code ${entry.code}): ${other.id} has code ${other.code}`);
  }
  if (entry.vectors.length < 1 || entry.vectors.length > 3) throw new Error(`architecture ${entry.id}: 1 to 3 vectors a latent`);
  if (!fitsKernels(entry)) throw new Error(`architecture ${entry.id}: more options than reach the kernels`);
  if (!/^[a-z]\w*$/.test(entry.id)) throw new Error(`architecture ${entry.id}: an id begins names in WGSL`);
  const words = ['width', 'd-sae', entry.knob.id, ...entry.options.map(({ key }) => key)];
  const twice = words.find((word, i) => words.indexOf(word) !== i);
  if (twice !== undefined) throw new Error(`architecture ${entry.id}: two words of its arms are called ${twice}`);
  TABLE.set(entry.id, entry);
}

for (const entry of [baseline, gated, jumprelu, topk, batchtopk, matryoshka, noHeaviside, rescaleShift]) register(entry);

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

/** What a run of an architecture does with its options. @throws Error as `architecture` and `allOptions`. */
export const traitsOfRun = (run: { arch: string; options?: OptionValues }): Traits => traitsOf(architecture(run.arch), run.options);
