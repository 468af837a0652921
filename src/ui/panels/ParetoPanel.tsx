import { type KeyboardEvent, useMemo, useState } from 'react';
import type { RunSummary } from '../../lab/protocol';
import { type ArchitectureId, architecture, architectures } from '../../sae/architectures';

import { Chart } from '../charts/Chart';
import { comparableRuns, effectiveMetric, METRIC_AXES, paretoModel, paretoWords } from '../charts/paretoModel';
import { useServices } from '../context';
import { count, general, l0 } from '../format';
import { hoverRun, selectRun, useLab, type YMetric } from '../store';
import { Term } from '../Term';
import { Swatch } from './ConfigurePanel';

const METRICS: YMetric[] = ['recovered', 'r2', 'fvu', 'gamma'];

export function ParetoPanel() {
  const { lab } = useServices();
  const all = useLab((s) => s.runs);
  const wanted = useLab((s) => s.yMetric);
  const logX = useLab((s) => s.logX);
  const hidden = useLab((s) => s.hiddenArchitectures);
  const selected = useLab((s) => s.selectedRunId);
  const hovered = useLab((s) => s.hoveredRunId);
  const runs = useMemo(() => comparableRuns(all, selected), [all, selected]);
  const [view, setView] = useState(0);
  const metric = effectiveMetric(runs, wanted);
  const evaluated = runs.filter((r) => r.metrics).length;
  return (
    <section className="pareto" aria-label="Pareto chart">
      <Chart
        id="pareto"
        level={2}
        name="Sparsity against quality"
        fileName="gsae_pareto"
        className="large"
        title={
          <>
            Sparsity against quality <Term id={metric === 'recovered' ? 'recovered' : metric === 'r2' ? 'r2' : metric}>?</Term>
          </>
        }
        run="*"
        period={500}
        priority={1}
        watch={[runs, metric, logX, hidden, selected, hovered, view]}
        build={(palette) =>
          paretoModel({ runs, trail: (id) => lab.metrics.evaluations(id), metric, logX, hidden, selected, hovered, view, palette })
        }
        onPick={selectRun}
        onPoint={hoverRun}
        toolbar={
          <div className="toolbar">
            <Segments
              label="y axis"
              options={METRICS.map((m) => ({
                value: m,
                label: METRIC_AXES[m].short,
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
        sentence={<Sentence runs={runs} metric={metric} evaluated={evaluated} others={all.length - runs.length} />}
      />
      <RunLegend runs={runs} />
    </section>
  );
}

function Sentence({
  runs,
  metric,
  evaluated,
  others,
}: {
  runs: readonly RunSummary[];
  metric: YMetric;
  evaluated: number;
  others: number;
}) {
  const elsewhere =
    others > 0 ? ` ${others} ${others === 1 ? 'run' : 'runs'} of other data not shown: select one in the table to see them.` : '';
  if (evaluated === 0) return <span className="muted">The first points appear at the first evaluation.{elsewhere}</span>;
  const { sentence, detail } = paretoWords(runs, metric);
  return (
    <>
      <strong className="lead" data-testid="pareto-sentence">
        {sentence}
      </strong>{' '}
      <span className="muted">
        {detail}
        {elsewhere}
      </span>
    </>
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

/** Legend and keyboard cursor in one: a chip per run, by L0; arrow keys move, Enter or a click selects. */
function RunLegend({ runs }: { runs: readonly RunSummary[] }) {
  const hidden = useLab((s) => s.hiddenArchitectures);
  const toggle = (arch: ArchitectureId) =>
    useLab.setState({ hiddenArchitectures: hidden.includes(arch) ? hidden.filter((a) => a !== arch) : [...hidden, arch] });
  return (
    <div className="legend">
      {architectures()
        .map(({ id }) => id)
        .map((arch) => {
          const mine = runs.filter((r) => r.arch === arch).sort((a, b) => (a.metrics?.l0 ?? a.lambda) - (b.metrics?.l0 ?? b.lambda));
          if (mine.length === 0) return null;
          return (
            <div key={arch} className="legend-row">
              <button
                type="button"
                className={`legend-arch ${arch}`}
                aria-pressed={!hidden.includes(arch)}
                onClick={() => toggle(arch)}
                title="Show or hide in the chart"
              >
                <Swatch arch={arch} />
                {architecture(arch).title}
                <svg width="22" height="8" aria-hidden="true">
                  <line x1="0" x2="22" y1="4" y2="4" />
                </svg>
              </button>
              <div className="legend-runs" role="toolbar" aria-label={`${architecture(arch).title} runs by L0`} onKeyDown={moveFocus}>
                {mine.map((run, i) => (
                  <LegendRun key={run.id} run={run} label={legendLabel(run, mine)} first={i === 0} />
                ))}
              </div>
            </div>
          );
        })}
    </div>
  );
}

/** λ, and width or seed where they differ too. */
function legendLabel(run: RunSummary, among: readonly RunSummary[]): string {
  const width = among.some((r) => r.dSae !== run.dSae) ? `${count(run.dSae)} ` : '';
  const seed = among.some((r) => r.seed !== run.seed) ? ` s${run.seed}` : '';
  return `${width}λ ${general(run.lambda)}${seed}`;
}

function LegendRun({ run, label: short, first }: { run: RunSummary; label: string; first: boolean }) {
  const selected = useLab((s) => s.selectedRunId === run.id);
  const hovered = useLab((s) => s.hoveredRunId === run.id);
  const done = run.state === 'done' || run.state === 'stopped';
  const label = [architecture(run.arch).title, short, run.metrics ? `L0 ${l0(run.metrics.l0)}` : 'not evaluated yet', run.state].join(', ');
  return (
    <button
      type="button"
      className={`legend-run${hovered ? ' hovered' : ''}`}
      aria-pressed={selected}
      aria-label={label}
      tabIndex={selected || first ? 0 : -1}
      onClick={() => selectRun(run.id)}
      onMouseEnter={() => hoverRun(run.id)}
      onMouseLeave={() => hoverRun(undefined)}
      onFocus={() => hoverRun(run.id)}
      onBlur={() => hoverRun(undefined)}
    >
      <Swatch arch={run.arch} hollow={!done} />
      {short}
    </button>
  );
}

function moveFocus(event: KeyboardEvent<HTMLDivElement>): void {
  const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
  if (by === 0) return;
  const chips = [...event.currentTarget.querySelectorAll('button')];
  const at = chips.indexOf(document.activeElement as HTMLButtonElement);
  chips[(at + by + chips.length) % chips.length]?.focus();
  event.preventDefault();
}
