import type { Estimate, SweepConfig, SweepTime } from '../../lab/protocol';
import {
  defaultForm,
  isTuned,
  type ParsedSettings,
  parseSettings,
  type Setting,
  SHORT_GRID,
  settings,
  settingsToParams,
  tuned,
} from '../../lab/settings';
import { useServices } from '../context';
import { bytes, durationRange, short } from '../format';
import { useDisclosure } from '../hooks';
import { widthOfRows } from '../looks';
import { isLive, setField, useLab } from '../store';
import { offerUndo } from '../undo';
import { useEstimate } from '../useEstimate';
import { ArmList } from './ArmList';
import { Field } from './Field';
import { Presets } from './Presets';
import { planWords, RunPlan } from './RunPlan';

export function ConfigurePanel() {
  const form = useLab((s) => s.form);
  const d = useLab(widthOfRows);
  const changed = settingsToParams(form).size > 0;
  const parsed = parseSettings(form, d);
  const shown = (level: Setting['level']) => settings().filter((s) => s.level === level);
  const hiddenErrors = shown('all').some((s) => parsed.errors[s.key]);
  const allFields = useDisclosure(hiddenErrors);
  const fields = (level: Setting['level']) => (
    <div className="fields">
      {shown(level).map((s) => (
        <Field
          key={s.key}
          name={s.label}
          label={
            <>
              {s.label} {s.unit && <span className="muted unit">{s.unit}</span>}
            </>
          }
          spec={s}
          value={form[s.key] ?? s.default}
          help={s.help}
          className={s.kind === 'choice' && s.meanings ? 'wide' : s.level === 'simple' ? 'narrow' : ''}
          error={parsed.errors[s.key]}
          onChange={(text) => setField(s.key, text)}
        />
      ))}
    </div>
  );
  return (
    <section className="configure" aria-labelledby="configure-heading">
      <div className="section-head">
        <h2 id="configure-heading">Configure a sweep</h2>
        {changed && (
          <button type="button" className="link" onClick={() => resetForm()}>
            Defaults
          </button>
        )}
      </div>
      <Presets />
      <ArmList errors={parsed.errors} />
      {fields('simple')}
      <details {...allFields}>
        <summary>All fields</summary>
        {fields('all')}
      </details>
      <StartLine parsed={parsed} />
    </section>
  );
}

function resetForm(): void {
  const { form } = useLab.getState();
  useLab.setState({ form: defaultForm() });
  offerUndo('All settings are back at their defaults.', () => useLab.setState({ form }));
}

function StartLine({ parsed }: { parsed: ParsedSettings }) {
  const { lab } = useServices();
  const device = useLab((s) => s.device);
  const shards = useLab((s) => s.data.shards);
  const phase = useLab((s) => s.session.phase);
  const live = useLab(isLive);
  const busy = useLab((s) => s.busy);
  const noGpu = useLab((s) => s.deviceProblem?.message ?? s.deviceLost);
  const dataKey = shards && device ? `${shards.label} ${shards.rows} ${shards.d}` : undefined;
  const { estimate, time, error } = useEstimate(parsed.config, dataKey, live);
  const why = noGpu
    ? 'No usable GPU.'
    : !shards
      ? phase === 'loading'
        ? 'Reading the data…'
        : 'Add data or run the demo first.'
      : Object.keys(parsed.errors).length > 0
        ? 'Mend the settings marked above.'
        : undefined;
  const problems = error ? [error] : (estimate?.problems ?? []);
  const ready = why === undefined && parsed.config !== undefined && (estimate?.ok ?? false) && busy !== 'start';
  const runs = `${parsed.runs} ${parsed.runs === 1 ? 'run' : 'runs'}`;
  const said = error ? '' : (why ?? (estimate ? '' : 'Estimating…'));
  return (
    <div className="start-line">
      {parsed.config && (
        <details className="plan-line">
          <summary aria-live="polite">
            <Plan config={parsed.config} runs={parsed.runs} estimate={estimate} time={time} live={live} />
          </summary>
          <RunPlan config={parsed.config}>{estimate && <Cost estimate={estimate} live={live} />}</RunPlan>
        </details>
      )}
      {said !== '' && (
        <p className="cost" aria-live="polite">
          {said}
        </p>
      )}
      {problems.length > 0 && (
        <ul className="problems">
          {problems.map((p) => (
            <li key={p}>{p}</li>
          ))}
        </ul>
      )}
      <div className="start-buttons">
        <button type="button" className="primary" disabled={!ready} onClick={() => parsed.config && void lab.start(parsed.config)}>
          {busy === 'start' ? 'Starting…' : live ? `Add ${runs}` : `Start ${runs}`}
        </button>
        <TuneButton ready={ready} />
      </div>
    </div>
  );
}

