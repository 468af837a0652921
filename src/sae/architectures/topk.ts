/** TopK SAE: each row keeps its k largest activations. */
import { DICTIONARY_LEARNING, familyOf, familyOptions, familyProblems, familyTraits } from './topkFamily';
import type { Architecture } from './types';

const [deadAfter, ...others] = familyOptions as [Architecture['options'][number], ...Architecture['options']];

export const topk: Architecture = {
  ...familyOf('topk', { holds: ([, threshold = 0]) => threshold > 0, wgsl: 'run.options.y > 0.0' }),
  id: 'topk',
  title: 'TopK',
  line: 'Keeps the k largest activations of each row: L0 is k by construction, and nothing shrinks.',
  source: 'Gao et al. 2024, arXiv 2406.04093',
  code: 3,
  saelens: 'topk',
  options: [
    deadAfter,
    {
      key: 'threshold',
      label: 'Evaluated by',
      help: 'The k largest of each row, as in training, or a fixed threshold: the average of the least activation that training kept.',
      kind: 'choice',
      default: 'k',
      choices: ['k', 'threshold'],
    },
    ...others,
  ],
  traits: (o) => familyTraits(o, 'row'),
  problems: familyProblems,
  recipes: [['dictionary_learning TopKTrainer', DICTIONARY_LEARNING]],
  look: { symbol: 'triangle-up', dash: 'solid' },
};
