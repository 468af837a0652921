/** The few things remembered between visits, and the settings kept in the link. Storage may be forbidden; that is fine. */
import { settingsFromParams, settingsToParams } from '../lab/settings';
import { DEMO_HOOKS, type Theme, useLab } from './store';

const KEY = 'gated-sae-lab.view';

interface Remembered {
  theme: Theme;
  cardsClosed: boolean;
}

function read(): Partial<Remembered> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    if (typeof value !== 'object' || value === null) return {};
    const { theme, cardsClosed } = value as Record<string, unknown>;
    return {
      theme: theme === 'light' || theme === 'dark' ? theme : 'auto',
      cardsClosed: cardsClosed === true,
    };
  } catch {
    return {};
  }
}

function write(value: Remembered): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(value));
  } catch {
    // Private windows and full disks: the page works without.
  }
}

export function restorePreferences(): void {
  const params = new URLSearchParams(location.hash.slice(1));
  const hook = params.get('hook');
  useLab.setState({
    ...read(),
    form: settingsFromParams(params),
    ...(DEMO_HOOKS.some((h) => h === hook) ? { demoHook: hook as string } : {}),
  });
  applyTheme(useLab.getState().theme);
  useLab.subscribe((s, before) => {
    if (s.theme !== before.theme || s.cardsClosed !== before.cardsClosed) write({ theme: s.theme, cardsClosed: s.cardsClosed });
    if (s.theme !== before.theme) applyTheme(s.theme);
    if (s.form !== before.form || s.demoHook !== before.demoHook) {
      const next = settingsToParams(s.form);
      if (s.demoHook !== DEMO_HOOKS[0]) next.set('hook', s.demoHook);
      const text = next.toString();
      history.replaceState(null, '', text ? `#${text}` : location.pathname + location.search);
    }
  });
}

function applyTheme(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