/** Trains every arm at each start of the short grid, so that each is seen at its best; the form shows what was started. */
function TuneButton({ ready }: { ready: boolean }) {
  const { lab } = useServices();
  const form = useLab((s) => s.form);
  const d = useLab(widthOfRows);
  if (form.arms.length === 0 || isTuned(form.arms)) return null;
  const arms = tuned(form.arms);
  const { config, runs, errors } = parseSettings({ ...form, arms }, d);
  const grid = Object.entries(SHORT_GRID).map(([word, text]) => `${word} ${text}`);
  const why =
    errors.arms ?? `${runs} runs: each arm at all starts of a short grid (${grid.join(' × ')}). Its frontier is then the best of them.`;
  const start = () => {
    if (!config) return;
    useLab.setState({ form: { ...form, arms } });
    void lab.start(config);
  };
  return (
    <button type="button" disabled={!ready || !config} title={why} onClick={start}>
      Tune {form.arms.length === 2 ? 'both' : form.arms.length === 1 ? 'it' : 'all'}
    </button>
  );
}

interface PlanProps {
  config: SweepConfig;
  runs: number;
  estimate: Estimate | undefined;
  time: SweepTime | undefined;
  live: boolean;
}

/** `5 arms × 5 values × 2 seeds = 50 runs, 1.2 GB, about 14–20 min`. */
function Plan({ config, runs, estimate, time, live }: PlanProps) {
  const paused = useLab((s) => s.session.phase === 'paused');
  return (
    <>
      {planWords(config, runs)}
      {estimate?.ok && (
        <>
          , {bytes(estimate.gpuBytes)}, <Time time={time} live={live} />
        </>
      )}
      {live && (paused ? ', added runs wait with the others for Resume' : ', added runs join at the next batch')}
    </>
  );
}

function Time({ time, live }: { time: SweepTime | undefined; live: boolean }) {
  if (!time)
    return (
      <span title={live ? 'It is measured while nothing trains' : undefined}>
        {live ? 'time unknown beside runs that train' : 'timing a few steps…'}
      </span>
    );
  if (!time.range) return <span>time not measured</span>;
  const what = time.isWhole
    ? 'A few steps of this sweep were timed on this device'
    : 'Steps of a smaller sweep of its kind were timed on this device';
  return (
    <span
      title={`${what}: at first, when half of the latents fire, and with few of them active, which bound the range. Slow disks come on top.`}
    >
      about {durationRange(time.range)}
    </span>
  );
}

function Cost({ estimate, live }: { estimate: Estimate; live: boolean }) {
  const allocated = useLab((s) => s.session.gpuBytes);
  const formula = useLab((s) => s.session.gpuFormulaBytes);
  return (
    <p className="cost">
      <span title="Weights and biases of all runs of this sweep">{short(estimate.parameters)} parameters</span> ·{' '}
      <span
        title={`Of these, parameters and one second moment each (16·F·D bytes a run, more with beta1 > 0): ${bytes(estimate.stateBytes)}. The rest are the row pool and work buffers bounded by the batch. No single buffer exceeds ${bytes(estimate.limitBytes)}; wider matrices are cut.`}
      >
        {bytes(estimate.gpuBytes)} of GPU memory ({bytes(estimate.stateBytes)} of it parameters and Adam)
      </span>
      {live && allocated !== undefined && formula && (
        <span title="What the runs in training hold now, and what the formula says they need">
          , {bytes(allocated)} allocated now (formula {bytes(formula.total)})
        </span>
      )}
    </p>
  );
}
