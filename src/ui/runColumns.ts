/** Columns of the run table: title, definition, what is shown and what is sorted by. Also the columns of the CSV. */

import type { RunSummary } from '../lab/protocol';
import { scaleWords } from '../lab/settings';
import { architecture } from '../sae/architectures';
import { count, fraction, general, l0, nats, percent, short } from './format';
import type { TermId } from './glossary';

export interface RunColumn {
  key: string;
  title: string;
  /** Second header line: unit or condition. */
  unit?: string;
  term?: TermId;
  value: (run: RunSummary) => number | string | undefined;
  show: (run: RunSummary) => string;
  /** Longer words for the cell's tooltip. */
  explain?: (run: RunSummary) => string | undefined;
}

type Measured = NonNullable<RunSummary['metrics']>;

function metric(
  key: string,
  title: string,
  term: TermId,
  of: (m: Measured) => number | undefined,
  format: (n: number) => string,
  unit?: string,
): RunColumn {
  const value = (run: RunSummary) => run.metrics && of(run.metrics);
  return {
    key,
    title,
    unit,
    term,
    value,
    show: (run) => {
      const n = value(run);
      return n === undefined ? '–' : format(n);
    },
  };
}

const STATE_ORDER: RunSummary['state'][] = ['training', 'paused', 'queued', 'done', 'stopped', 'interrupted', 'failed'];

const symbolOf = ({ arch }: RunSummary): string => architecture(arch).knob.symbol;

/** A value of the knob as a text that sorts by size. */
const knobOrder = ({ lambda }: RunSummary): string => (Math.log10(lambda) + 20).toFixed(6).padStart(10, '0');

/** Architecture, width, knob and seed as one text that sorts by each in turn. */
function identity(run: RunSummary): string {
  return [run.arch, String(run.dSae).padStart(9, '0'), knobOrder(run), String(run.seed).padStart(10, '0')].join(' ');
}

/** Under the knob's own symbol; where runs have different knobs, each value says whose it is, and one knob is sorted after the other. */
function knobColumn(runs: readonly RunSummary[]): RunColumn {
  const symbols = [...new Set(runs.map(symbolOf))];
  return {
    key: 'knob',
    title: symbols.join(' / '),
    term: 'lambda',
    value: (run) => `${symbolOf(run)} ${knobOrder(run)}`,
    show: (run) => (symbols.length > 1 ? `${symbolOf(run)} ${general(run.lambda)}` : general(run.lambda)),
    explain: (run) => `${architecture(run.arch).title}: ${architecture(run.arch).knob.help}`,
  };
}

// Width and knob are part of the name.
const COMMON: RunColumn[] = [
  {
    key: 'name',
    title: 'Run',
    value: identity,
    show: (r) => r.name,
    explain: (r) => `${architecture(r.arch).title}, ${r.dIn} → ${r.dSae}, ${symbolOf(r)} ${general(r.lambda)}, seed ${r.seed}`,
  },
  { key: 'state', title: 'State', value: (r) => STATE_ORDER.indexOf(r.state), show: (r) => r.state },
  {
    key: 'step',
    title: 'Step',
    term: 'step',
    value: (r) => r.step,
    show: (r) => count(r.step),
    explain: (r) => `${count(r.step)} of ${count(r.steps)} steps`,
  },
  metric('l0', 'L0', 'l0', (m) => m.l0, l0),
];

const LOSS = metric('recovered', 'Recovered', 'recovered', (m) => m.loss_recovered, fraction, 'loss, zero abl.');
/** A ratio that means nothing is marked, with the reason. */
const RECOVERED: RunColumn = {
  ...LOSS,
  show: (r) => (r.metrics?.loss_recovered_unreliable === undefined ? LOSS.show(r) : `${LOSS.show(r)} ?`),
  explain: (r) => r.metrics?.loss_recovered_unreliable && `Not to be relied on: ${r.metrics.loss_recovered_unreliable}.`,
};
const VARIANCE = metric('r2', 'Recovered', 'r2', (m) => m.r2, fraction, 'variance, R²');
const FVU = metric('fvu', 'FVU', 'fvu', (m) => m.fvu, fraction);
const GAMMA = metric('gamma', 'γ', 'gamma', (m) => m.gamma, fraction);

