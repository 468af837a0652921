import { useState } from 'react';
import type { RunSummary } from '../../lab/protocol';
import { scaleWords } from '../../lab/settings';
import { UNBIASED } from '../../metrics/quality';
import { resampledWords } from '../../metrics/resampledWords';
import { architecture } from '../../sae/architectures';
import { Chart } from '../charts/Chart';
import type { ChartModel } from '../charts/model';
import { deadModel, densityModel, gammaModel, l0Model, lossModel, type RunInput } from '../charts/runModels';
import type { Palette } from '../charts/theme';
import { useServices } from '../context';
import { count, fraction, general, l0, nats, percent, short } from '../format';
import type { TermId } from '../glossary';
import { useRowWord } from '../rowWord';
import { RunSwatch } from '../Swatch';
import { canPickFolder, saveRun, saveRunToFolder } from '../saveRun';
import { isOpen, useLab } from '../store';
import { Term } from '../Term';
import { MeasuredAt } from './MeasuredAt';
import { RunSettings, runRecipe } from './RunSettings';

export function RunPanel() {
  const run = useLab((s) => s.runs.find((r) => r.id === s.selectedRunId));
  if (!run) return <p className="muted placeholder">Select a run to see its curves.</p>;
  return (
    <>
      <RunHead key={`head of ${run.id}`} run={run} />
      <Numbers run={run} />
      <RunSettings key={`settings of ${run.id}`} run={run} />
      <RunCharts key={run.id} run={run} />
    </>
  );
}

function RunHead({ run }: { run: RunSummary }) {
  const recipe = runRecipe(run);
  return (
    <div className="run-head">
      <h2>
        <RunSwatch run={run} />
        {run.name}
      </h2>
      <p className="muted">
        {architecture(run.arch).title}, {run.dIn} → {count(run.dSae)}, {architecture(run.arch).knob.symbol} {general(run.lambda)}, seed{' '}
        {run.seed}; <span className={run.state === 'failed' ? 'bad-word' : ''}>{run.state}</span> at step {count(run.step)} of{' '}
        {count(run.steps)}
      </p>
      {recipe && <p className="muted small">Loss and parameters as in: {recipe}</p>}
      <p className="muted small break">{run.data}</p>
      {run.provenance && <MeasuredAt provenance={run.provenance} />}
      <div className="muted small">
        <Term id="scale">
          {architecture(run.arch).knob.symbol} and loss of {scaleWords(run)}
        </Term>
      </div>
      {run.resampled && <p className="muted small">Resampling: {run.resampled.map(resampledWords).join('; ')}.</p>}
      {run.message && <p className="problem">{run.message}</p>}
      <SaveButtons run={run} />
    </div>
  );
}

function SaveButtons({ run }: { run: RunSummary }) {
  const { lab } = useServices();
  const { forms = [] } = run;
  const [chosen, choose] = useState(forms[0]);
  const as = chosen === forms[0] ? undefined : chosen;
  const saveable = run.step > 0 && run.state !== 'failed';
  return (
    <p className="row">
      <button
        type="button"
        disabled={!saveable}
        onClick={() => void saveRun(lab, run.id, as)}
        title="cfg.json and sae_weights.safetensors, as SAELens reads them"
      >
        Save SAE
      </button>
      {canPickFolder() && (
        <button type="button" disabled={!saveable} onClick={() => void saveRunToFolder(lab, run.id, as)}>
          Save to folder…
        </button>
      )}
      {forms.length > 1 && (
        <select
          value={chosen}
          onChange={(event) => choose(event.target.value)}
          aria-label="Architecture in cfg.json"
          title="The architecture in cfg.json. The features of the others are the same to rounding."
        >
          {forms.map((form) => (
            <option key={form} value={form}>
              as {form}
            </option>
          ))}
        </select>
      )}
    </p>
  );
}

const gammaWord = (gamma: number | undefined) =>
  gamma === undefined ? 'output is zero' : gamma < UNBIASED[0] ? 'shrinks' : gamma <= UNBIASED[1] ? 'unbiased' : 'too long';

/** A loss recovered; with a question mark where it means nothing. */
const marked = (value: number, unreliable: string | undefined) => `${fraction(value)}${unreliable === undefined ? '' : '\u00a0?'}`;

const ENDED: Partial<Record<RunSummary['state'], string>> = { failed: 'failed', interrupted: 'was interrupted', stopped: 'was stopped' };

