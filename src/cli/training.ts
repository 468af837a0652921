/** What `train` and `sweep` share: their options, the loop, the files they write. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listFiles } from '../data/bytes/nodeFiles';
import { loadSae } from '../interop/saelens';
import { Experiment, hasEnded, type Run } from '../lab/experiment';
import type { SweepConfig } from '../lab/protocol';
import { RateMeter, type TimeShares } from '../lab/rate';
import { costLimits, estimate, expand } from '../lab/runSpecs';
import { savedRun } from '../lab/saveRun';
import { experimentOptions } from '../lab/sessionState';
import { parseSettings, SETTINGS, type SettingKey, type SettingValues } from '../lab/settings';
import { waits } from '../lab/training';
import type { Workspace } from '../lab/workspace';
import type { StepLog } from '../sae/trainer';
import type { SaeWeights } from '../sae/weights';
import { type OptionSpec, type Options, UsageError } from './args';
import { adapterName, type Engine, FILTER_OPTIONS, filterOf, loadWorkspace, READING_OPTIONS, readingOf, sayDropped } from './engine';
import { describeTime, progress, say } from './output';

export const TRAINING_OPTIONS: OptionSpec = {
  data: 'list',
  ...READING_OPTIONS,
  ...FILTER_OPTIONS,
  arch: 'text',
  'd-sae': 'text',
  lambda: 'text',
  steps: 'text',
  batch: 'text',
  lr: 'text',
  seed: 'text',
  out: 'text',
  shuffle: 'text',
  holdout: 'text',
  normalize: 'text',
  'x-dtype': 'text',
  'lr-warmup': 'text',
  'lambda-warmup': 'text',
  'lr-decay': 'text',
  beta1: 'text',
  'b-dec-init': 'text',
  'log-every': 'text',
  model: 'text',
  hook: 'text',
  text: 'text',
  tokens: 'text',
  context: 'text',
  'eval-tokens': 'text',
  'train-tokens': 'text',
  json: 'flag',
};

/** Defaults of the command line where they differ from the page's: nothing happens that was not asked for. */
const DEFAULTS: Partial<SettingValues> = {
  steps: '10000',
  batch: '4096',
  lr: '3e-4',
  seeds: '0',
  lrWarmup: '0',
  lambdaWarmup: '0',
  lrDecay: '0',
  normalize: 'none',
  holdout: '0.02',
};

const SETTING_OPTIONS: Partial<Record<string, SettingKey>> = {
  arch: 'architectures',
  steps: 'steps',
  batch: 'batch',
  lr: 'lr',
  seed: 'seeds',
  holdout: 'holdout',
  normalize: 'normalize',
  'x-dtype': 'xDtype',
  'lr-warmup': 'lrWarmup',
  'lambda-warmup': 'lambdaWarmup',
  'lr-decay': 'lrDecay',
  beta1: 'beta1',
  'b-dec-init': 'bDecInit',
  'gated-d-sae': 'widths.gated',
  'baseline-d-sae': 'widths.baseline',
  'gated-lambda': 'lambdas.gated',
  'baseline-lambda': 'lambdas.baseline',
};

/** @throws UsageError naming the option and what is wrong with it. */
export function sweepConfig(options: Options, d: number): SweepConfig {
  const values: Partial<SettingValues> = { ...DEFAULTS };
  for (const arch of ['gated', 'baseline'] as const) {
    const width = options.text('d-sae');
    const lambda = options.text('lambda');
    if (width !== undefined) values[`widths.${arch}`] = width;
    if (lambda !== undefined) values[`lambdas.${arch}`] = lambda;
  }
  for (const [option, key] of Object.entries(SETTING_OPTIONS)) {
    const given = options.text(option);
    if (given !== undefined && key) values[key] = given;
  }
  const { config, errors } = parseSettings(values, d);
  if (config) return config;
  const named = (key: string) => {
    const option = Object.entries(SETTING_OPTIONS).find(([name, k]) => k === key && options.text(name) !== undefined)?.[0];
    if (option) return `--${option}`;
    if (key.startsWith('widths.')) return '--d-sae';
    if (key.startsWith('lambdas.')) return '--lambda';
    return SETTINGS.find((setting) => setting.key === key)?.label ?? key;
  };
  throw new UsageError(
    Object.entries(errors)
      .map(([key, message]) => `${named(key)}: ${message}`)
      .join('\n'),
  );
}

