/** Plotly, loaded once and only when a chart is near: 1.2 MB that the first screen does not wait for. */
import type PlotlyModule from 'plotly.js-basic-dist-min';

export type Plotly = typeof PlotlyModule;

let loading: Promise<Plotly> | undefined;
let loaded: Plotly | undefined;

export function loadPlotly(): Promise<Plotly> {
  loading ??= import('plotly.js-basic-dist-min').then(
    (module) => {
      loaded = module.default;
      return loaded;
    },
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

export const plotlyNow = (): Plotly | undefined => loaded;

/** No logo, no bar (Reset zoom is our button) and above all no "Share chart", which would send the figure to another site. */
export const PLOTLY_CONFIG = {
  displaylogo: false,
  showSendToCloud: false,
  displayModeBar: false,
  responsive: true,
  doubleClick: false,
} as const;
