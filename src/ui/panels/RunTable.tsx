import { type KeyboardEvent, useMemo } from 'react';
import type { RunSummary } from '../../lab/protocol';
import { useServices } from '../context';
import { saveResults } from '../exportResults';
import { GLOSSARY } from '../glossary';
import { useMoreToTheRight } from '../hooks';
import { useRowWord } from '../rowWord';
import { type RunColumn, runColumns, sortRuns } from '../runColumns';
import { RunSwatch } from '../Swatch';
import { hoverRun, isOpen, selectRun, useLab } from '../store';

export function RunTable() {
  const runs = useLab((s) => s.runs);
  const sort = useLab((s) => s.sort);
  const word = useRowWord();
  const columns = useMemo(() => runColumns(runs, word), [runs, word]);
  const column = columns.find((c) => c.key === sort.column) ?? (columns[0] as RunColumn);
  const [scrolling, more] = useMoreToTheRight<HTMLElement>();
  const sorted = useMemo(() => sortRuns(runs, column, sort.descending), [runs, column, sort.descending]);
  return (
    <section className="runs" aria-labelledby="runs-heading" id="runs">
      <div className="section-head">
        <h2 id="runs-heading">Runs</h2>
        {more && (
          <button type="button" className="link more-columns" onClick={() => scrolling.current && scrollOn(scrolling.current)}>
            More columns →
          </button>
        )}
        <span className="chart-actions">
          <button type="button" className="link" onClick={() => saveResults('csv')}>
            Results CSV
          </button>
          <button type="button" className="link" onClick={() => saveResults('json')}>
            Results JSON
          </button>
        </span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard. */}
      <section ref={scrolling} className={`table-scroll${more ? ' more' : ''}`} tabIndex={0} aria-label="Run table">
        <table className="run-table">
          <thead>
            <tr>
              {columns.map((c) => (
                <HeaderCell key={c.key} column={c} sorted={c.key === column.key} descending={sort.descending} />
              ))}
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody onKeyDown={moveRow}>
            {sorted.map((run) => (
              <Row key={run.id} run={run} columns={columns} />
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

/** Most of a screenful to the right. */
function scrollOn(element: HTMLElement): void {
  const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
  element.scrollBy({ left: 0.7 * element.clientWidth, behavior });
}

function HeaderCell({ column, sorted, descending }: { column: RunColumn; sorted: boolean; descending: boolean }) {
  const definition = column.term && GLOSSARY[column.term].text;
  const press = () => useLab.setState({ sort: { column: column.key, descending: sorted ? !descending : false } });
  return (
    <th scope="col" aria-sort={sorted ? (descending ? 'descending' : 'ascending') : undefined} className={column.key}>
      <button type="button" onClick={press} title={definition ? `${definition} Press to sort.` : 'Press to sort.'}>
        {column.title}
        <span className="arrow" aria-hidden="true">
          {sorted ? (descending ? '↓' : '↑') : ''}
        </span>
        {column.unit && <small>{column.unit}</small>}
      </button>
    </th>
  );
}

function Row({ run, columns }: { run: RunSummary; columns: readonly RunColumn[] }) {
  const selected = useLab((s) => s.selectedRunId === run.id);
  const hovered = useLab((s) => s.hoveredRunId === run.id);
  return (
    <>
      <tr
        className={`${selected ? 'selected' : ''}${hovered ? ' hovered' : ''}`}
        aria-selected={selected}
        onClick={() => selectRun(run.id)}
        onMouseEnter={() => hoverRun(run.id)}
        onMouseLeave={() => hoverRun(undefined)}
        data-run={run.id}
      >
        {columns.map((c) => (
          <Cell key={c.key} run={run} column={c} />
        ))}
        <td className="actions">
          <RowAction run={run} />
        </td>
      </tr>
      {run.message && (
        <tr className="row-message">
          <td colSpan={columns.length + 1}>
            <span className="sticky-text">
              {run.state}: {run.message}
            </span>
          </td>
        </tr>
      )}
    </>
  );
}

function Cell({ run, column }: { run: RunSummary; column: RunColumn }) {
  if (column.key === 'name') {
    return (
      <th scope="row" className="name" title={column.explain?.(run)}>
        <button type="button" onClick={() => selectRun(run.id)} onFocus={() => hoverRun(run.id)} onBlur={() => hoverRun(undefined)}>
          <RunSwatch run={run} />
          {run.name}
        </button>
      </th>
    );
  }
  if (column.key === 'state') {
    return (
      <td className={`state ${run.state}`}>
        <span>{run.state}</span>
        {(run.state === 'training' || run.state === 'paused') && (
          <span className="bar" style={{ '--done': run.step / run.steps } as React.CSSProperties} />
        )}
      </td>
    );
  }
  return (
    <td className={column.key} title={column.explain?.(run)}>
      {column.show(run)}
    </td>
  );
}

function RowAction({ run }: { run: RunSummary }) {
  const { lab } = useServices();
  const live = isOpen(run);
  return (
    <button
      type="button"
      className="quiet"
      aria-label={`${live ? 'Stop' : 'Remove'} ${run.name}`}
      title={live ? 'Stop this run and keep its results' : 'Remove this run and its results; it can be taken back for a while'}
      onClick={(event) => {
        event.stopPropagation();
        if (live) lab.do({ type: 'stop-run', run: run.id });
        else lab.removeRun(run);
      }}
    >
      {live ? 'Stop' : 'Remove'}
    </button>
  );
}

/** Up and down move between the runs' name buttons. */
function moveRow(event: KeyboardEvent<HTMLTableSectionElement>): void {
  const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (by === 0) return;
  const names = [...event.currentTarget.querySelectorAll<HTMLButtonElement>('th.name button')];
  const at = names.indexOf(document.activeElement as HTMLButtonElement);
  if (at < 0) return;
  const next = names[Math.min(names.length - 1, Math.max(0, at + by))];
  next?.focus();
  const run = next?.closest('tr')?.dataset.run;
  if (run) selectRun(run);
  event.preventDefault();
}