export interface TrainingSetup {
  engine: Engine;
  workspace: Workspace;
  config: SweepConfig;
  experiment: Experiment;
  runs: Run[];
  /** GPU memory while training, bytes: allocated, by the formula, and of that parameters and Adam's moments. */
  memory?: { allocated: number; total: number; state: number };
  /** Where the time of the training went, evaluations included; there when it is over. */
  time?: TimeShares | undefined;
}

/**
 * Loads what the options name and makes the runs.
 * @throws UsageError for the options; Error or DataError for the files and the GPU.
 */
export async function prepareTraining(
  options: Options,
  open: () => Promise<Engine>,
  onLog: (run: Run, log: StepLog) => void,
): Promise<TrainingSetup> {
  sweepConfig(options, 1024); // wrong options are refused before anything is opened
  const [data, model, text, tokens, hook] = [
    options.list('data'),
    options.text('model'),
    options.text('text'),
    options.text('tokens'),
    options.text('hook'),
  ];
  if (data.length === 0 && (model === undefined || (text ?? tokens) === undefined)) {
    throw new UsageError(
      'give activations (--data PATH...), or a language model and a text to harvest them from (--model DIR --text FILE)',
    );
  }
  const shuffle = options.text('shuffle') ?? 'pool';
  if (shuffle !== 'pool' && shuffle !== 'none') throw new UsageError(`--shuffle must be pool or none, not "${shuffle}"`);
  const [reading, filter] = [readingOf(options), filterOf(options)];
  const engine = await open();
  const workspace = await loadWorkspace(engine, { data, model, text, tokens, reading, filter }, limitsOf(options));
  if (hook !== undefined && workspace.model) workspace.chooseHook(hook);
  const d = workspace.d;
  if (d === undefined) throw new Error('no activations were found');
  const config = sweepConfig(options, d);
  const cost = estimate(config, d, costLimits(engine.gpu, engine.flopsPerMs));
  if (!cost.ok) throw new Error(cost.problems.join('\n'));
  const seed = config.seeds[0] as number;
  const experiment = await Experiment.create(
    engine.gpu,
    await workspace.prepare(seed, config.holdout),
    { ...experimentOptions(config, seed), shuffle, flopsPerMs: engine.flopsPerMs },
    { log: onLog, changed: (run) => run.state === 'failed' && say(`run ${run.id} failed: ${run.message}`) },
  );
  const init = options.text('init');
  const runs = await experiment.add(expand(config), init === undefined ? undefined : await initialFrom(init, config, d));
  return { engine, workspace, config, experiment, runs };
}

export function limitsOf(options: Options): {
  context?: number;
  evalTokens?: number;
  holdOutTokens?: number;
  trainTokens?: number;
} {
  return {
    ...(options.text('context') === undefined ? {} : { context: options.count('context', 0, 2) }),
    ...(options.text('eval-tokens') === undefined
      ? {}
      : { evalTokens: options.count('eval-tokens', 0, 1), holdOutTokens: options.count('eval-tokens', 0, 1) }),
    ...(options.text('train-tokens') === undefined ? {} : { trainTokens: options.count('train-tokens', 0, 1) }),
  };
}

async function initialFrom(path: string, config: SweepConfig, d: number): Promise<SaeWeights> {
  const sae = await loadSae(await listFiles([path]));
  const [arch] = config.architectures;
  const width = arch && config.widths[arch][0];
  if (sae.arch !== arch || sae.dIn !== d || sae.dSae !== width) {
    throw new Error(
      `${path}: holds a ${sae.arch} SAE with d_in ${sae.dIn}, d_sae ${sae.dSae}; the run is ${arch} with d_in ${d}, d_sae ${width}.`,
    );
  }
  return sae;
}

