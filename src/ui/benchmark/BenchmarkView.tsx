/** The benchmark in the page: what to run on the left, what it found on the right. A chunk of its own, loaded when it is opened. */
import { useEffect } from 'react';
import { ErrorBoundary } from '../ErrorBoundary';
import { FiguresTable } from './FiguresTable';
import { Method } from './Method';
import { ResultsPanel } from './ResultsPanel';
import { SetupPanel } from './SetupPanel';
import { openBench, useBench } from './store';
import './benchmark.css';

export default function BenchmarkView() {
  const running = useBench((s) => s.running);
  const results = useBench((s) => s.results);
  const problem = useBench((s) => s.problem);
  useEffect(openBench, []);
  return (
    <div className="columns benchmark">
      <aside className="left" aria-label="What to run">
        <SetupPanel />
      </aside>
      <main id="benchmark" className="centre" tabIndex={-1}>
        {problem && (
          <p className="notice error bench-problem" role="alert">
            <span className="mark" aria-hidden="true">
              ✗
            </span>
            {problem}
          </p>
        )}
        {results && (
          <ErrorBoundary panel="The results">
            <ResultsPanel results={results} />
          </ErrorBoundary>
        )}
        {!results && <Beforehand />}
        {results && !running && (
          <details className="method-details">
            <summary>How this is measured</summary>
            <Method />
          </details>
        )}
      </main>
    </div>
  );
}

/** What will be measured. */
function Beforehand() {
  const figures = useBench((s) => s.figures);
  return (
    <section className="bench-before" aria-labelledby="bench-before">
      <h2 id="bench-before">What is measured</h2>
      <FiguresTable figures={figures} />
      <p className="muted small">Targets hold at the full sizes; on a very slow GPU they are small, and nothing is judged.</p>
      <Method />
    </section>
  );
}
