import { useServices } from '../context';

import { count, durationRange, passOf, short } from '../format';

import { isLive, type Theme, useLab } from '../store';
import { TimeShares } from './TimeShares';

export function Header() {
  return (
    <header className="top">
      <div className="top-line">
        <h1>Gated SAE Lab</h1>
        <div className="chips">
          <GpuChip />
          <DataChip />
        </div>
        <div className="controls">
          <ViewLink />
          <ThemeSwitch />
        </div>
      </div>
      <div className="top-line state">
        <Status />
        <SessionControls />
      </div>
    </header>
  );
}

function GpuChip() {
  const device = useLab((s) => s.device);
  const problem = useLab((s) => s.deviceProblem);
  const lost = useLab((s) => s.deviceLost);
  if (lost) return <span className="chip bad">GPU lost</span>;
  if (problem)
    return <span className="chip bad">{problem.reason === 'no-webgpu' ? 'No WebGPU: viewing only' : 'No GPU: viewing only'}</span>;
  if (!device) return <span className="chip">Looking for a GPU…</span>;
  const { adapter, gflops } = device;
  const speed = gflops > 0 ? ` · ${short(gflops * 1e9)}FLOP/s` : '';
  return (
    <span
      className={`chip ${adapter.isSoftware ? 'warn' : 'good'}`}
      title={`WebGPU adapter: ${adapter.name}. Speed measured with the encoder’s matrix product.`}
    >
      {adapter.isSoftware ? `Software GPU (${adapter.name})` : adapter.name}
      <span className="muted">{speed}</span>
    </span>
  );
}

function DataChip() {
  const shards = useLab((s) => s.data.shards);
  if (!shards) return null;
  return (
    <span
      className="chip plain"
      title={`${shards.label}: ${count(shards.trainRows)} rows to train on, ${count(shards.heldOutRows)} held out`}
    >
      {short(shards.rows)} rows × {shards.d} <span className="muted">{shards.dtype}</span>
    </span>
  );
}

const PHASE: Record<string, string> = {
  idle: '',
  loading: 'Loading',
  preparing: 'Preparing',
  training: 'Training',
  paused: 'Paused',
  finished: 'Finished',
  failed: 'Failed',
};

const ENDS = ['done', 'stopped', 'failed', 'interrupted'] as const;

function Status() {
  const session = useLab((s) => s.session);
  const isReady = useLab((s) => s.device !== undefined);
  const runs = useLab((s) => s.runs);
  const ended = ENDS.map((state) => ({ state, n: runs.filter((r) => r.state === state).length })).filter(({ n }) => n > 0);
  const failed = ended.find(({ state }) => state === 'failed')?.n ?? 0;
  const fine = ended.filter(({ state }) => state !== 'failed');
  const endedCount = ended.reduce((sum, { n }) => sum + n, 0);
  const { remaining } = session;
  const live = session.phase === 'training';
  const phase = PHASE[session.phase] ?? '';
  // "training" said twice says nothing; what comes and goes while training stands last, so that nothing else moves.
  const note = session.phase === 'finished' || session.note.toLowerCase() === phase.toLowerCase() ? '' : session.note;
  const moving = live || session.phase === 'paused';
  const parts = [
    runs.length > 0 && moving ? `${endedCount} of ${runs.length} runs ended` : '',
    session.phase === 'finished' ? fine.map(({ state, n }) => `${n} ${state}`).join(', ') : '',
    live && session.rowsPerSecond ? `${short(session.rowsPerSecond)} rows/s` : '',
    live && remaining ? `about ${durationRange(remaining)} left` : '',
    live && session.epoch !== undefined ? passOf(session.epoch) : '',
    moving ? note : '',
  ].filter(Boolean);
  return (
    <div className={`status${moving ? ' moving' : ''}`}>
      <span className="visually-hidden" role="status">
        {phase}
      </span>
      {(phase || note) && (
        <span className={`phase phase-${session.phase}`}>{!moving && note && phase ? `${phase}: ${note}` : phase || note}</span>
      )}
      {isReady && !phase && !note && <span className="muted">Ready</span>}
      {session.progress !== undefined && (session.phase === 'loading' || session.phase === 'preparing') && (
        <progress value={session.progress} max={1} aria-label={session.note || 'Progress'} />
      )}
      {failed > 0 && (moving || session.phase === 'finished') && (
        <span className="failures">
          <span aria-hidden="true">✗ </span>
          {failed} failed
        </span>
      )}
      <span className="muted parts" title={parts.join(' · ')}>
        {parts.join(' · ')}
      </span>
      {moving && <TimeShares />}
    </div>
  );
}

function SessionControls() {
  const { lab } = useServices();
  const phase = useLab((s) => s.session.phase);
  const live = useLab(isLive);
  const busy = useLab((s) => s.busy);
  if (!live) return null;
  return (
    <fieldset className="buttons" aria-label="Training">
      {phase === 'paused' ? (
        <button type="button" onClick={() => lab.do({ type: 'resume' })}>
          Resume
        </button>
      ) : (
        <button type="button" onClick={() => lab.do({ type: 'pause' })} disabled={phase !== 'training' || busy === 'pause'}>
          {busy === 'pause' ? 'Finishing step…' : 'Pause'}
        </button>
      )}
      <button
        type="button"
        onClick={() => lab.do({ type: 'step' })}
        disabled={phase !== 'paused'}
        title={phase === 'paused' ? 'Train exactly one step of every run' : 'Pause first, then train one step at a time'}
      >
        Step
      </button>
      <button type="button" onClick={() => lab.do({ type: 'stop' })} disabled={busy === 'stop'}>
        {busy === 'stop' ? 'Stopping…' : 'Stop'}
      </button>
    </fieldset>
  );
}

/** To the other view. A link, so that it can be opened in a tab of its own. */
function ViewLink() {
  const view = useLab((s) => s.view);
  const other = view === 'lab' ? 'benchmark' : 'lab';
  return (
    <a
      className="view-link"
      href={other === 'lab' ? '#main' : '#benchmark'}
      title={other === 'benchmark' ? 'Speed of the lab’s kernels on this GPU, beside TF.js and jax-js' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        useLab.setState({ view: other });
      }}
    >
      {other === 'lab' ? '← Lab' : 'Benchmark'}
    </a>
  );
}

const NEXT: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };

function ThemeSwitch() {
  const theme = useLab((s) => s.theme);
  return (
    <button
      type="button"
      className="quiet"
      onClick={() => useLab.setState({ theme: NEXT[theme] })}
      aria-label={`Theme: ${theme}. Switch to ${NEXT[theme]}`}
    >
      <span aria-hidden="true">{theme === 'auto' ? '◐' : theme === 'light' ? '○' : '●'}</span> {theme}
    </button>
  );
}
