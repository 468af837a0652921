import { lazy, Suspense, useLayoutEffect, useRef } from 'react';
import { ErrorBoundary } from './ErrorBoundary';
import { ConfigurePanel } from './panels/ConfigurePanel';
import { DataPanel } from './panels/DataPanel';
import { DropTarget } from './panels/DropTarget';
import { ExampleChart } from './panels/ExampleChart';
import { Header } from './panels/Header';
import { HowToRead } from './panels/HowToRead';
import { GpuBanner, Notices } from './panels/Notices';
import { ParetoPanel } from './panels/ParetoPanel';
import { RunPanel } from './panels/RunPanel';
import { RunTable } from './panels/RunTable';
import { StartPanel } from './panels/StartPanel';
import { TroubleBanner } from './panels/TroubleBanner';
import { isEmpty, isUnderWay, useLab } from './store';

/** Loaded when it is opened, like all that is timed. */
const BenchmarkView = lazy(() => import('./benchmark/BenchmarkView'));

export function App() {
  const view = useLab((s) => s.view);
  const hasRuns = useLab((s) => s.runs.length > 0);
  const empty = useLab(isEmpty);
  const underWay = useLab(isUnderWay);
  useTopOnStart(underWay);
  const [target, words] = view === 'benchmark' ? ['benchmark', 'the benchmark'] : hasRuns ? ['runs', 'the runs'] : ['main', 'the chart'];
  return (
    <div className={`app${empty ? ' empty' : ''}${underWay ? '' : ' no-runs'}`}>
      <a className="skip" href={`#${target}`}>
        Skip to {words}
      </a>
      <Header />
      {/* First to the keyboard, last on the screen: what comes and goes must not move what is being read. */}
      <div className="tray">
        <GpuBanner />
        <TroubleBanner />
        <Notices />
      </div>
      {view === 'benchmark' ? (
        <ErrorBoundary panel="The benchmark">
          <Suspense fallback={<p className="muted placeholder">Loading the benchmark…</p>}>
            <BenchmarkView />
          </Suspense>
        </ErrorBoundary>
      ) : (
        <LabView />
      )}
      <DropTarget />
    </div>
  );
}

/** On a narrow screen the chart moves to the top when runs begin: there it is shown, wherever the button was. */
function useTopOnStart(underWay: boolean): void {
  const before = useRef(underWay);
  useLayoutEffect(() => {
    if (underWay && !before.current && matchMedia('(max-width: 799px)').matches) scrollTo(0, 0);
    before.current = underWay;
  }, [underWay]);
}

function LabView() {
  const empty = useLab(isEmpty);
  const hasRuns = useLab((s) => s.runs.length > 0);
  const underWay = useLab(isUnderWay);
  const evaluated = useLab((s) => s.runs.some((r) => r.metrics));
  return (
    <div className="columns">
      <aside className="left" aria-label="Data and settings">
        <ErrorBoundary panel="Data">
          {empty && <StartPanel />}
          <DataPanel />
          {!empty && <StartPanel />}
        </ErrorBoundary>
        <ErrorBoundary panel="Settings">
          <ConfigurePanel />
        </ErrorBoundary>
      </aside>
      <main id="main" className="centre" tabIndex={-1}>
        <ErrorBoundary panel="The Pareto chart">{evaluated ? <ParetoPanel /> : <ExampleChart />}</ErrorBoundary>
        {hasRuns && (
          <ErrorBoundary panel="The run table">
            <RunTable />
          </ErrorBoundary>
        )}
        {/* Not where the table is about to stand. */}
        {(hasRuns || !underWay) && <HowToRead />}
      </main>
      {underWay && (
        <aside className="right" aria-label="Selected run">
          <ErrorBoundary panel="The selected run">
            <RunPanel />
          </ErrorBoundary>
        </aside>
      )}
    </div>
  );
}
