/** What `train` and `sweep` share: their options, the loop, the files they write. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Experiment, type Run } from '../lab/experiment';
import type { TimeShares } from '../lab/rate';
import { costLimits, estimate, expand } from '../lab/runSpecs';
import { summaryOf } from '../lab/runSummary';
import { experimentOptions } from '../lab/sessionState';
import { commandLine, runSettings, type SweepConfig } from '../lab/settings';
import { Stepping } from '../lab/stepping';
import { SHORT_GRID } from '../lab/tuning';
import type { Workspace } from '../lab/workspace';
import { provenanceFacts } from '../metrics/provenance';
import { resampledWords } from '../metrics/resampledWords';
import type { Resampled } from '../sae/resample';
import type { StepLog } from '../sae/trainer';
import { durationRange } from '../util/duration';
import { type Options, UsageError } from './args';
import { sayAdjusted, trainingAdjusted } from './asked';
import { assumedNotes } from './assumed';
import {
  adapterName,
  type Engine,
  FILTER_OPTIONS,
  filterOf,
  loadWorkspace,
  modelFacts,
  READING_OPTIONS,
  readingOf,
  sayDropped,
  sayZeros,
} from './engine';
import { type Init, initialFrom, readInit } from './init';
import { armRows, type OptionRows, settingRows, singleArmRows } from './options';

import { describeTime, note, progress, say } from './output';
import { sayProvenance } from './provenance';

import { saveAsOf } from './savedRuns';
import { sweepConfig } from './sweepConfig';

/** Windows of text, for every command that has a model. */
export const TEXT_ROWS: OptionRows = {
  context: { kind: 'text', value: 'N', default: "128, at most the model's", help: 'Tokens of a window of text.' },
};

const INPUT_ROWS: OptionRows = {
  data: { kind: 'list', value: 'PATH', help: 'Shards or folders of them.' },
  ...READING_OPTIONS,
  ...FILTER_OPTIONS,
  model: {
    kind: 'text',
    value: 'DIR',
    help: 'Hugging Face folder. With `--data`: turns on loss recovered. Without: activations are harvested from the text.',
  },
  hook: {
    kind: 'text',
    value: 'NAME',
    default: 'what the shards say, or the only one of their width; without shards `blocks.0.mlp.hook_post`',
    help: "Where the rows come from, by TransformerLens' name.",
  },
  'trust-hook': { kind: 'flag', help: 'Measures loss recovered at that hook whatever the shards say and the check of their rows finds.' },
  text: { kind: 'text', value: 'FILE', help: 'UTF-8 text.' },
  tokens: { kind: 'text', value: 'FILE', help: 'A file of token sequences, in place of a text.' },
};

const LIMIT_ROWS: OptionRows = {
  shuffle: { kind: 'text', value: 'pool|none', default: 'pool', help: '`none`: step s takes rows [sB, (s+1)B) of the training rows.' },
  'log-every': {
    kind: 'text',
    value: 'N',
    default: '10',
    help: 'Steps between lines of `metrics.jsonl`; the last step is always logged.',
  },
  ...TEXT_ROWS,
  'eval-tokens': {
    kind: 'text',
    value: 'N',
    default: '65536',
    help: 'Most tokens of one evaluation with a model; when given, as many are held out of a text.',
  },
  'holdout-tokens': {
    kind: 'text',
    value: 'N',
    default: '`--eval-tokens` where given, else 0',
    help: 'Tokens of a text held out at least, even where `--holdout` gives fewer.',
  },
  'train-tokens': { kind: 'text', value: 'N', default: 'all', help: 'Most tokens harvested for training.' },
  'skip-batches': {
    kind: 'text',
    value: 'N',
    default: '0',
    help: 'Begins after the first N batches, where a run began that joined a sweep later.',
  },
  'save-as': {
    kind: 'text',
    value: 'NAME',
    default: "each run's own",
    help: 'Architecture in `cfg.json` of the runs that have that form too, as JumpReLU of a Gated one (docs/formats.md); others keep their own.',
  },
  out: { kind: 'text', value: 'DIR', required: true, help: 'Where results go.' },
  json: { kind: 'flag', help: 'Prints one JSON object as the last line of stdout.' },
};

const INIT_ROW: OptionRows = {
  init: {
    kind: 'text',
    value: 'DIR|FILE',
    help: 'Start from SAELens-named weights (raw units), in place of `--enc-length` and `--b-dec-init`. In a sweep: the runs of their architecture, width and options. A second stage (rescale & shift) starts from a trained run of its first one, whose width, knob and seed it takes.',
  },
};

