/** Legend and keyboard cursor in one: a chip per run, by L0; arrow keys move, Enter or a click selects. */
import type { CSSProperties, KeyboardEvent } from 'react';
import type { RunSummary } from '../../lab/protocol';
import { tellingWords } from '../../lab/settings';
import { armNames, listedArms } from '../../metrics/arms';
import { architecture } from '../../sae/architectures';
import { dashes, line } from '../../util/svg';
import { count, general, l0 } from '../format';
import { useLooks } from '../looks';
import { MARK_WORDS, type StateMark, stateMark } from '../runState';
import { svgElements } from '../SvgDrawing';
import { RunSwatch, Swatch, themeColour } from '../Swatch';
import { hoverRun, selectRun, useLab } from '../store';

export function RunLegend({ runs }: { runs: readonly RunSummary[] }) {
  const hidden = useLab((s) => s.hiddenArms);
  const { of: looks } = useLooks();
  const arms = listedArms(runs);
  const names = armNames(arms);
  const toggle = (key: string) =>
    useLab.setState({ hiddenArms: hidden.includes(key) ? hidden.filter((one) => one !== key) : [...hidden, key] });
  const longest = Math.max(0, ...[...names.values()].map((name) => name.length));
  return (
    <div className="legend" style={{ '--name': `${longest}ch` } as CSSProperties}>
      {arms.map(({ key }) => {
        const look = looks.get(key);
        const name = names.get(key) as string;
        const mine = runs.filter((r) => r.arm.key === key).sort((a, b) => (a.metrics?.l0 ?? a.lambda) - (b.metrics?.l0 ?? b.lambda));
        if (!look) return null;
        return (
          <div key={key} className="legend-row">
            <button
              type="button"
              className="legend-arch"
              aria-pressed={!hidden.includes(key)}
              onClick={() => toggle(key)}
              title={`${name}: show or hide in the chart`}
            >
              <Swatch look={look} />
              <span className="arm-name">{name}</span>
              <svg width="22" height="8" aria-hidden="true" style={{ color: themeColour(look.colour) }}>
                {svgElements([line(0, 4, 22, 4, { stroke: 'currentColor', 'stroke-width': '2', ...dashes(look.dash) })])}
              </svg>
            </button>
            <div className="legend-runs" role="toolbar" aria-label={`${name} runs by L0`} onKeyDown={moveFocus}>
              {mine.map((run, i) => (
                <LegendRun key={run.id} run={run} arm={name} label={legendLabel(run, mine)} first={i === 0} />
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
  const { of: looks } = useLooks();
  const look = looks.get(runs[0]?.arm.key ?? '');
  if (kinds.length < 2 || !look) return null;
  return (
    <ul className="state-keys" aria-label="Marks">
      {kinds.map((kind) => (
        <li key={kind}>
          <Swatch look={look} kind={kind} />
          {MARK_WORDS[kind]}
        </li>
      ))}
    </ul>
  );
}

/** The knob, and what differs too: width, seed, what its arm tries several of. */
function legendLabel(run: RunSummary, among: readonly RunSummary[]): string {
  const width = among.some((r) => r.dSae !== run.dSae) ? `${count(run.dSae)} ` : '';
  const seed = among.some((r) => r.seed !== run.seed) ? ` s${run.seed}` : '';
  const tried = tellingWords({ config: run.recipe.config, arm: run.arm }).map((words) => ` ${words}`);
  return `${width}${architecture(run.arch).knob.symbol} ${general(run.lambda)}${seed}${tried.join('')}`;
}

function LegendRun({ run, arm, label: short, first }: { run: RunSummary; arm: string; label: string; first: boolean }) {
  const selected = useLab((s) => s.selectedRunId === run.id);
  const hovered = useLab((s) => s.hoveredRunId === run.id);
  const measured = run.metrics ? `L0 ${l0(run.metrics.l0)}` : 'not evaluated yet';
  return (
    <button
      type="button"
      className={`legend-run${hovered ? ' hovered' : ''}`}
      aria-pressed={selected}
      aria-label={[arm, short, measured, run.state].join(', ')}
      tabIndex={selected || first ? 0 : -1}
      onClick={() => selectRun(run.id)}
      onMouseEnter={() => hoverRun(run.id)}
      onMouseLeave={() => hoverRun(undefined)}
      onFocus={() => hoverRun(run.id)}
      onBlur={() => hoverRun(undefined)}
    >
      <RunSwatch run={run} />
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
