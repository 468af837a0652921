/** Legend and keyboard cursor in one: a chip per run, by L0; arrow keys move, Enter or a click selects. */
import type { KeyboardEvent } from 'react';
import type { RunSummary } from '../../lab/protocol';
import { type ArchitectureId, architecture, architectures } from '../../sae/architectures';
import { dashes, line } from '../../util/svg';
import { count, general, l0 } from '../format';
import { MARK_WORDS, type StateMark, stateMark } from '../runState';
import { svgElements } from '../SvgDrawing';
import { Swatch, themeColour } from '../Swatch';
import { hoverRun, selectRun, useLab } from '../store';

export function RunLegend({ runs }: { runs: readonly RunSummary[] }) {
  const hidden = useLab((s) => s.hiddenArchitectures);
  const toggle = (arch: ArchitectureId) =>
    useLab.setState({ hiddenArchitectures: hidden.includes(arch) ? hidden.filter((a) => a !== arch) : [...hidden, arch] });
  return (
    <div className="legend">
      {architectures().map(({ id, title, look }) => {
        const mine = runs.filter((r) => r.arch === id).sort((a, b) => (a.metrics?.l0 ?? a.lambda) - (b.metrics?.l0 ?? b.lambda));
        if (mine.length === 0) return null;
        return (
          <div key={id} className="legend-row">
            <button
              type="button"
              className="legend-arch"
              aria-pressed={!hidden.includes(id)}
              onClick={() => toggle(id)}
              title="Show or hide in the chart"
            >
              <Swatch arch={id} />
              {title}
              <svg width="22" height="8" aria-hidden="true" style={{ color: themeColour(look.colour) }}>
                {svgElements([line(0, 4, 22, 4, { stroke: 'currentColor', 'stroke-width': '2', ...dashes(look.dash) })])}
              </svg>
            </button>
            <div className="legend-runs" role="toolbar" aria-label={`${title} runs by L0`} onKeyDown={moveFocus}>
              {mine.map((run, i) => (
                <LegendRun key={run.id} run={run} label={legendLabel(run, mine)} first={i === 0} />
              ))}
            </div>
          </div>
        );
      })}
      <StateKeys runs={runs} />
    </div>
  );
}

/** What the fillings mean, where there is more than one. */
function StateKeys({ runs }: { runs: readonly RunSummary[] }) {
  const kinds = (Object.keys(MARK_WORDS) as StateMark[]).filter((kind) => runs.some((run) => stateMark(run.state) === kind));
  const arch = runs[0]?.arch;
  if (kinds.length < 2 || !arch) return null;
  return (
    <ul className="state-keys" aria-label="Marks">
      {kinds.map((kind) => (
        <li key={kind}>
          <Swatch arch={arch} kind={kind} />
          {MARK_WORDS[kind]}
        </li>
      ))}
    </ul>
  );
}

/** λ, and width or seed where they differ too. */
function legendLabel(run: RunSummary, among: readonly RunSummary[]): string {
  const width = among.some((r) => r.dSae !== run.dSae) ? `${count(run.dSae)} ` : '';
  const seed = among.some((r) => r.seed !== run.seed) ? ` s${run.seed}` : '';
  return `${width}${architecture(run.arch).knob.symbol} ${general(run.lambda)}${seed}`;
}

function LegendRun({ run, label: short, first }: { run: RunSummary; label: string; first: boolean }) {
  const selected = useLab((s) => s.selectedRunId === run.id);
  const hovered = useLab((s) => s.hoveredRunId === run.id);
  const measured = run.metrics ? `L0 ${l0(run.metrics.l0)}` : 'not evaluated yet';
  return (
    <button
      type="button"
      className={`legend-run${hovered ? ' hovered' : ''}`}
      aria-pressed={selected}
      aria-label={[architecture(run.arch).title, short, measured, run.state].join(', ')}
      tabIndex={selected || first ? 0 : -1}
      onClick={() => selectRun(run.id)}
      onMouseEnter={() => hoverRun(run.id)}
      onMouseLeave={() => hoverRun(undefined)}
      onFocus={() => hoverRun(run.id)}
      onBlur={() => hoverRun(undefined)}
    >
      <Swatch arch={run.arch} kind={stateMark(run.state)} />
      {short}
      {run.state === 'failed' && <span className="bad-word">failed</span>}
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
