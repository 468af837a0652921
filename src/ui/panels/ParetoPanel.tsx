import { useMemo, useState } from 'react';
import type { RunSummary } from '../../lab/protocol';
import { armNames, listedArms } from '../../metrics/arms';
import { type Comparison, compare, comparedWords, runSets } from '../../metrics/comparison';
import type { Pair } from '../../metrics/pareto';
import { pairOf } from '../../metrics/paretoWords';
import { QUALITIES, type QualityId } from '../../metrics/quality';
import { REFERENCE } from '../../sae/architectures';
import { Chart } from '../charts/Chart';
import { effectiveMetric, paretoModel, paretoWords } from '../charts/paretoModel';
import { useServices } from '../context';
import { useLooks } from '../looks';
import { setLabels, shownSet } from '../shownSet';
import { hoverRun, selectRun, useLab } from '../store';
import { Term } from '../Term';
import { RunLegend } from './RunLegend';

const METRICS: QualityId[] = ['recovered', 'r2', 'fvu', 'gamma'];

export function ParetoPanel() {
  const { lab } = useServices();
  const all = useLab((s) => s.runs);
  const wanted = useLab((s) => s.yMetric);
  const logX = useLab((s) => s.logX);
  const hidden = useLab((s) => s.hiddenArms);
  const picked = useLab((s) => s.pair);
  const { of: looks } = useLooks();
  const selected = useLab((s) => s.selectedRunId);
  const hovered = useLab((s) => s.hoveredRunId);
  const sets = useMemo(() => runSets(all), [all]);
  const set = shownSet(sets, selected);
  const runs = set?.runs ?? [];
  const [view, setView] = useState(0);
  const metric = effectiveMetric(runs, wanted);
  const comparison = useMemo(() => compare(set?.runs ?? [], QUALITIES[metric]), [set, metric]);
  const pair = wantedPair(comparison, picked, selected);
  const labels = setLabels(sets);
  return (
    <section className="pareto" aria-label="Pareto chart">
      <Chart
        id="pareto"
        level={2}
        name="Sparsity against quality"
        fileName="gsae_pareto"
        className="large"
        source={[comparedWords(comparison) || runs[0]?.data, 'Gated SAE Lab'].filter(Boolean).join(' · ')}
        title={
          <>
            Sparsity against quality <Term id={metric}>?</Term>
          </>
        }
        run="*"
        period={500}
        priority={1}
        watch={[comparison, logX, hidden, looks, pair.compared, pair.reference, selected, hovered, view]}
        build={(palette) =>
          paretoModel({
            comparison,
            trail: (id) => lab.metrics.evaluations(id),
            logX,
            hidden,
            looks,
            pair,
            selected,
            hovered,
            view: `${view} ${set?.key ?? ''}`,
            palette,
          })
        }
        onPick={selectRun}
        onPoint={hoverRun}
        toolbar={
          <div className="toolbar">
            <Segments
              label="y axis"
              options={METRICS.map((m) => ({
                value: m,
                label: QUALITIES[m].short,
                disabled: m === 'recovered' && metric !== 'recovered' && wanted === 'recovered',
              }))}
              value={metric}
              onChange={(yMetric) => useLab.setState({ yMetric })}
            />
            <Segments
              label="L0 axis"
              options={[
                { value: 'log', label: 'log' },
                { value: 'linear', label: 'linear' },
              ]}
              value={logX ? 'log' : 'linear'}
              onChange={(scale) => useLab.setState({ logX: scale === 'log' })}
            />
            <button
              type="button"
              className="quiet"
              onClick={() => setView(view + 1)}
              title="Show all points again (or double-click the chart)"
            >
              Reset zoom
            </button>
          </div>
        }
        sentence={<Sentence comparison={comparison} pair={pair} />}
      />
      <PairChoice comparison={comparison} pair={pair} />
      {sets.length > 1 && (
        <div className="sets">
          <label>
            Shown{' '}
            <select value={set?.key} onChange={(event) => selectRun(sets.find(({ key }) => key === event.target.value)?.runs[0]?.id)}>
              {sets.toReversed().map(({ key }) => (
                <option key={key} value={key}>
                  {labels.get(key)}
                </option>
              ))}
            </select>
          </label>
          <span className="muted">
            Runs are compared only with runs of the same rows, hook, model, evaluation tokens and scaling; the others are a set of their
            own.
          </span>
        </div>
      )}
      <RunLegend runs={runs} />
    </section>
  );
}

/** The arms that the reader picked; who picked none compares the selected run's arm with what it is usually compared with. */
function wantedPair({ points }: Comparison<RunSummary>, picked: Partial<Pair>, selected: string | undefined): Pair {
  const run = points.find((point) => point.run.id === selected)?.run;
  const own = run && run.arch !== REFERENCE ? run.arm.key : undefined;
  return pairOf(points, { compared: picked.compared ?? own, reference: picked.reference });
}

function Sentence({ comparison, pair }: { comparison: Comparison<RunSummary>; pair: Pair }) {
  if (!comparison.runs.some((r) => r.metrics)) return <span className="muted">The first points appear at the first evaluation.</span>;
  const { sentence, notes } = paretoWords(comparison, pair);
  return (
    <>
      <strong className="lead" data-testid="pareto-sentence">
        {sentence}
      </strong>{' '}
      <span className="muted">{notes.join(' ')}</span>
    </>
  );
}

/** Which two arms the sentence compares. */
function PairChoice({ comparison: { points, quality }, pair }: { comparison: Comparison<RunSummary>; pair: Pair }) {
  const arms = listedArms(points);
  if (arms.length < 2 || quality.better === 0) return null;
  const names = armNames(arms);
  const choice = (label: string, place: keyof Pair, other: keyof Pair) => (
    <label>
      {label}{' '}
      <select
        value={pair[place]}
        // Who picks the arm that stands on the other side changes sides.
        onChange={({ target: { value } }) =>
          useLab.setState({ pair: { ...pair, ...(value === pair[other] && { [other]: pair[place] }), [place]: value } })
        }
      >
        {arms.map(({ key }) => (
          <option key={key} value={key}>
            {names.get(key)}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <fieldset className="pair" aria-label="Arms that the sentence compares">
      {choice('Compare', 'compared', 'reference')}
      {choice('with', 'reference', 'compared')}
    </fieldset>
  );
}

interface Option<T extends string> {
  value: T;
  label: string;
  disabled?: boolean;
}

function Segments<T extends string>({
  label,
  options,
  value,
  onChange,
}: {
  label: string;
  options: Option<T>[];
  value: T;
  onChange: (value: T) => void;
}) {
  return (
    <fieldset className="segments" aria-label={label}>
      {options.map((o) => (
        <button key={o.value} type="button" aria-pressed={o.value === value} disabled={o.disabled} onClick={() => onChange(o.value)}>
          {o.label}
        </button>
      ))}
    </fieldset>
  );
}