const TUNE_ROW: OptionRows = {
  tune: {
    kind: 'flag',
    help: `Tunes all arms alike: each is tried at lengths of the encoder's rows ${SHORT_GRID['enc-length']} × lr ${SHORT_GRID.lr}, and its frontier is the envelope.`,
  },
};

/** Options of `train`. */
export const trainRows = (): OptionRows => ({ ...INPUT_ROWS, ...singleArmRows(), ...settingRows(false), ...INIT_ROW, ...LIMIT_ROWS });

/** Options of `sweep`, which takes lists. */
export const sweepRows = (): OptionRows => ({
  ...INPUT_ROWS,
  ...armRows(),
  ...settingRows(true),
  ...TUNE_ROW,
  ...INIT_ROW,
  ...LIMIT_ROWS,
});

export interface TrainingSetup {
  engine: Engine;
  workspace: Workspace;
  config: SweepConfig;
  experiment: Experiment;
  runs: Run[];
  /** Architecture in cfg.json of the runs that can be saved so (`--save-as`). */
  saveAs?: string | undefined;
  /** Sizes that were asked for and could not be had. */
  adjusted: ReturnType<typeof sayAdjusted>;
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
  onResampled: (run: Run, event: Resampled) => void = () => undefined,
  known?: Init,
): Promise<TrainingSetup> {
  const init = known ?? (await readInit(options));
  const saveAs = saveAsOf(options, sweepConfig(options, 1024, init)); // wrong options are refused before anything is opened
  const [data, model, text, tokens, hook] = [
    options.list('data'),
    options.text('model'),
    options.text('text'),
    options.text('tokens'),
    options.text('hook'),
  ];
  const trustHook = options.flag('trust-hook');
  if (data.length === 0 && (model === undefined || (text ?? tokens) === undefined)) {
    throw new UsageError(
      'give activations (--data PATH...), or a language model and a text to harvest them from (--model DIR --text FILE)',
    );
  }
  const shuffle = options.text('shuffle') ?? 'pool';
  if (shuffle !== 'pool' && shuffle !== 'none') throw new UsageError(`--shuffle must be pool or none, not "${shuffle}"`);
  const [reading, filter] = [readingOf(options), filterOf(options)];
  const engine = await open();
  const workspace = await loadWorkspace(engine, { data, model, text, tokens, hook, trustHook, reading, filter }, limitsOf(options));
  const d = workspace.d;
  if (d === undefined) throw new Error('no activations were found');
  const config = sweepConfig(options, d, init);
  const cost = estimate(config, d, costLimits(engine.gpu, engine.flopsPerMs), workspace.trainRows(config));
  if (!cost.ok) throw new Error(cost.problems.join('\n'));
  const specs = expand(config);
  const given = init && initialFrom(init, specs, d); // what cannot start is refused before anything is made
  const seed = config.seeds[0] as number;
  const prepared = await workspace.prepare(seed, config.holdout);
  // As they were given: files know only their names below that.
  const paths = {
    data,
    ...(model !== undefined && { model }),
    ...(text !== undefined && { text }),
    ...(tokens !== undefined && { tokens }),
  };
  const { inputs } = prepared.origin;
  const experiment = await Experiment.create(
    engine.gpu,
    {
      ...prepared,
      origin: { ...prepared.origin, ...(inputs && { inputs: { ...inputs, ...paths } }), ...(init && { init: init.path }) },
    },
    { ...experimentOptions(config, seed), shuffle, flopsPerMs: engine.flopsPerMs },
    {
      log: onLog,
      changed: (run) => run.state === 'failed' && say(`run ${run.id} failed: ${run.message}`),
      resampled: (run, event) => {
        say(`${run.id}: ${resampledWords(event)}`);
        onResampled(run, event);
      },
    },
  );
  sayProvenance(experiment.origin.provenance);
  sayZeros(experiment.moments);
  if (data.length > 0) sayUnused(options, model !== undefined);
  await experiment.skip(options.count('skip-batches', 0, 0));
  const runs = await experiment.add(specs, given);
  const adjusted = sayAdjusted(trainingAdjusted(options, workspace, experiment.data));
  return { engine, workspace, config, experiment, runs, saveAs, adjusted };
}

/** Sizes that mean nothing to rows from files. */
function sayUnused(options: Options, hasModel: boolean): void {
  const reasons = {
    'train-tokens': 'it is for harvests; all rows of --data that are not held out are trained on',
    'holdout-tokens': 'it is for harvests; of --data, --holdout is held out',
    ...(!hasModel && {
      'eval-tokens': 'without --model all held-out rows are measured on',
      context: 'without --model no windows of tokens are read',
    }),
  };
  for (const [name, why] of Object.entries(reasons)) if (options.text(name) !== undefined) say(`note: --${name} is not used: ${why}`);
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
    ...(options.text('holdout-tokens') === undefined ? {} : { holdOutTokens: options.count('holdout-tokens', 0, 0) }),
    ...(options.text('train-tokens') === undefined ? {} : { trainTokens: options.count('train-tokens', 0, 1) }),
  };
}

