/** Puts the page on screen with a client. The only place where its parts are joined. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { loadPlotly } from './charts/plotly';
import type { LabClient } from './client';
import { LabContext } from './context';
import { Lab } from './controller';
import { askBeforeLeaving } from './leaving';
import { restorePreferences } from './preferences';
import { ChartScheduler } from './scheduler';
import { useLab } from './store';
import './styles/base.css';
import './styles/layout.css';
import './styles/start.css';
import './styles/data.css';
import './styles/rows.css';
import './styles/configure.css';
import './styles/cards.css';
import './styles/runs.css';
import './styles/charts.css';
import './styles/forced.css';

/** Long enough for the first screen to be drawn and read. */
const PRELOAD_MS = 2500;

export function mount(root: HTMLElement, client: LabClient): Lab {
  restorePreferences();
  const scheduler = new ChartScheduler();
  const lab = new Lab(client);
  document.addEventListener('visibilitychange', () => {
    scheduler.wake();
    if (!document.hidden) lab.comeBack();
  });
  askBeforeLeaving();
  createRoot(root).render(
    <StrictMode>
      <LabContext value={{ lab, scheduler }}>
        <App />
      </LabContext>
    </StrictMode>,
  );
  void lab.open();
  void lab.recall();
  setTimeout(() => void loadPlotly().catch(() => undefined), PRELOAD_MS);
  useLab.subscribe((s) => {
    const training = s.runs.filter((r) => r.state === 'training');
    const done = training.length > 0 ? training.reduce((sum, r) => sum + r.step / r.steps, 0) / training.length : undefined;
    const title = done === undefined ? 'Gated SAE Lab' : `(${Math.floor(done * 100)}%) Gated SAE Lab`;
    if (document.title !== title) document.title = title;
  });
  if (new URLSearchParams(location.search).get('test') === '1') {
    Object.defineProperty(window, '__lab', { value: Object.freeze({ state: () => structuredClone(useLab.getState()) }) });
  }
  return lab;
}
