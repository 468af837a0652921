import { useServices } from '../context';
import { DEMO_HOOKS, isEmpty, isLive, useLab } from '../store';
import { DropZone } from './DropZone';

/** The ways in: the demo, files, a folder. */
export function StartPanel() {
  const { lab } = useServices();
  const empty = useLab(isEmpty);
  const hook = useLab((s) => s.demoHook);
  const live = useLab(isLive);
  const phase = useLab((s) => s.session.phase);
  const device = useLab((s) => s.device);
  const noGpu = useLab((s) => s.deviceProblem !== undefined);
  const busy = useLab((s) => s.busy);
  const loading = phase === 'loading' || busy === 'demo';
  const own = useLab((s) => s.own);
  const why = noGpu ? 'The demo trains on a GPU, and none is usable here.' : live ? 'Stop the runs in training first.' : '';
  const demo = (
    <div className="demo">
      <button
        type="button"
        className={empty ? 'primary big' : ''}
        disabled={!device || loading || live}
        title={why || undefined}
        aria-describedby={empty ? 'demo-what' : own ? 'demo-instead' : undefined}
        onClick={() => void lab.demo(hook)}
      >
        {busy === 'demo' ? 'Loading the demo…' : 'Run the demo'}
      </button>
      <label>
        <span>at hook</span>
        <select value={hook} onChange={(e) => useLab.setState({ demoHook: e.target.value })}>
          {DEMO_HOOKS.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      {own && (
        <p id="demo-instead" className="muted small break">
          It takes the place of {own}; one click brings that back. Runs in the table stay.
        </p>
      )}
      {empty && (
        <p id="demo-what" className="muted small">
          A 1-layer GELU language model and its text (2.6 MB, from this site): activations are harvested here, then Gated and baseline SAEs
          train on the same batches. {why}
        </p>
      )}
    </div>
  );
  if (!empty) {
    return (
      <details className="start">
        <summary>Add files, or run the demo</summary>
        <DropZone />
        {demo}
      </details>
    );
  }
  return (
    <section className="start" aria-labelledby="start-heading">
      <h2 id="start-heading" className="hero">
        Train sparse autoencoders in this tab
      </h2>
      <p className="intro">
        Gated and baseline SAEs side by side on your own GPU, trained on the same activations, measured on held-out text. Files never leave
        this page.
      </p>
      {demo}
      <DropZone />
    </section>
  );
}