const CROSS_ENTROPY: RunColumn[] = [
  metric('ceClean', 'CE clean', 'ceClean', (m) => m.ce_clean, nats, 'nats'),
  metric('ceSae', 'CE SAE', 'ceSae', (m) => m.ce_sae, nats, 'nats'),
  metric('ceZero', 'CE zero', 'ceZero', (m) => m.ce_zero, nats, 'nats'),
  metric('ceMean', 'CE mean', 'ceMean', (m) => m.ce_mean, nats, 'nats'),
];

const RATE: RunColumn = {
  key: 'rate',
  title: 'Rows/s',
  term: 'rowsPerSecond',
  value: (r) => r.rowsPerSecond,
  show: (r) => (r.rowsPerSecond ? short(r.rowsPerSecond) : '–'),
};

/** These are shown only when there is more than one. */
const SEED: RunColumn = { key: 'seed', title: 'Seed', value: (r) => r.seed, show: (r) => String(r.seed) };
/** λ of runs on differently scaled rows are not comparable. */
const SCALE: RunColumn = {
  key: 'scale',
  title: 'Rows scaled',
  unit: 'λ is of these',
  term: 'scale',
  value: (r) => r.activationScale,
  show: (r) => `× ${general(r.activationScale)}`,
  explain: (r) => scaleWords(r),
};
const DATA: RunColumn = { key: 'data', title: 'Data', value: (r) => r.data, show: (r) => r.data };

const alive = (rowWord: string): RunColumn => ({
  ...metric('alive', 'Alive', 'alive', (m) => m.alive, percent, `window, ${rowWord}`),
  show: (r) => (r.metrics ? `${percent(r.metrics.alive)} / ${short(r.metrics.alive_window_tokens)}` : '–'),
  explain: (r) =>
    r.metrics &&
    `${count(r.metrics.alive * r.dSae)} of ${count(r.dSae)} latents fired at least once in a window of ${count(r.metrics.alive_window_tokens)} ${rowWord}`,
});

/** Latents that fire on more than a share of the tokens: how many, and of how many. */
const often = (key: string, title: string, n: (m: Measured) => number, share: (m: Measured) => number, rowWord: string): RunColumn => ({
  ...metric(key, title, 'often', share, percent, `of ${rowWord}, latents`),
  show: (r) => (r.metrics ? `${count(n(r.metrics))} (${percent(share(r.metrics))})` : '–'),
  explain: (r) =>
    r.metrics &&
    `${count(n(r.metrics))} of ${count(r.dSae)} latents fired on ${title.replace('>', 'more than ')} of ${count(r.metrics.tokens)} ${rowWord}`,
});

const frequent = (rowWord: string): RunColumn[] => [
  often(
    'over1',
    '>1 %',
    (m) => m.latents_over_1_percent,
    (m) => m.freq_over_1_percent,
    rowWord,
  ),
  often(
    'over10',
    '>10 %',
    (m) => m.latents_over_10_percent,
    (m) => m.freq_over_10_percent,
    rowWord,
  ),
];

/** Loss columns only when some run has a measured loss; R² is never put under their name. */
export function runColumns(runs: readonly RunSummary[], rowWord: string): RunColumn[] {
  const measured = runs.some((r) => r.metrics?.loss_recovered !== undefined);
  const several = (of: (run: RunSummary) => unknown) => new Set(runs.map(of)).size > 1;
  const seed = several((r) => r.seed) ? [SEED] : [];
  const data = several((r) => r.data) ? [DATA] : [];
  const scale = several((r) => r.normalize) ? [SCALE] : [];
  const common = [...COMMON.slice(0, 1), ...(runs.length > 0 ? [knobColumn(runs)] : []), ...seed, ...scale, ...COMMON.slice(1)];
  return measured
    ? [...common, RECOVERED, GAMMA, FVU, alive(rowWord), ...frequent(rowWord), ...CROSS_ENTROPY, RATE, ...data]
    : [...common, VARIANCE, GAMMA, FVU, alive(rowWord), ...frequent(rowWord), RATE, ...data];
}

/** Runs without a value go last in either direction. */
export function sortRuns(runs: readonly RunSummary[], column: RunColumn, descending: boolean): RunSummary[] {
  const sign = descending ? -1 : 1;
  const natural = new Intl.Collator('en', { numeric: true });
  return [...runs].sort((a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    return sign * (typeof x === 'string' || typeof y === 'string' ? natural.compare(String(x), String(y)) : x - y);
  });
}
