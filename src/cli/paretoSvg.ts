/** The Pareto chart as a plain SVG file: L0 (log) against quality, one frontier a kind. */

import { frontier, type ParetoPoint } from '../metrics/pareto';
import { type ArchitectureId, architecture, architectures } from '../sae/architectures';

const WIDTH = 720;
const HEIGHT = 480;
const MARGIN = { left: 64, right: 20, top: 44, bottom: 76 };
const COLOUR: Record<ArchitectureId, string> = { baseline: '#D55E00', gated: '#0072B2' };

const xmlText = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

export function paretoSvg(points: readonly ParetoPoint[], quality: string, sentence: string): string {
  const drawn = points.filter(({ l0 }) => l0 > 0);
  const l0s = drawn.map(({ l0 }) => Math.log10(l0));
  const ys = drawn.map((point) => point.quality);
  const [x0, x1] = [Math.floor(Math.min(0, ...l0s)), Math.max(1, Math.ceil(Math.max(0, ...l0s)))];
  const low = Math.max(-0.05, Math.min(0.9, ...ys) - 0.03);
  const high = Math.max(1, ...ys) + 0.01;
  const x = (l0: number) => MARGIN.left + ((Math.log10(l0) - x0) / (x1 - x0)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number) =>
    HEIGHT - MARGIN.bottom - ((Math.max(low, value) - low) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const parts: string[] = [];
  for (let decade = x0; decade <= x1; decade++) {
    for (const step of decade === x1 ? [1] : [1, 2, 5]) {
      const at = x(step * 10 ** decade).toFixed(1);
      parts.push(`<line x1="${at}" x2="${at}" y1="${MARGIN.top}" y2="${HEIGHT - MARGIN.bottom}" stroke="#e5e5e5"/>`);
      parts.push(`<text x="${at}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${step * 10 ** decade}</text>`);
    }
  }
  for (let tick = Math.ceil(low * 10) / 10; tick <= high; tick += 0.1) {
    const at = y(tick).toFixed(1);
    parts.push(`<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}" stroke="#e5e5e5"/>`);
    parts.push(`<text x="${MARGIN.left - 8}" y="${Number(at) + 4}" text-anchor="end">${tick.toFixed(1)}</text>`);
  }
  architectures()
    .map(({ id }) => id)
    .forEach((arch, i) => {
      const own = drawn.filter((point) => point.arch === arch);
      if (own.length === 0) return;
      const colour = COLOUR[arch];
      const front = frontier(own);
      const path = front
        .map(({ l0, quality: q }, k) => (k === 0 ? `M${x(l0).toFixed(1)} ${y(q).toFixed(1)}` : `H${x(l0).toFixed(1)}V${y(q).toFixed(1)}`))
        .join('');
      parts.push(
        `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5"${arch === 'baseline' ? ' stroke-dasharray="2 3"' : ''}/>`,
      );
      const mark = (cx: number, cy: number) =>
        arch === 'baseline'
          ? `<rect x="${(cx - 4).toFixed(1)}" y="${(cy - 4).toFixed(1)}" width="8" height="8" fill="${colour}"/>`
          : `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="4.5" fill="${colour}"/>`;
      for (const point of own) parts.push(mark(x(point.l0), y(point.quality)));
      const legend = WIDTH - 230 + i * 110;
      parts.push(mark(legend, 28), `<text x="${legend + 12}" y="32">${architecture(arch).title}</text>`);
    });
  parts.push(
    `<text x="${(MARGIN.left + WIDTH - MARGIN.right) / 2}" y="${HEIGHT - 34}" text-anchor="middle">L0: mean active latents a token (log scale)</text>`,
  );
  parts.push(`<text transform="translate(18 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${xmlText(quality)}</text>`);
  parts.push(`<text x="${MARGIN.left}" y="${HEIGHT - 10}" fill="#555">${xmlText(sentence)}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="13"><title>L0 against ${xmlText(quality)}</title><rect width="100%" height="100%" fill="#fff"/>${parts.join('')}</svg>\n`;
}
