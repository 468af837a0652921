/**
 * One chart: figure, heading, a sentence, Plotly, and the same data as a table.
 *
 * `build` runs inside the scheduler, never in render: it always sees the latest data and is skipped while off screen.
 */

import type { Layout, PlotElement } from 'plotly.js-basic-dist-min';
import { type ReactNode, type RefObject, useCallback, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { useServices } from '../context';
import { saveChart } from '../exportChart';
import { useDark } from '../hooks';
import type { ChartScheduler } from '../scheduler';
import { useWindow } from '../useWindow';
import type { ChartModel } from './model';
import { loadPlotly, PLOTLY_CONFIG, plotlyNow } from './plotly';
import { DARK, LIGHT, type Palette } from './theme';

export interface ChartProps {
  id: string;
  title: ReactNode;
  /** Heading level; 3 unless told. */
  level?: 2 | 3;
  /** Title in exports and for screen readers. */
  name: string;
  build: (palette: Palette) => ChartModel;
  /** Redraw at once when one of these changes; `run` redraws at the chart's own pace when that run has new data (`*`: any). */
  watch: readonly unknown[];
  run: string;
  /** Shortest time between live redraws, ms. */
  period: number;
  priority?: number;
  className?: string;
  toolbar?: ReactNode;
  /** Replaces the sentence under the chart. */
  sentence?: ReactNode;
  /** File name of exports, without extension. */
  fileName: string;
  /** Where the numbers come from, under an exported chart; the lab's data unless told. */
  source?: string;
  onPick?: (customdata: string) => void;
  onPoint?: (customdata: string | undefined) => void;
}

export function Chart(props: ChartProps) {
  const { id, run, period, priority } = props;
  const { lab, scheduler } = useServices();
  const figure = useRef<HTMLElement>(null);
  const plot = useRef<HTMLDivElement>(null);
  const onScreen = useRef(true);
  const latest = useRef(props);
  const dark = useDark();
  const palette = useRef<Palette>(LIGHT);
  const [model, setModel] = useState<ChartModel>();
  const [failure, setFailure] = useState<unknown>();
  const [showTable, setShowTable] = useState(false);
  const table = useRef(false);
  const zoom = useRef<Zoom>(undefined);
  const captionId = useId();

  useLayoutEffect(() => {
    latest.current = props;
    palette.current = dark ? DARK : LIGHT;
    table.current = showTable;
  });

  const draw = useCallback(() => {
    try {
      const next = latest.current.build(palette.current);
      // The sentence and the open table follow; React is left alone when neither changed.
      setModel((before) => (before && sameWords(before, next) && !table.current ? before : next));
      const plotly = plotlyNow();
      const element = plot.current;
      if (!plotly || !element || table.current) return;
      const fresh = !element.classList.contains('js-plotly-plot');
      void plotly.react(element, next.traces, zoomed(next.layout, zoom.current), PLOTLY_CONFIG).then((drawn) => {
        if (fresh) listen(drawn, latest, zoom, scheduler, id);
      });
    } catch (error) {
      setFailure(error);
    }
  }, [id, scheduler]);

  useEffect(() => {
    const unregister = scheduler.register(id, { minPeriod: period, priority, draw, visible: () => onScreen.current });
    const unsubscribe = lab.metrics.subscribe((changed) => {
      if (run === '*' || changed === run) scheduler.dirty(id);
    });
    loadPlotly().then(() => scheduler.dirty(id, true), setFailure);
    return () => {
      unregister();
      unsubscribe();
    };
  }, [id, run, period, priority, draw, lab, scheduler]);

  useEffect(() => {
    const element = plot.current as HTMLDivElement;
    // The whole figure: while the table stands in the plot's place, the plot itself is nowhere on screen.
    const whole = figure.current as HTMLElement;
    const seen = new IntersectionObserver(([entry]) => {
      onScreen.current = entry?.isIntersecting ?? true;
      if (onScreen.current) scheduler.wake();
    });
    let frame = 0;
    const sized = new ResizeObserver(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        if (element.classList.contains('js-plotly-plot') && element.offsetWidth > 0) void plotlyNow()?.Plots.resize(element);
      });
    });
    seen.observe(whole);
    sized.observe(element);
    return () => {
      seen.disconnect();
      sized.disconnect();
      cancelAnimationFrame(frame);
      plotlyNow()?.purge(element);
    };
  }, [scheduler]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `watch` is the caller's list of what to redraw for.
  useEffect(() => scheduler.dirty(id, true), [id, scheduler, dark, showTable, ...props.watch]);

  if (failure !== undefined) throw failure;

  const Heading = props.level === 2 ? 'h2' : 'h3';
  const save = (format: 'png' | 'svg') => void saveChart(latest.current.build(LIGHT), latest.current, format).catch(setFailure);
  const actions = (
    <span className="chart-actions">
      <button type="button" className="link" aria-pressed={showTable} onClick={() => setShowTable(!showTable)}>
        {showTable ? 'Show chart' : 'Show data'}
      </button>
      <button type="button" className="link" onClick={() => save('png')} aria-label={`Save ${props.name} as PNG`}>
        PNG
      </button>
      <button type="button" className="link" onClick={() => save('svg')} aria-label={`Save ${props.name} as SVG`}>
        SVG
      </button>
    </span>
  );
  return (
    <figure ref={figure} className={`chart ${props.className ?? ''}`} aria-labelledby={captionId}>
      <div className="chart-head">
        <Heading id={captionId}>{props.title}</Heading>
        {props.toolbar}
        {props.className !== 'large' && actions}
        {model?.legend && !showTable && <Keys legend={model.legend} />}
      </div>
      <div ref={plot} className="plot" role="img" aria-label={`${props.name}. ${model?.message ?? ''}`} hidden={showTable} />
      {showTable && model && <DataTable model={model} name={props.name} />}
      <figcaption>
        <span className="message">{props.sentence ?? model?.message ?? ' '}</span>
        {props.className === 'large' && actions}
      </figcaption>
    </figure>
  );
}

