/** Families of architectures: one colour each, in every chart, list and table. Okabe and Ito's, at least 3:1 on a light and on a dark ground. */
import { architectures } from './index';
import type { Architecture, Family } from './types';

export const FAMILIES: Readonly<Record<Family, { title: string; colour: { light: string; dark: string } }>> = {
  gated: { title: 'Gated', colour: { light: '#0072B2', dark: '#3b9cdc' } },
  relu: { title: 'ReLU', colour: { light: '#D55E00', dark: '#ee7a25' } },
  jumprelu: { title: 'JumpReLU', colour: { light: '#009E73', dark: '#2fc79a' } },
  topk: { title: 'TopK', colour: { light: '#C9709F', dark: '#e39cc4' } },
};

/** The table by families, in the order of the first of each. */
export function byFamily(): [title: string, entries: Architecture[]][] {
  const found = new Map<Family, Architecture[]>();
  for (const entry of architectures()) found.set(entry.family, [...(found.get(entry.family) ?? []), entry]);
  return [...found].map(([family, entries]) => [FAMILIES[family].title, entries]);
}
