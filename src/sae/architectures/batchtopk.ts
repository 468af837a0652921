/** BatchTopK SAE: a batch of B rows keeps its B·k largest activations; inference takes what is above a threshold. */
import { DICTIONARY_LEARNING, familyOf, familyOptions, familyProblems, familyTraits } from './topkFamily';
import type { Architecture } from './types';

export const batchtopk: Architecture = {
  ...familyOf('batchtopk', { holds: () => true, wgsl: 'true' }),
  id: 'batchtopk',
  title: 'BatchTopK',
  line: 'Keeps the B·k largest activations of a batch of B rows, so that rows may differ in L0; a threshold takes its place at evaluation.',
  source: 'Bussmann et al. 2024, arXiv 2412.06410',
  code: 4,
  saelens: 'batchtopk',
  options: familyOptions,
  traits: (o) => familyTraits(o, 'batch'),
  problems: familyProblems,
  recipes: [['dictionary_learning BatchTopKTrainer', DICTIONARY_LEARNING]],
  look: { symbol: 'triangle-down', dash: 'dash' },
};
