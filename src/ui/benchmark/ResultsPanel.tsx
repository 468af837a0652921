/** What was found: ratios with their targets, then charts, then the times behind them. */
import type { MeasuredCase, Report, Results } from '../../../bench/page/protocol';
import { Copy } from '../Copy';
import { Chart } from '../charts/Chart';
import type { Palette } from '../charts/theme';
import { milliseconds } from '../format';
import { FiguresTable } from './FiguresTable';
import { barsOf, costModel, curvesOf, stepsModel } from './models';
import { useBench } from './store';

export function ResultsPanel({ results }: { results: Results }) {
  const { report, title } = results;
  const running = useBench((s) => s.running);
  return (
    <section className="bench-results" aria-labelledby="bench-results">
      <div className="section-head">
        <h2 id="bench-results">Results{running && ' so far'}</h2>
        <span className="row">
          <Copy text={results.json} fileName="benchmark.json" type="application/json">
            Copy as JSON
          </Copy>
          <Copy text={results.markdown} fileName="benchmark.md" type="text/markdown">
            Copy as Markdown
          </Copy>
        </span>
      </div>
      <p className="muted">{title}</p>
      {report.figures.length > 0 && <FiguresTable figures={report.figures} small={report.setting.small} />}
      {report.problems.length > 0 && (
        <ul className="bench-absent">
          {report.problems.map(({ what, why }) => (
            <li key={what}>
              <strong>Not measured: {what}.</strong> {why}
            </li>
          ))}
        </ul>
      )}
      {/* Drawing takes the processor, which on a software GPU is being measured. */}
      {running ? null : <Charts report={report} source={`${title} · Gated SAE Lab`} />}
      {report.cases.map((one) => (
        <CaseTable key={one.letter} of={one} />
      ))}
    </section>
  );
}

function Charts({ report, source }: { report: Report; source: string }) {
  const curves = curvesOf(report);
  const bars = barsOf(report);
  const common = { watch: [report], run: 'benchmark', period: 1000, source } as const;
  if (curves.length === 0 && bars.length === 0) return null;
  return (
    <>
      <div className="run-charts">
        {curves.map((curve) => (
          <Chart
            key={curve.axis}
            {...common}
            id={`cost-${curve.axis}`}
            title={`Cost against ${curve.axis}`}
            name={`Cost of a gated step against ${curve.axis}`}
            fileName={`benchmark_cost_${curve.axis}`}
            className="tall"
            build={(palette: Palette) => costModel(curve, curves, palette)}
          />
        ))}
      </div>
      {bars.length > 0 && (
        <Chart
          {...common}
          id="bench-steps"
          title="Time of one step"
          name="Time of one training step"
          fileName="benchmark_steps"
          className="tall bench-bars"
          build={(palette: Palette) => stepsModel(bars, palette)}
        />
      )}
    </>
  );
}

function CaseTable({ of: { letter, title, timings, notes, seconds } }: { of: MeasuredCase }) {
  const heading = `bench-case-${letter}`;
  return (
    <section className="bench-case" aria-labelledby={heading}>
      <h3 id={heading}>
        <span className="case-letter" aria-hidden="true">
          {letter}
        </span>
        {title.charAt(0).toUpperCase() + title.slice(1)}
        <span className="muted elapsed">{seconds.toFixed(0)} s</span>
      </h3>
      {timings.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        <section className="table-scroll" tabIndex={0} aria-label={`Times of case ${letter}`}>
          <table className="bench-table">
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col">
                  Median<small>ms</small>
                </th>
                <th scope="col">
                  Least – most<small>ms</small>
                </th>
                <th scope="col">Samples</th>
              </tr>
            </thead>
            <tbody>
              {timings.map(({ name, ms, least, most, samples }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td className="value">{milliseconds(ms)}</td>
                  <td>{samples === 0 ? '–' : `${milliseconds(least)} – ${milliseconds(most)}`}</td>
                  <td>{samples === 0 ? 'trial' : samples}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <ul className="bench-notes">
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </section>
  );
}
