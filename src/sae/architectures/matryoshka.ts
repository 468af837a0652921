/** Matryoshka BatchTopK SAE: the first latents alone must reconstruct too, in nested groups; selection as BatchTopK. */
import { DICTIONARY_LEARNING, familyOf, familyOptions, familyProblems, familyTraits } from './topkFamily';
import type { Architecture, OptionValues } from './types';

/** As many prefixes as the kernels have room for. */
const MOST_GROUPS = 8;

/** `7`, `0.25`, `1/8`. */
function amount(text: string): number {
  const [over, under = '1', ...more] = text.split('/');
  return more.length > 0 || over?.trim() === '' || under.trim() === '' ? Number.NaN : Number(over) / Number(under);
}

const amounts = (text: unknown): number[] =>
  String(text)
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(amount);

/** Whether the groups are shares of the latents; otherwise they are numbers of them. */
const areShares = (sizes: readonly number[]): boolean => sizes.every((size) => size <= 1) && Math.abs(sum(sizes) - 1) < 1e-6;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Nested reconstructions: where each ends, shares of the latents rounded, and its weight in the loss; the weights add up to 1. */
function prefixes(o: OptionValues, width: number): { end: number; weight: number }[] {
  const sizes = amounts(o.groups);
  const weights = weightsOf(o, sizes.length);
  const shares = areShares(sizes);
  return sizes.map((_, g) => {
    const before = sum(sizes.slice(0, g + 1));
    const end = shares ? Math.round(before * width) : before;
    return { end, weight: (weights[g] as number) / sum(weights) };
  });
}

const weightsOf = (o: OptionValues, count: number): number[] =>
  o['group-weights'] === 'equal' ? new Array<number>(count).fill(1) : amounts(o['group-weights']);

function groupProblems(o: OptionValues, width: number): string[] {
  const sizes = amounts(o.groups);
  const said = `groups=${o.groups}`;
  if (sizes.length === 0) return ['groups is empty: give sizes (8,24,32) or shares (1/8,1/4,5/8) of the latents.'];
  if (sizes.length > MOST_GROUPS) return [`${said} are ${sizes.length} groups; there may be ${MOST_GROUPS} at most.`];
  if (!sizes.every((size) => size > 0))
    return [`${said}: every group must be a positive number of latents, or a share of them such as 1/8.`];
  if (!areShares(sizes)) {
    const total = Number(sum(sizes).toPrecision(6));
    if (!sizes.every(Number.isInteger)) return [`${said} add up to ${total}; shares of the latents must add up to 1.`];
    if (total !== width) return [`${said} add up to ${total}; they must add up to the ${width} latents that there are.`];
  }
  const ends = prefixes({ ...o, 'group-weights': 'equal' }, width).map(({ end }) => end);
  if (!ends.every((end, g) => end > (ends[g - 1] ?? 0))) return [`${said}: of ${width} latents a group would be left without any.`];
  const weights = weightsOf(o, sizes.length);
  if (weights.length !== sizes.length) return [`group-weights=${o['group-weights']} are ${weights.length} for ${sizes.length} groups.`];
  if (!weights.every((weight) => weight >= 0) || !(sum(weights) > 0)) {
    return [`group-weights=${o['group-weights']}: give numbers from 0 on, of which one at least is above 0, or "equal".`];
  }
  return [];
}

export const matryoshka: Architecture = {
  ...familyOf('matryoshka', { holds: () => true, wgsl: 'true' }),
  id: 'matryoshka',
  title: 'Matryoshka',
  line: 'BatchTopK whose first latents must reconstruct alone, in nested groups: general features come first, and fewer are absorbed.',
  source: 'Bussmann et al. 2025, arXiv 2503.17547',
  code: 5,
  saelens: 'matryoshka_batchtopk',
  options: [
    ...familyOptions,
    {
      key: 'groups',
      label: 'Groups',
      help: 'Sizes of the nested groups in their order: shares of the latents (1/8,1/8,1/4,1/2) that add up to 1, or numbers of them.',
      host: true,
      kind: 'text',
      default: '1/8,1/8,1/4,1/2',
    },
    {
      key: 'group-weights',
      label: 'Weights of the groups',
      help: 'Of the reconstruction that ends with each group, in the loss: numbers, which are divided by their sum, or equal.',
      host: true,
      kind: 'text',
      default: 'equal',
    },
  ],
  traits: (o) => ({ ...familyTraits(o, 'batch'), prefixes: (width) => prefixes(o, width) }),
  problems: (o, size) => [...familyProblems(o, size), ...groupProblems(o, size.width)],
  recipes: [
    ['dictionary_learning MatryoshkaBatchTopKTrainer, group weights 1', { ...DICTIONARY_LEARNING, groups: '1/32,1/16,1/8,1/4,17/32' }],
  ],
  look: { symbol: 'hexagon', dash: 'dot' },
};