function Numbers({ run }: { run: RunSummary }) {
  const word = useRowWord();
  const m = run.metrics;
  if (!m)
    return (
      <p className="muted numbers unmeasured">
        {isOpen(run) ? 'Not evaluated yet.' : `It ${ENDED[run.state] ?? 'ended'} before it was evaluated.`}
      </p>
    );
  const big: [TermId, string, string, string][] = [
    ['l0', 'L0', l0(m.l0), 'latents per row'],
    m.loss_recovered === undefined
      ? ['r2', 'Recovered', fraction(m.r2), 'variance, R²']
      : ['recovered', 'Recovered', marked(m.loss_recovered, m.loss_recovered_unreliable), 'loss, zero abl.'],
    ['gamma', 'γ', fraction(m.gamma), gammaWord(m.gamma)],
    ['alive', 'Alive', percent(m.alive), `in ${short(m.alive_window_tokens)} ${word}`],
  ];
  const small: [TermId, string, string | undefined][] = [
    ['ceClean', 'CE clean', m.ce_clean === undefined ? undefined : nats(m.ce_clean)],
    ['ceSae', 'CE SAE', m.ce_sae === undefined ? undefined : nats(m.ce_sae)],
    ['ceZero', 'CE zero', m.ce_zero === undefined ? undefined : nats(m.ce_zero)],
    ['ceMean', 'CE mean', m.ce_mean === undefined ? undefined : nats(m.ce_mean)],
    [
      'recoveredMean',
      'Rec. (mean)',
      m.loss_recovered_mean === undefined ? undefined : marked(m.loss_recovered_mean, m.loss_recovered_mean_unreliable),
    ],
    ['r2', 'R²', m.loss_recovered === undefined ? undefined : fraction(m.r2)],
    ['fvu', 'FVU', fraction(m.fvu)],
    ['mse', 'MSE', general(m.mse)],
    ['cosine', 'Cosine', fraction(m.cosine)],
    ['evaluatedBy', 'Fires by', m.evaluated_by],
    ['often', '>1 %', `${count(m.latents_over_1_percent)} latents`],
    ['often', '>10 %', `${count(m.latents_over_10_percent)} latents`],
  ];
  return (
    <div className="numbers">
      <dl className="big">
        {big.map(([id, name, value, note]) => (
          <div key={id}>
            <dt>
              <Term id={id}>{name}</Term>
            </dt>
            <dd>
              {value}
              <small>{note}</small>
            </dd>
          </div>
        ))}
      </dl>
      <dl className="small-numbers">
        {small.map(([id, name, value]) =>
          value === undefined ? null : (
            <div key={name}>
              <dt>
                <Term id={id}>{name}</Term>
              </dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
      {[m.loss_recovered_unreliable, m.loss_recovered_mean_unreliable].map(
        (why) =>
          why !== undefined && (
            <p key={why} className="muted small">
              ? Not to be relied on: {why}.
            </p>
          ),
      )}
      <p className="muted small">
        Held out, {count(m.tokens)} {word}, at step {count(run.evaluatedAt ?? run.step)}
        {m.ce_clean === undefined ? '.' : '; CE in nats.'}
      </p>
    </div>
  );
}

const CHARTS: { id: string; title: string; term?: TermId; model: (input: RunInput) => ChartModel }[] = [
  { id: 'loss', title: 'Loss terms', term: 'lossTerms', model: lossModel },
  { id: 'l0', title: 'L0 over steps', term: 'l0', model: l0Model },
  { id: 'gamma', title: 'Reconstruction bias γ', term: 'gamma', model: gammaModel },
  { id: 'density', title: 'Firing density', model: densityModel },
  { id: 'dead', title: 'Dead latents', term: 'alive', model: deadModel },
];

function RunCharts({ run }: { run: RunSummary }) {
  const { lab } = useServices();
  const word = useRowWord();
  const input = (palette: Palette): RunInput => ({
    run,
    palette,
    rowWord: word,
    column: (name) => lab.metrics.column(run.id, name),
    evaluations: lab.metrics.evaluations(run.id),
    density: lab.metrics.density(run.id),
  });
  return (
    <div className="run-charts">
      {CHARTS.map(({ id, title, term, model }) => (
        <Chart
          key={id}
          id={`run-${id}`}
          name={`${title}, ${run.name}`}
          fileName={`gsae_${id}_${run.id}`}
          title={
            <>
              {title} {term && <Term id={term}>?</Term>}
            </>
          }
          run={run.id}
          source={`${run.data} · Gated SAE Lab`}
          period={1000}
          watch={[run.id, word]}
          build={(palette) => model(input(palette))}
        />
      ))}
    </div>
  );
}
