/** Charts as files: always the light theme, with a title and where the numbers come from. */
import type { ChartModel } from './charts/model';
import { CURSOR } from './charts/paretoModel';
import { loadPlotly, PLOTLY_CONFIG } from './charts/plotly';
import { LIGHT } from './charts/theme';
import { useLab } from './store';

const WIDTH = 900;
const HEIGHT = 560;

export async function saveChart(
  model: ChartModel,
  chart: { name: string; fileName: string; source?: string },
  format: 'png' | 'svg',
): Promise<void> {
  const plotly = await loadPlotly();
  const { shards, model: lm } = useLab.getState().data;
  const hook = lm?.hook && !shards?.label.includes(lm.label) ? `${lm.label} ${lm.hook}` : undefined;
  const source = chart.source ?? [shards?.label, hook, 'Gated SAE Lab'].filter(Boolean).join(' · ');
  const traces = model.traces.filter((t) => t.meta !== CURSOR);
  const layout = {
    ...model.layout,
    paper_bgcolor: LIGHT.background,
    plot_bgcolor: LIGHT.background,
    showlegend: traces.length > 1,
    legend: { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom' },
    margin: { l: 72, r: 28, t: 118, b: 92 },
    title: {
      text: `<b>${chart.name}</b><br><span style="font-size:12px">${model.message}</span>`,
      x: 0.02,
      y: 0.96,
      yanchor: 'top',
      xanchor: 'left',
      font: { size: 17 },
    },
    annotations: [
      {
        text: source,
        xref: 'paper',
        yref: 'paper',
        x: 0,
        y: -0.19,
        xanchor: 'left',
        showarrow: false,
        font: { size: 11, color: LIGHT.muted },
      },
    ],
  };
  const image = { format, width: WIDTH, height: HEIGHT, scale: format === 'png' ? 2 : 1 };
  await plotly.downloadImage({ data: traces, layout, config: PLOTLY_CONFIG }, { ...image, filename: chart.fileName });
}
