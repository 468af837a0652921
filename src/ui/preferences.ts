/** The few things remembered between visits, and the settings kept in the link. Storage may be forbidden; that is fine. */
import { settingsFromParams, settingsToParams } from '../lab/settings';
import { DEMO_HOOKS, type Theme, useLab, type View } from './store';

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

const paramsOf = () => new URLSearchParams(location.hash.slice(1));
const viewOf = (params: URLSearchParams): View => (params.has('benchmark') ? 'benchmark' : 'lab');

/** `?preset=field` is a link too: it becomes the hash, where what is changed later is written. */
function presetIntoHash(): void {
  const query = new URLSearchParams(location.search);
  const preset = query.get('preset');
  if (preset === null) return;
  query.delete('preset');
  const hash = location.hash.length > 1 ? location.hash : `#${new URLSearchParams({ preset })}`;
  history.replaceState(null, '', `${location.pathname}${query.size > 0 ? `?${query}` : ''}${hash}`);
}

export function restorePreferences(): void {
  presetIntoHash();
  const params = paramsOf();
  const hook = params.get('hook');
  useLab.setState({
    ...read(),
    view: viewOf(params),
    form: settingsFromParams(params),
    ...(DEMO_HOOKS.some((h) => h === hook) ? { demoHook: hook as string } : {}),
  });
  applyTheme(useLab.getState().theme);
  useLab.subscribe((s, before) => {
    if (s.theme !== before.theme || s.cardsClosed !== before.cardsClosed) write({ theme: s.theme, cardsClosed: s.cardsClosed });
    if (s.theme !== before.theme) applyTheme(s.theme);
    const isElsewhere = s.view !== viewOf(paramsOf());
    if (s.form !== before.form || s.demoHook !== before.demoHook || isElsewhere) {
      const next = settingsToParams(s.form);
      if (s.demoHook !== DEMO_HOOKS[0]) next.set('hook', s.demoHook);
      const text = [s.view === 'lab' ? '' : s.view, next.toString()].filter(Boolean).join('&');
      const address = text ? `#${text}` : location.pathname + location.search;
      // Views are pages of their own to the back button; settings are not.
      if (isElsewhere) history.pushState(null, '', address);
      else history.replaceState(null, '', address);
    }
  });
  addEventListener('popstate', () => useLab.setState({ view: viewOf(paramsOf()) }));
}

function applyTheme(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