const sameWords = (a: ChartModel, b: ChartModel) => a.message === b.message && JSON.stringify(a.legend) === JSON.stringify(b.legend);

/** What the person zoomed to, and the revision of the view it belongs to. */
type Zoom = { revision: unknown; ranges: Record<string, unknown> } | undefined;

/** The person's zoom wins over the data's range until it is reset or the axes change their meaning. */
function zoomed(layout: Layout, zoom: Zoom): Layout {
  if (!zoom || zoom.revision !== layout.uirevision) return layout;
  const axes = Object.entries(zoom.ranges).map(([name, range]) => [name, { ...(layout[name] as object), autorange: false, range }]);
  return { ...layout, ...Object.fromEntries(axes) };
}

function listen(element: PlotElement, latest: RefObject<ChartProps>, zoom: RefObject<Zoom>, scheduler: ChartScheduler, id: string): void {
  const idOf = (event: { points: { customdata?: unknown }[] }) => {
    const data = event.points[0]?.customdata;
    return typeof data === 'string' ? data : undefined;
  };
  element.on('plotly_click', (event) => {
    const picked = idOf(event);
    // The mark's new ring shows at once, pointer or not.
    scheduler.release(id);
    if (picked !== undefined) latest.current.onPick?.(picked);
  });
  element.on('plotly_hover', (event) => {
    scheduler.hold(id);
    latest.current.onPoint?.(idOf(event));
  });
  element.on('plotly_unhover', () => {
    scheduler.release(id);
    latest.current.onPoint?.(undefined);
  });
  element.on('plotly_relayout', (changes) => {
    const ranges = Object.fromEntries(
      ['xaxis', 'yaxis']
        .filter((name) => `${name}.range[0]` in changes)
        .map((name) => [name, [changes[`${name}.range[0]`], changes[`${name}.range[1]`]]]),
    );
    if (Object.keys(ranges).length === 0) return;
    const revision = element.layout.uirevision;
    zoom.current = { revision, ranges: { ...(zoom.current?.revision === revision ? zoom.current?.ranges : {}), ...ranges } };
  });
  element.on('plotly_doubleclick', () => {
    zoom.current = undefined;
    scheduler.release(id);
    scheduler.dirty(id, true);
  });
  // A drag in progress is not redrawn under the pointer either.
  element.addEventListener('pointerdown', () => scheduler.hold(id));
  element.addEventListener('pointerup', () => scheduler.release(id));
}

function Keys({ legend }: { legend: NonNullable<ChartModel['legend']> }) {
  return (
    <ul className="keys" aria-label="Lines">
      {legend.map(({ name, color, dash }) => (
        <li key={name}>
          <svg width="18" height="6" aria-hidden="true">
            <line
              x1="0"
              x2="18"
              y1="3"
              y2="3"
              stroke={color}
              strokeWidth="2"
              strokeDasharray={dash === 'dash' ? '5 3' : dash === 'dot' ? '2 2' : undefined}
            />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

/** Height of a row, as charts.css has it. */
const ROW_PX = 22;

function DataTable({ model, name }: { model: ChartModel; name: string }) {
  const { rows } = model.table;
  const { from, to, scroller, onScroll } = useWindow<HTMLElement>(rows.length, ROW_PX);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
    <section ref={scroller} className="data-table" tabIndex={0} aria-label={`Data of ${name}`} onScroll={onScroll}>
      <table aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            {model.table.columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {from > 0 && <tr className="unseen" style={{ height: from * ROW_PX }} />}
          {rows.slice(from, to).map((row, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no names but their places.
            <tr key={from + at} aria-rowindex={from + at + 2}>
              {row.map((cell, i) => (
                <td key={model.table.columns[i]}>{cell}</td>
              ))}
            </tr>
          ))}
          {to < rows.length && <tr className="unseen" style={{ height: (rows.length - to) * ROW_PX }} />}
        </tbody>
      </table>
    </section>
  );
}
