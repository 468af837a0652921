/**
 * The page as a person meets it: a journey opens it in a fresh profile, acts by roles and labels, and fails on any console
 * error, CSP violation or request to another origin, whatever else it checks. What the page is called by is in `on`.
 */
import { mkdirSync } from 'node:fs';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser, servePage } from '../../scripts/lib/browser.mjs';
import type { DataState, DeviceInfo, RunSummary, SessionState } from '../../src/lab/protocol';
import { armFields, type SettingKey, settings } from '../../src/lab/settings';
import { architecture } from '../../src/sae/architectures';

/** The part of `window.__lab.state()` that journeys read; the page exposes it with `?test=1`. */
export interface PageState {
  device?: DeviceInfo;
  deviceProblem?: { reason?: string; message: string };
  data: DataState;
  session: SessionState;
  runs: RunSummary[];
}

/** Everything a journey touches, by role and name: the one place to mend when the page's words change. */
export const on = (page: Page) => ({
  heading: page.getByRole('heading', { level: 1 }),
  runDemo: page.getByRole('button', { name: /run the demo/i }),
  dropZone: page.locator('.dropzone'),
  start: page.getByRole('button', { name: /^start\b/i }).first(),
  stop: page.getByRole('group', { name: 'Training' }).getByRole('button', { name: 'Stop', exact: true }),
  saveRun: page.getByRole('button', { name: 'Save SAE' }),
  allFields: page.getByText(/^all fields/i).first(),
  runsTable: page.getByRole('region', { name: 'Run table' }).getByRole('table'),
  field: (key: FieldKey) => page.getByRole('textbox', { name: new RegExp(`^${literal(labelOf(key))}`, 'i') }).first(),
  /** Plotly's y title of the Pareto chart, and its marks. */
  yTitle: page.locator('.ytitle').first(),
  points: page.locator('.scatterlayer .trace .point'),
});

const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A shared setting, or widths or λ of the first arm of an architecture. */
export type FieldKey = SettingKey | `widths.${string}` | `lambdas.${string}`;

function labelOf(key: FieldKey): string {
  const [place, arch] = key.split('.');
  if (arch === undefined) return settings().find((setting) => setting.key === key)?.label ?? key;
  const field = armFields(arch).find((candidate) => candidate.place === (place === 'widths' ? 'widths' : 'knob'));
  return `${architecture(arch).title} ${field?.label}`;
}

export interface JourneyOptions {
  /** Address after the page's own; `?test=1` unless given. */
  path?: string;
  /** Takes `navigator.gpu` away from the page and its workers, as in a browser that has none. */
  hideWebGpu?: boolean;
  context?: BrowserContextOptions;
  /** Chromium's flags instead of the one that offers a software GPU. */
  flags?: string[];
}

export interface Journey {
  page: Page;
  address: string;
  state(): Promise<PageState>;
  /** Waits until the page's state is as asked; fails with what it was when nothing of it has changed for STALL_MS. */
  until(what: string, isSo: (state: PageState) => boolean): Promise<PageState>;
}

/** A page of which nothing has changed for so long has stopped. A busy machine may take its time: no journey waits for a time, only for a state. */
const STALL_MS = 180_000;

let browser: Browser;
let site: Awaited<ReturnType<typeof servePage>>;

/** Call once at the top of each file. */
export function withBrowser(): void {
  beforeAll(async () => {
    [browser, site] = await Promise.all([launchBrowser(), servePage()]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });
}

/** Defines a test in a fresh profile. On failure a picture is left in .cache/e2e. */
export function journey(name: string, options: JourneyOptions, act: (lab: Journey) => Promise<void>): void {
  test(name, async () => {
    const own = options.flags ? await launchBrowser(options.flags) : undefined;
    const context = await (own ?? browser).newContext({
      viewport: { width: 1440, height: 900 },
      acceptDownloads: true,
      ...options.context,
    });
    try {
      const faults: string[] = [];
      // Workers' requests and messages reach the context too.
      context.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(site.address) && !/^(data|blob|about):/.test(url)) faults.push(`request to another origin: ${url}`);
      });
      context.on('console', (message) => {
        if (message.type() === 'error') faults.push(`console error: ${message.text()}`);
      });
      context.on('weberror', (error) => {
        faults.push(`uncaught: ${error.error().message}`);
      });
      const page = await context.newPage();
      page.setDefaultTimeout(STALL_MS);
      await page.exposeFunction('reportFault', (fault: string) => void faults.push(fault));
      await page.addInitScript(watchPage);
      if (options.hideWebGpu) await hideWebGpu(context);
      await page.goto(site.address + (options.path ?? '?test=1'));
      try {
        await act(openJourney(page, faults));
        await settle(page);
      } catch (error) {
        mkdirSync('.cache/e2e', { recursive: true });
        await page.screenshot({ path: `.cache/e2e/${name.replace(/\W+/g, '-')}.png`, fullPage: true }).catch(() => undefined);
        if (error instanceof Error && faults.length > 0) error.message += `\nThe page also had:\n${faults.join('\n')}`;
        throw error;
      }
      expect(faults).toEqual([]);
    } finally {
      // A script that is still on its way through `hideWebGpu` would find its response gone.
      await context.unrouteAll({ behavior: 'wait' });
      await context.close();
      await own?.close();
    }
  });
}

