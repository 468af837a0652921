/** How far a run is. Drawn seldom and little: on a software GPU the page's own work takes part of what is measured. */
import { useEffect, useState } from 'react';
import { useBench } from './store';

const SECOND_MS = 1000;

export function ProgressPanel() {
  const progress = useBench((s) => s.progress);
  const round = progress?.round !== undefined && progress.rounds ? `, round ${progress.round} of ${progress.rounds}` : '';
  const within = progress?.round !== undefined && progress.rounds ? (progress.round - 1) / progress.rounds : 0;
  const note = progress?.note ?? 'starting';
  const where = progress?.letter ? `Case ${progress.letter}, ${progress.done + 1} of ${progress.of}` : 'Starting';
  return (
    <div className="bench-progress">
      <p>
        <strong>{where}</strong>
        <Elapsed />
      </p>
      <progress value={progress ? (progress.done + within) / progress.of : 0} max={1} aria-label="Progress of the benchmark" />
      <p className="muted">
        {note}
        {round}
      </p>
      {/* Rounds go by too fast to be read out. */}
      <p className="visually-hidden" role="status">
        {where}: {note}
      </p>
    </div>
  );
}

function Elapsed() {
  const startedAt = useBench((s) => s.startedAt);
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), SECOND_MS);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.floor((now - startedAt) / SECOND_MS));
  return <span className="muted elapsed">{seconds} s</span>;
}
