import { frontier, type ParetoPoint, paretoDetail, paretoSentence } from '../../metrics/pareto';
import { type ArchitectureId, architecture, architectures } from '../../sae/architectures';

import { EXAMPLE_RESULTS, EXAMPLE_SOURCE } from '../exampleResults';
import { useWidth } from '../hooks';

const MARGIN = { left: 52, right: 20, top: 16, bottom: 44 };
const X_TICKS = [1, 2, 5, 10, 20, 50, 100];
const Y_TICKS = [0.5, 0.6, 0.7, 0.8, 0.9, 1];

/** A small drawing of reference results, there before Plotly is: the same grammar as the live chart that replaces it. */
export function ExampleChart() {
  const [ref, width] = useWidth<HTMLDivElement>(640);
  const height = Math.round(Math.min(520, Math.max(250, width * 0.5)));
  const x = (l0: number) => MARGIN.left + (Math.log10(l0) / 2) * (width - MARGIN.left - MARGIN.right);
  const y = (quality: number) => height - MARGIN.bottom - ((quality - 0.5) / 0.52) * (height - MARGIN.top - MARGIN.bottom);
  const sentence = paretoSentence(EXAMPLE_RESULTS);
  return (
    <figure className="chart example" aria-labelledby="example-heading">
      <div className="chart-head">
        <h2 id="example-heading">Sparsity against quality</h2>
        <span className="chip plain">{EXAMPLE_SOURCE}</span>
      </div>
      <div ref={ref}>
        <svg width={width} height={height} role="img" aria-label={`Example Pareto chart of L0 against loss recovered. ${sentence}`}>
          <g className="grid">
            {X_TICKS.map((t) => (
              <g key={t}>
                <line x1={x(t)} x2={x(t)} y1={MARGIN.top} y2={height - MARGIN.bottom} />
                <text x={x(t)} y={height - MARGIN.bottom + 17} textAnchor="middle">
                  {t}
                </text>
              </g>
            ))}
            {Y_TICKS.map((t) => (
              <g key={t}>
                <line x1={MARGIN.left} x2={width - MARGIN.right} y1={y(t)} y2={y(t)} />
                <text x={MARGIN.left - 8} y={y(t) + 4} textAnchor="end">
                  {t.toFixed(1)}
                </text>
              </g>
            ))}
          </g>
          <text className="axis" x={(MARGIN.left + width - MARGIN.right) / 2} y={height - 6} textAnchor="middle">
            L0: mean active latents per row
          </text>
          <text className="axis" transform={`translate(13 ${(height - MARGIN.bottom + MARGIN.top) / 2}) rotate(-90)`} textAnchor="middle">
            Loss recovered (zero ablation)
          </text>
          {architectures()
            .map(({ id }) => id)
            .map((arch) => (
              <Series key={arch} arch={arch} x={x} y={y} points={EXAMPLE_RESULTS.filter((p) => p.arch === arch)} />
            ))}
        </svg>
      </div>
      <figcaption>
        <span className="message lead">{sentence}</span>
        <span className="muted">{paretoDetail(EXAMPLE_RESULTS)} Your own runs replace this at their first evaluation.</span>
      </figcaption>
    </figure>
  );
}

interface SeriesProps {
  arch: ArchitectureId;
  points: readonly ParetoPoint[];
  x: (l0: number) => number;
  y: (quality: number) => number;
}

function Series({ arch, points, x, y }: SeriesProps) {
  const front = frontier(points);
  const path = front.map((p, i) => (i === 0 ? `M${x(p.l0)} ${y(p.quality)}` : `H${x(p.l0)}V${y(p.quality)}`)).join('');
  const label = front[1];
  return (
    <g className={`series ${arch}`}>
      <path d={path} />
      {points.map((p) =>
        arch === 'baseline' ? (
          <rect key={p.l0} x={x(p.l0) - 4.5} y={y(p.quality) - 4.5} width="9" height="9" />
        ) : (
          <circle key={p.l0} cx={x(p.l0)} cy={y(p.quality)} r="5" />
        ),
      )}
      {label && (
        <text
          x={x(label.l0) + (arch === 'gated' ? -10 : 12)}
          y={y(label.quality) + (arch === 'gated' ? -8 : 16)}
          textAnchor={arch === 'gated' ? 'end' : 'start'}
        >
          {architecture(arch).title}
        </text>
      )}
    </g>
  );
}