/** Runs in the page: CSP violations to the test, folder pickers hidden so that saving downloads. */
function watchPage(): void {
  const w = window as unknown as { reportFault(fault: string): void; [picker: string]: unknown };
  document.addEventListener('securitypolicyviolation', (event) => {
    w.reportFault(`CSP: ${event.violatedDirective} refused ${event.blockedURI}`);
  });
  for (const picker of ['showDirectoryPicker', 'showSaveFilePicker']) w[picker] = undefined;
}

/** Prepends to every script, since init scripts do not reach workers. */
async function hideWebGpu(context: BrowserContext): Promise<void> {
  const hide = "Object.defineProperty(Object.getPrototypeOf(navigator), 'gpu', { get: () => undefined, configurable: true });\n";
  await context.route('**/*.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: hide + (await response.text()) });
  });
}

function openJourney(page: Page, faults: string[]): Journey {
  const state = () =>
    page.evaluate(() => {
      const lab = (window as unknown as { __lab?: { state(): PageState } }).__lab;
      if (!lab) throw new Error('window.__lab is missing: the page exposes it with ?test=1');
      const { device, deviceProblem, data, session, runs } = lab.state();
      return { device, deviceProblem, data, session, runs };
    });
  const until: Journey['until'] = async (what, isSo) => {
    let last = '';
    let changed = performance.now();
    for (;;) {
      const now = await state();
      const seen = JSON.stringify(now);
      if (seen !== last) [last, changed] = [seen, performance.now()];
      if (isSo(now)) return now;
      if (faults.length > 0) throw new Error(`waiting for ${what}: ${faults.join('\n')}`);
      if (now.session.phase === 'failed') throw new Error(`waiting for ${what}: the session failed: ${now.session.note}`);
      if (performance.now() - changed > STALL_MS)
        throw new Error(`no ${what}, and nothing has changed for ${STALL_MS / 1000} s; the page was: ${summary(now)}`);
      await page.waitForTimeout(250);
    }
  };
  return { page, address: site.address, state, until };
}

const summary = ({ session, runs, deviceProblem }: PageState) =>
  JSON.stringify({
    phase: session.phase,
    note: session.note,
    deviceProblem,
    runs: runs.map((r) => `${r.name} ${r.state} step ${r.step} evaluated ${r.evaluatedAt ?? '-'} ${r.message ?? ''}`.trim()),
  });

/** Waits until what was said to the page has been drawn. */
export async function settle(page: Page): Promise<void> {
  await page.evaluate(() => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))));
}

/** A value that has come to rest: read again and again until it was the same three times in a row. */
export async function steady<T>(page: Page, read: () => Promise<T>): Promise<T> {
  let value = await read();
  for (let same = 0; same < 2; ) {
    await page.waitForTimeout(500);
    const next = await read();
    same = JSON.stringify(next) === JSON.stringify(value) ? same + 1 : 0;
    value = next;
  }
  return value;
}

/** A real drop of files or folders by path, as the operating system does it. */
export async function dropFiles(page: Page, paths: string[]): Promise<void> {
  const box = await on(page).dropZone.boundingBox();
  if (!box) throw new Error('the drop zone is not on the screen');
  const cdp = await page.context().newCDPSession(page);
  const where = { x: box.x + box.width / 2, y: box.y + box.height / 2, data: { items: [], files: paths, dragOperationsMask: 1 } };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) await cdp.send('Input.dispatchDragEvent', { type, ...where });
  await cdp.detach();
}

/** Two small runs, one of each kind, evaluated often. */
export const SMALL = {
  'widths.baseline': '48',
  'widths.gated': '32',
  'lambdas.baseline': '0.1',
  'lambdas.gated': '0.2',
  batch: '64',
  evalEvery: '1',
} as const satisfies Partial<Record<FieldKey, string>>;

/** Types settings into the form, opening "All fields" when one of them is there. */
export async function configure(page: Page, values: Partial<Record<FieldKey, string>>): Promise<void> {
  const keys = Object.keys(values) as FieldKey[];
  const isAdvanced = keys.some((key) => settings().find((setting) => setting.key === key)?.level === 'all');
  if (isAdvanced && !(await on(page).field('evalEvery').isVisible())) await on(page).allFields.click();
  for (const key of keys)
    await on(page)
      .field(key)
      .fill(values[key] ?? '');
  await settle(page);
}

/** One task of the page's thread: milliseconds by the clock, and of processor time. */
export interface Task {
  wall: number;
  cpu: number;
}

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
  args: { name?: string };
}

/**
 * Every task of the page's main thread while `work` is under way. Processor time is what the page can answer for: on a machine
 * without a GPU the software rasteriser takes every core, and the clock counts the time spent waiting for one.
 */
export async function traceTasks(page: Page, work: () => Promise<unknown>): Promise<Task[]> {
  const owner = page.context().browser();
  if (!owner) throw new Error('the page has no browser');
  await owner.startTracing(page, { categories: ['disabled-by-default-devtools.timeline'] });
  await work();
  const { traceEvents } = JSON.parse((await owner.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const threads = traceEvents.filter((e) => e.name === 'thread_name' && e.args.name === 'CrRendererMain');
  return traceEvents
    .filter((e) => e.name === 'RunTask' && threads.some((t) => t.pid === e.pid && t.tid === e.tid))
    .map((e) => ({ wall: (e.dur ?? 0) / 1000, cpu: (e.tdur ?? 0) / 1000 }));
}
