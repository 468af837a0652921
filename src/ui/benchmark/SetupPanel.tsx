/** What to run, and whether it can be run now. */
import type { Letter } from '../../../bench/page/protocol';
import { useServices } from '../context';
import { useLab } from '../store';
import { ProgressPanel } from './ProgressPanel';
import { end, labWork, run, useBench } from './store';

export function SetupPanel() {
  const running = useBench((s) => s.running);
  return (
    <section aria-labelledby="benchmark-heading">
      <h2 id="benchmark-heading" className="hero">
        Benchmark
      </h2>
      <p className="muted">
        How fast the lab’s kernels are on this GPU: against their own dense form, against the one product that no step can do without, and
        against TF.js and jax-js.
      </p>
      <fieldset className="bench-options" disabled={running} aria-label="Benchmark">
        <Length />
        <Cases />
        <Compare />
      </fieldset>
      <RunLine />
    </section>
  );
}

function Length() {
  const quick = useBench((s) => s.quick);
  return (
    <div className="field">
      <span id="bench-length">Length</span>
      <fieldset className="segments" aria-labelledby="bench-length">
        <button type="button" aria-pressed={quick} onClick={() => useBench.setState({ quick: true })}>
          Quick
        </button>
        <button type="button" aria-pressed={!quick} onClick={() => useBench.setState({ quick: false })}>
          Full
        </button>
      </fieldset>
      <p className="muted small">
        {quick
          ? 'Under a minute: three rounds at most. What there is no time for is left out and named.'
          : 'Seven rounds: about three minutes on a software GPU, less on a real one.'}
      </p>
    </div>
  );
}

function Cases() {
  const cases = useBench((s) => s.cases);
  const chosen = useBench((s) => s.chosen);
  const toggle = (letter: Letter) =>
    useBench.setState({ chosen: chosen.includes(letter) ? chosen.filter((one) => one !== letter) : [...chosen, letter] });
  const all = cases.map(({ letter }) => letter);
  const isAll = chosen.length === all.length;
  return (
    <fieldset className="field" aria-labelledby="bench-cases">
      <div className="section-head">
        <span id="bench-cases">Cases</span>
        {cases.length > 0 && (
          <button type="button" className="link" onClick={() => useBench.setState({ chosen: isAll ? [] : all })}>
            {isAll ? 'None' : 'All'}
          </button>
        )}
      </div>
      {cases.length === 0 && <p className="muted">Loading the cases…</p>}
      <div className="bench-cases">
        {cases.map(({ letter, words }) => (
          <label key={letter}>
            <input type="checkbox" checked={chosen.includes(letter)} onChange={() => toggle(letter)} />
            <span className="case-letter" aria-hidden="true">
              {letter}
            </span>
            <span>{words}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Compare() {
  const compare = useBench((s) => s.compare);
  const cases = useBench((s) => s.cases);
  const chosen = useBench((s) => s.chosen);
  const takesPart = cases.some((one) => one.withPeers && chosen.includes(one.letter));
  return (
    <div className="field checks">
      <label>
        <input
          type="checkbox"
          checked={compare}
          disabled={!takesPart}
          onChange={(event) => useBench.setState({ compare: event.target.checked })}
          aria-describedby="bench-compare"
        />
        Compare with TF.js and jax-js
      </label>
      <p id="bench-compare" className="muted small">
        {takesPart ? 'Loaded from this site when the run starts (0.3 MB).' : 'They take part in cases a and b.'}
      </p>
    </div>
  );
}

/** Run or cancel, and what stands in the way. */
function RunLine() {
  const { lab } = useServices();
  const running = useBench((s) => s.running);
  const pausedLab = useBench((s) => s.pausedLab);
  const nothing = useBench((s) => s.cases.length === 0 || s.chosen.length === 0);
  const work = useLab(labWork);
  const noGpu = useLab((s) => s.deviceProblem?.message);
  if (running) {
    return (
      <div className="start-line">
        <button type="button" className="bench-run" onClick={() => end()}>
          Cancel
        </button>
        <ProgressPanel />
        <p className="cost">Cases that are done keep their results. Keep this tab in front: browsers slow hidden ones down.</p>
      </div>
    );
  }
  const why = noGpu
    ? `No usable GPU. ${noGpu}`
    : work === 'other'
      ? 'The lab is at work. Wait until it is done: its work would be part of every figure.'
      : nothing
        ? 'Choose at least one case.'
        : undefined;
  return (
    <div className="start-line">
      {work === 'training' && (
        <p className="bench-warning">
          <strong>The lab is training.</strong> Beside it every figure would be wrong, so training is paused first.
        </p>
      )}
      {pausedLab && (
        <p className="bench-warning">
          Training is still paused.{' '}
          <button type="button" className="link" onClick={() => lab.do({ type: 'resume' })}>
            Resume training
          </button>
        </p>
      )}
      <button type="button" className="primary bench-run" disabled={why !== undefined} onClick={() => void run(lab)}>
        {work === 'training' ? 'Pause training and run' : 'Run the benchmark'}
      </button>
      {why && <p className="cost">{why}</p>}
    </div>
  );
}
