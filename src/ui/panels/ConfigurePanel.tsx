import { useId } from 'react';
import type { Estimate } from '../../lab/protocol';
import { DEFAULT_VALUES, type ParsedSettings, parseSettings, SETTINGS, type Setting } from '../../lab/settings';
import { type ArchitectureId, architecture } from '../../sae/architectures';
import { useServices } from '../context';
import { bytes, duration, short } from '../format';
import { useDisclosure } from '../hooks';
import { Swatch } from '../Swatch';
import { isLive, setField, useLab } from '../store';
import { useEstimate } from '../useEstimate';

/** Width that `2x` multiplies before there is data: the demo's default hook. */
const DEMO_WIDTH = 512;

export function ConfigurePanel() {
  const form = useLab((s) => s.form);
  const shards = useLab((s) => s.data.shards);
  const changed = SETTINGS.some((s) => form[s.key] !== s.default);
  const parsed = parseSettings(form, shards?.d ?? DEMO_WIDTH);
  const chosen = form.architectures.split(',');
  const shown = (level: Setting['level']) => SETTINGS.filter((s) => s.level === level && (!s.arch || chosen.includes(s.arch)));
  const hiddenErrors = SETTINGS.some((s) => s.level === 'all' && parsed.errors[s.key]);
  const allFields = useDisclosure(hiddenErrors);
  return (
    <section className="configure" aria-labelledby="configure-heading">
      <div className="section-head">
        <h2 id="configure-heading">Configure a sweep</h2>
        {changed && (
          <button type="button" className="link" onClick={() => useLab.setState({ form: DEFAULT_VALUES })}>
            Defaults
          </button>
        )}
      </div>
      <div className="fields">
        {shown('simple').map((s) => (
          <Field key={s.key} setting={s} error={parsed.errors[s.key]} />
        ))}
      </div>
      <details {...allFields}>
        <summary>All fields</summary>
        <div className="fields">
          {shown('all').map((s) => (
            <Field key={s.key} setting={s} error={parsed.errors[s.key]} />
          ))}
        </div>
      </details>
      <StartLine parsed={parsed} />
    </section>
  );
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
  const { estimate, error } = useEstimate(parsed.config, dataKey);
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
  return (
    <div className="start-line">
      <p className="cost" aria-live="polite">
        {why ?? (estimate ? <Cost estimate={estimate} live={live} /> : error ? '' : 'Estimating…')}
      </p>
      {problems.length > 0 && (
        <ul className="problems">
          {problems.map((p) => (
            <li key={p}>{p}</li>
          ))}
        </ul>
      )}
      <button type="button" className="primary" disabled={!ready} onClick={() => parsed.config && void lab.start(parsed.config)}>
        {busy === 'start' ? 'Starting…' : live ? `Add ${runs}` : `Start ${runs}`}
      </button>
    </div>
  );
}

function Cost({ estimate, live }: { estimate: Estimate; live: boolean }) {
  const allocated = useLab((s) => s.session.gpuBytes);
  const formula = useLab((s) => s.session.gpuFormulaBytes);
  return (
    <>
      <span title="Weights and biases of all runs of this sweep">{short(estimate.parameters)} parameters</span> ·{' '}
      <span
        title={`Of these, parameters and one second moment each (16·F·D bytes a run, more with beta1 > 0): ${bytes(estimate.stateBytes)}. The rest are the row pool and work buffers bounded by the batch. No single buffer exceeds ${bytes(estimate.limitBytes)}; wider matrices are cut.`}
      >
        {bytes(estimate.gpuBytes)} of GPU memory ({bytes(estimate.stateBytes)} of it parameters and Adam)
      </span>
      {allocated !== undefined && formula && (
        <span title="What the runs in training hold now, and what the formula says they need">
          , {bytes(allocated)} allocated now (formula {bytes(formula.total)})
        </span>
      )}{' '}
      · <span title="At the speed measured when the page opened">about {duration(estimate.seconds)}</span>
      {live && ', added runs join at the next batch'}
    </>
  );
}

function Field({ setting, error }: { setting: Setting; error?: string }) {
  const id = useId();
  const value = useLab((s) => s.form[setting.key]);
  if (setting.kind === 'architectures') return <ArchitectureField setting={setting} value={value} error={error} />;
  const meaning = setting.meanings?.[value];
  const describedBy = error ? `${id}-error` : meaning ? `${id}-meaning` : undefined;
  const common = { id, 'aria-invalid': error ? true : undefined, 'aria-describedby': describedBy, title: setting.help } as const;
  return (
    <div className={`field ${setting.meanings ? 'wide' : setting.level === 'simple' && !setting.arch ? 'narrow' : ''}`}>
      <label htmlFor={id} title={setting.help}>
        {setting.arch && <Swatch arch={setting.arch} />}
        {setting.label} {setting.unit && <span className="muted unit">{setting.unit}</span>}
      </label>
      {setting.kind === 'choice' ? (
        <select {...common} value={value} onChange={(e) => setField(setting.key, e.target.value)}>
          {setting.choices?.map((choice) => (
            <option key={choice} value={choice}>
              {[choice, setting.meanings?.[choice]?.holds].filter(Boolean).join(': ')}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...common}
          type="text"
          inputMode={setting.kind === 'int' ? 'numeric' : undefined}
          spellCheck={false}
          autoComplete="off"
          value={value}
          onChange={(e) => setField(setting.key, e.target.value)}
        />
      )}
      {meaning && (
        <p id={`${id}-meaning`} className="muted small">
          {meaning.help}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="problem">
          {error}
        </p>
      )}
    </div>
  );
}

function ArchitectureField({ setting, value, error }: { setting: Setting; value: string; error?: string }) {
  const chosen = value.split(',').filter(Boolean);
  const toggle = (arch: string) => {
    const next = (setting.choices ?? []).filter((a) => (a === arch ? !chosen.includes(a) : chosen.includes(a)));
    setField(setting.key, next.join(','));
  };
  return (
    <fieldset className="field checks" title={setting.help}>
      <legend className="visually-hidden">{setting.label}</legend>
      {(setting.choices as ArchitectureId[]).map((arch) => (
        <label key={arch}>
          <input type="checkbox" checked={chosen.includes(arch)} onChange={() => toggle(arch)} />
          <Swatch arch={arch} />
          {architecture(arch).title}
        </label>
      ))}
      {error && <p className="problem">{error}</p>}
    </fieldset>
  );
}
