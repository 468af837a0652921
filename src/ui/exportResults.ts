/** All runs as CSV and JSON, each with every setting it had and the line that trains it again. A metric that was not measured is left out (JSON) or empty (CSV), never 0. */
import type { DataState, DeviceInfo, RunSummary } from '../lab/protocol';
import { commandLine, runSettings } from '../lab/settings';
import { provenanceFacts } from '../metrics/provenance';
import type { Metrics } from '../metrics/types';
import { download } from './download';
import { useLab } from './store';

const METRIC_KEYS: readonly (keyof Metrics)[] = [
  'l0',
  'loss_recovered',
  'loss_recovered_unreliable',
  'loss_recovered_mean',
  'loss_recovered_mean_unreliable',
  'ce_clean',
  'ce_sae',
  'ce_zero',
  'ce_mean',
  'r2',
  'fvu',
  'mse',
  'gamma',
  'cosine',
  'alive',
  'alive_window_tokens',
  'latents_over_1_percent',
  'latents_over_10_percent',
  'freq_over_1_percent',
  'freq_over_10_percent',
  'normalized_freq_over_1_percent',
  'normalized_freq_over_10_percent',
  'evaluated_by',
  'tokens',
];

const RUN_KEYS = [
  'id',
  'name',
  'arch',
  'dIn',
  'dSae',
  'lambda',
  'seed',
  'normalize',
  'activationScale',
  'data',
  'steps',
  'step',
  'state',
  'message',
  'evaluatedAt',
  'quality',
] as const;

/** What the metrics rest on; the sentences are in the JSON. */
const PROVENANCE_KEYS = ['hook', 'hook_from', 'hook_check', 'loss_recovered_problem', 'eval_tokens_seen_in_training'] as const;

/** Settings under the names that `RUN_KEYS` has for them. */
const TOLD = new Set(['arch', 'd_sae', 'lambda', 'seed', 'normalize', 'steps']);

function quoted(value: string | number | undefined): string {
  if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) return '';
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function resultsCsv(runs: readonly RunSummary[]): string {
  const facts = runs.map((run) => runSettings(run.recipe));
  // Those that stand among the run's own columns are not told twice.
  const settings = [...new Set(facts.flatMap(Object.keys))].filter((key) => !TOLD.has(key));
  const header = [...RUN_KEYS, ...METRIC_KEYS, ...settings, ...PROVENANCE_KEYS, 'rows_left_out', 'command'].join(',');
  const lines = runs.map((run, i) =>
    [
      ...RUN_KEYS.map((k) => run[k]),
      ...METRIC_KEYS.map((k) => run.metrics?.[k]),
      ...settings.map((k) => facts[i]?.[k]),
      ...PROVENANCE_KEYS.map((k) => provenanceFacts(run.provenance)[k] ?? (k === 'hook' ? run.identity.hook : undefined)),
      run.identity.filter,
      commandLine(run.recipe, run.id),
    ]
      .map(quoted)
      .join(','),
  );
  return `${[header, ...lines].join('\n')}\n`;
}

export function resultsJson(runs: readonly RunSummary[], data: DataState, device: DeviceInfo | undefined, now: Date): string {
  const { shards, model, text } = data;
  const out = {
    format: 'gated-sae-lab results',
    version: 1,
    saved: now.toISOString(),
    device: device && { adapter: device.adapter.name, software: device.adapter.isSoftware },
    data: shards && {
      source: shards.source,
      label: shards.label,
      rows: shards.rows,
      d: shards.d,
      trainRows: shards.trainRows,
      heldOutRows: shards.heldOutRows,
      fingerprint: shards.fingerprint,
      filter: shards.filter,
      dropped: shards.dropped,
    },
    model: model && { label: model.label, family: model.family, hook: model.hook, notes: model.notes },
    text: text && { label: text.label, heldOutSequences: text.heldOutSequences, sequenceLength: text.sequenceLength },
    runs: runs.map(({ rowsPerSecond: _, recipe, ...run }) => ({
      ...run,
      settings: runSettings(recipe),
      command: commandLine(recipe, run.id),
    })),
  };
  return `${JSON.stringify(out, null, 2)}\n`;
}

export function saveResults(format: 'csv' | 'json'): void {
  const { runs, data, device } = useLab.getState();
  const now = new Date();
  const name = `gsae_results_${now.toISOString().slice(0, 10)}.${format}`;
  if (format === 'csv') download(name, resultsCsv(runs), 'text/csv');
  else download(name, resultsJson(runs, data, device, now), 'application/json');
}