/** Steps until every run has ended, evaluating each at its end; notes where the time went. Returns rows per second of training. */
export async function trainToTheEnd(setup: TrainingSetup, logEvery: number): Promise<number> {
  const { experiment, runs, engine, workspace } = setup;
  if (!experiment.measurable)
    say('nothing is held out (--holdout 0) and there is no language model: the runs are trained but not measured');
  setup.memory = { allocated: experiment.gpuBytes, ...experiment.formulaBytes };
  const rate = new RateMeter();
  let trainedMs = 0;
  let step = 0;
  let recent = '';
  while (experiment.training) {
    const start = performance.now();
    const before = waits(experiment);
    const last = runs.some((run) => !hasEnded(run) && run.step + 1 === run.spec.schedule.steps);
    await experiment.step(step % logEvery === 0 || last);
    step++;
    const done = experiment.finished();
    const stepped = performance.now();
    if (done.length > 0) await experiment.settle();
    const end = performance.now();
    trainedMs += end - start;
    const after = waits(experiment);
    rate.step(experiment.options.batch, after.dataMs - before.dataMs, after.gpuMs - before.gpuMs + end - stepped);
    engine.gpu.check();
    if (rate.measure()) recent = `  ${describeTime({ data: rate.dataShare, gpu: rate.gpuShare, evaluation: rate.evalShare })}`;
    progress(`step ${step}  ${(experiment.rowsTrained / Math.max(1, trainedMs / 1000)).toFixed(0)} rows/s${recent}`);
    if (done.length === 0) continue;
    await experiment.evaluate(done, (fraction) =>
      progress(`evaluating ${Number.isNaN(fraction) ? '' : `${(100 * fraction).toFixed(0)} %`}`),
    );
    rate.evaluation(performance.now() - end);
    for (const run of done) experiment.end(run, 'done');
  }
  setup.time = rate.overall();
  const { badRows } = experiment.feeder.stats;
  if (badRows > 0) say(`${badRows} rows with NaN or Inf were met and left out of training`);
  sayDropped(workspace);
  return experiment.rowsTrained / (trainedMs / 1000);
}

/** What the data were, as it appears in JSON results: their fingerprint, and what was left out of them. */
export function dataFacts({ rows }: Workspace): Record<string, unknown> {
  const { fingerprint, filter, dropped } = rows.facts();
  return {
    ...(fingerprint && { data_sha256: fingerprint }),
    ...(filter && { filter }),
    ...(dropped && { dropped_rows: rows.dropped }),
  };
}

/** Facts of a run as they appear in JSON results. */
export function runFacts(
  run: Run,
  { experiment, engine, workspace, time, memory }: TrainingSetup,
  rowsPerSecond: number,
): Record<string, unknown> {
  const { arch, width, seed, schedule } = run.spec;
  return {
    arch,
    d_in: experiment.data.d,
    d_sae: width,
    lambda: schedule.lambda,
    steps: run.step,
    seed,
    normalize: experiment.options.normalize,
    x_dtype: experiment.options.xDtype,
    activation_scale: experiment.scale,
    state: run.state,
    ...(run.message === undefined ? {} : { message: run.message }),
    rows_per_s: Number(rowsPerSecond.toFixed(1)),
    ...(memory && { gpu_bytes: memory.allocated, gpu_bytes_formula: memory.total, gpu_bytes_state: memory.state }),
    ...(time && {
      share_waiting_data: Number(time.data.toFixed(4)),
      share_waiting_gpu: Number(time.gpu.toFixed(4)),
      share_evaluating: Number(time.evaluation.toFixed(4)),
    }),
    adapter: adapterName(engine.gpu),
    ...(experiment.feeder.stats.badRows > 0 ? { bad_rows: experiment.feeder.stats.badRows } : {}),
    ...dataFacts(workspace),
    ...run.metrics,
  };
}

/** Writes a run's SAELens folder. */
export async function writeRun(folder: string, run: Run, { experiment }: TrainingSetup): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { name, bytes } of savedRun(run, await experiment.weights(run), experiment.origin)) await writeFile(join(folder, name), bytes);
}

/** metrics.jsonl: one line a logged step. */
export class LogFile {
  private constructor(private readonly stream: WriteStream) {}

  static async create(folder: string): Promise<LogFile> {
    await mkdir(folder, { recursive: true });
    return new LogFile(createWriteStream(join(folder, 'metrics.jsonl')));
  }

  write(log: StepLog): void {
    const { step, lr, lambda, loss, mse_loss, sparsity_loss, aux_loss, l0, gamma } = log;
    const line = {
      step,
      lr,
      lambda,
      loss,
      mse_loss,
      sparsity_loss,
      ...(aux_loss === undefined ? {} : { aux_loss }),
      l0,
      ...(Number.isFinite(gamma) ? { gamma } : {}),
    };
    this.stream.write(`${JSON.stringify(line)}\n`);
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.stream.on('error', reject);
      this.stream.end(resolve);
    });
  }
}
