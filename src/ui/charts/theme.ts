/** Colours for Plotly, which cannot read CSS variables. The same values stand in styles/base.css. */
import type { ArchitectureId } from '../../sae/architectures';

export interface Palette {
  background: string;
  ink: string;
  muted: string;
  grid: string;
  band: string;
  accent: string;
  arch: Record<ArchitectureId, string>;
  /** Colours for series that are not architectures. */
  series: readonly [string, string, string];
}

/** Okabe–Ito vermillion and blue: told apart by people with any common colour blindness. */
export const LIGHT: Palette = {
  background: '#ffffff',
  ink: '#1b1e23',
  muted: '#5c636e',
  grid: '#eceef0',
  band: 'rgba(0, 117, 90, 0.10)',
  accent: '#00755a',
  arch: { baseline: '#D55E00', gated: '#0072B2' },
  series: ['#00755a', '#9a4f8c', '#8a6d00'],
};

export const DARK: Palette = {
  background: '#15171a',
  ink: '#e8eaed',
  muted: '#9aa1ab',
  grid: '#24282d',
  band: 'rgba(70, 196, 158, 0.13)',
  accent: '#46c49e',
  arch: { baseline: '#ee7a25', gated: '#3b9cdc' },
  series: ['#46c49e', '#cc85bd', '#cfae3a'],
};

/** Shape and line repeat what the colour says. */
export const ARCH_STYLE: Record<ArchitectureId, { symbol: 'square' | 'circle'; dash: 'dot' | 'solid' }> = {
  baseline: { symbol: 'square', dash: 'dot' },
  gated: { symbol: 'circle', dash: 'solid' },
};

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