/** When the first line tells how long training will take. */
const FIRST_LINE_MS = 10_000;

/** Steps until every run has ended, evaluating each at its end; notes where the time went. Returns rows per second of training. */
export async function trainToTheEnd(setup: TrainingSetup, logEvery: number): Promise<number> {
  const { experiment, engine, workspace } = setup;
  if (!experiment.measurable)
    say(
      `nothing is held out (--holdout ${setup.config.holdout}${setup.config.holdout > 0 ? ' of these few rows is none' : ''}) ` +
        'and there is no language model: the runs are trained but not measured',
    );
  const steps = new Stepping(experiment, () => engine.gpu.check());
  const evaluate = (done: readonly Run[]) =>
    steps.evaluate(done, (fraction) => progress(`evaluating ${Number.isNaN(fraction) ? '' : `${(100 * fraction).toFixed(0)} %`}`));
  const { rate } = steps;
  let recent = '';
  const began = performance.now();
  // Where progress is not seen on a terminal, it is told in lines, ever more seldom.
  let tellAt = began + FIRST_LINE_MS;
  for (let step = 1; experiment.training; step++) {
    await steps.step((step - 1) % logEvery === 0);
    if (rate.measure()) recent = `  ${describeTime({ data: rate.dataShare, gpu: rate.gpuShare, evaluation: rate.evalShare })}`;
    const { remaining } = steps;
    const left = remaining ? `  about ${durationRange(remaining)} left` : '';
    progress(`step ${step}  ${steps.rowsPerSecond.toFixed(0)} rows/s${left}${recent}`);
    if (remaining && performance.now() >= tellAt) {
      note(`step ${step}: about ${durationRange(remaining)} left`);
      tellAt += performance.now() - began;
    }
    await steps.finish(evaluate);
  }
  setup.memory = { allocated: experiment.gpuBytes, ...experiment.formulaBytes };
  setup.time = rate.overall();
  const { badRows } = experiment.feeder.stats;
  if (badRows > 0) say(`${badRows} rows with NaN or Inf were met and left out of training`);
  sayDropped(workspace);
  return steps.rowsPerSecond;
}

/** What the data were, as it appears in JSON results: their fingerprint, and what was left out of them. */
export function dataFacts(workspace: Workspace): Record<string, unknown> {
  const { rows } = workspace;
  const { fingerprint, filter, dropped } = rows.facts();
  const assumed = assumedNotes(workspace.inspected.reports);
  return {
    ...modelFacts(workspace),
    ...(fingerprint && { data_sha256: fingerprint }),
    ...(assumed.length > 0 && { data_notes: assumed }),
    ...(filter && { filter }),
    ...(dropped && { dropped_rows: rows.dropped }),
  };
}

/** Facts of a run as they appear in JSON results. */
export function runFacts(
  run: Run,
  { experiment, engine, workspace, adjusted, time, memory }: TrainingSetup,
  rowsPerSecond: number,
): Record<string, unknown> {
  const { id, arch, options, dIn, dSae, lambda, step, seed, normalize, activationScale, state, message, recipe, provenance, metrics } =
    summaryOf(run, experiment);
  return {
    arch,
    ...(options && { options }),
    d_in: dIn,
    d_sae: dSae,
    lambda,
    steps: step,
    seed,
    normalize,
    x_dtype: experiment.options.xDtype,
    activation_scale: activationScale,
    state,
    ...(message !== undefined && { message }),
    ...(run.from && { from: run.from.id }),
    ...(run.resampled && { resampled: run.resampled }),
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
    ...adjusted,
    settings: runSettings(recipe),
    command: commandLine(recipe, id),
    ...provenanceFacts(provenance),
    ...metrics,
  };
}

/** metrics.jsonl: one line a logged step. */
export class LogFile {
  private constructor(private readonly stream: WriteStream) {}

  static async create(folder: string): Promise<LogFile> {
    await mkdir(folder, { recursive: true });
    return new LogFile(createWriteStream(join(folder, 'metrics.jsonl')));
  }

  /** A line of its own. */
  resampled({ step, latents, inputs }: Resampled): void {
    this.stream.write(`${JSON.stringify({ step, resampled: latents, resampled_from: inputs })}\n`);
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
