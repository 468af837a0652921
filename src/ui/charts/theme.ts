/** Colours for Plotly, which cannot read CSS variables. The same values stand in styles/base.css. */
import { type ArchitectureId, architecture } from '../../sae/architectures';
import { FAMILIES } from '../../sae/architectures/families';
import { DARK_INK, type Ink, LIGHT_INK } from '../../util/svg';

export interface Palette extends Ink {
  theme: 'light' | 'dark';
  band: string;
  accent: string;
  /** A run that failed. */
  bad: string;
  /** Colours for series that are not architectures. */
  series: readonly [string, string, string];
}

export const LIGHT: Palette = {
  ...LIGHT_INK,
  theme: 'light',
  band: 'rgba(0, 117, 90, 0.10)',
  accent: '#00755a',
  bad: '#b3261e',
  series: ['#00755a', '#9a4f8c', '#8a6d00'],
};

export const DARK: Palette = {
  ...DARK_INK,
  theme: 'dark',
  band: 'rgba(70, 196, 158, 0.13)',
  accent: '#46c49e',
  bad: '#ff8f85',
  series: ['#46c49e', '#cc85bd', '#cfae3a'],
};

/** The colour of an architecture's family. */
export const archColour = ({ theme }: Palette, arch: ArchitectureId): string => FAMILIES[architecture(arch).family].colour[theme];

/** A colour `#rrggbb` that lets through what is behind it. @param share 0 to 1, of the colour. */
export const tinted = (colour: string, share: number): string =>
  share === 1 ? colour : `rgba(${[1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)).join(', ')}, ${share.toFixed(2)})`;

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
