/** `eval`: a saved SAE measured on held-out text through its language model, or on activations. */

import { heldOutBlocks } from '../../data/rows/moments';
import { type Asked, askedOf, commonFirstToken } from '../../interop/asked';
import { saeOrigin } from '../../interop/saelens';
import { centreOf } from '../../lab/centre';
import { type EvaluationSource, Evaluator } from '../../lab/evaluation';
import { sameHook } from '../../lab/hookNames';
import type { Provenance } from '../../lab/protocol';
import { provenanceFacts } from '../../metrics/provenance';
import { layoutLimits, layoutOf } from '../../sae/layout';
import { ADAM } from '../../sae/schedules';
import { SweepTrainer } from '../../sae/trainer';
import { readOptions, UsageError } from '../args';
import { contextAdjusted, sayAdjusted, wholeSequences } from '../asked';
import { adapterName, FILTER_OPTIONS, filterOf, loadWorkspace, openEngine, READING_OPTIONS, readingOf, sayDropped } from '../engine';
import type { CommandUsage } from '../options';
import { describeMetrics, finish, progress } from '../output';
import { readSae } from '../saeInput';
import { dataFacts, limitsOf, TEXT_ROWS } from '../training';

const ROWS_AT_ONCE = 1024;

export const evalUsage = (): CommandUsage => ({
  summary: 'A saved SAE measured on held-out text through its model, or on activations.',
  options: {
    sae: {
      kind: 'text',
      value: 'DIR|FILE',
      required: true,
      help: 'A SAELens folder, or its weights file; of several SAEs the folder of one.',
    },
    model: { kind: 'text', value: 'DIR', help: 'Hugging Face folder; with a text: loss recovered and everything else.' },
    text: { kind: 'text', value: 'FILE', help: 'UTF-8 text.' },
    tokens: { kind: 'text', value: 'FILE', help: 'A file of token sequences, in place of a text.' },
    data: { kind: 'list', value: 'PATH', help: 'Instead of a model: all rows of the shards, none held out.' },
    hook: { kind: 'text', value: 'NAME', default: 'the one in `cfg.json`', help: "Its width must be the SAE's d_in." },
    'trust-hook': { kind: 'flag', help: 'With `--data`: takes `--hook` though the shards say that they come from another.' },
    ...READING_OPTIONS,
    ...TEXT_ROWS,
    ...FILTER_OPTIONS,
    'max-tokens': { kind: 'text', value: 'N', default: 'all', help: 'Most tokens measured, rounded down to whole windows.' },
    json: { kind: 'flag', help: 'Prints one JSON object as the last line of stdout.' },
  },
});

export async function evaluateSae(args: string[]): Promise<number> {
  const { options } = readOptions(args, evalUsage().options);
  const path = options.required('sae');
  const [model, text, tokens, data] = [options.text('model'), options.text('text'), options.text('tokens'), options.list('data')];
  if (!(model !== undefined && (text ?? tokens) !== undefined) && data.length === 0)
    throw new UsageError('give --model DIR and --text FILE (or --tokens FILE), or --data PATH...');
  if (model !== undefined && data.length > 0)
    throw new UsageError('give --data, or --model with a text, not both: the SAE is measured on one of them');
  const [reading, filter] = [readingOf(options), filterOf(options)];
  if (model !== undefined && Object.keys(filter).length > 0)
    throw new UsageError('rows are left out of --data only: a language model is measured on whole sequences');
  const sae = await readSae(path);
  const origin = saeOrigin(sae.cfg);
  const engine = await openEngine();
  const { gpu, flopsPerMs } = engine;
  const named = options.text('hook');
  const onRows = { data, reading, filter, hook: named, trustHook: options.flag('trust-hook') };
  const workspace = await loadWorkspace(engine, model === undefined ? onRows : { model, text, tokens }, {
    ...limitsOf(options),
    ...(origin.prependBos === false && { prependBos: false }),
  });
  let adjustments: ReturnType<typeof sayAdjusted> = {};
  const { source, asked, hook } = await sourceOf();

  async function sourceOf(): Promise<{ source: EvaluationSource; asked: Asked; hook: string | undefined }> {
    if (workspace.model && workspace.sequences) {
      const hook = named ?? (sae.hookName === undefined ? undefined : (sameHook(sae.hookName, workspace.model.hooks) ?? sae.hookName));
      if (hook === undefined) throw new UsageError('--hook is required: the SAE’s cfg.json does not name one');
      const width = workspace.model.hookWidth(hook);
      if (width !== sae.dIn)
        throw new Error(`${path}: d_in is ${sae.dIn}; ${hook} of this model is ${width} wide. Give the hook the SAE was trained on.`);
      const { T } = workspace.sequences;
      const { count, adjusted } = wholeSequences(options, 'max-tokens', workspace.sequences);
      adjustments = sayAdjusted([...contextAdjusted(options, workspace, T), ...adjusted]);
      const sequences = { ...workspace.sequences, n: count };
      const asked = askedOf(origin, {
        path,
        hook,
        model: { label: workspace.modelLabel ?? '', norm: workspace.model.config.norm },
        windows: { T, from: tokens === undefined ? 'text' : 'tokens', firstToken: commonFirstToken(sequences) },
      });
      return { source: { kind: 'model', model: workspace.model, hook, sequences }, asked, hook };
    }
    const { shards } = workspace.inspected;
    const [first] = shards;
    if (first?.facts.d !== sae.dIn) throw new Error(`${path}: d_in is ${sae.dIn}; the rows are ${first?.facts.d} wide.`);
    const sources = await workspace.rows.shardRows();
    await workspace.rows.fingerprint();
    const ranges = sources.map(({ facts }, i) => ({ source: i, start: 0, rows: facts.rows }));
    const { hook } = workspace.hookInUse;
    return { source: { kind: 'rows', blocks: () => heldOutBlocks(sources, ranges) }, asked: askedOf(origin, { path, hook }), hook };
  }

  function provenanceOf(): Provenance {
    if (source.kind === 'model') {
      const hookFrom = named === undefined ? 'cfg.json of the SAE' : '--hook';
      return { hook: source.hook, hookFrom, hookCheck: { verdict: 'computed', found: 'this model computes the rows there.' } };
    }
    const { from } = workspace.hookInUse;
    const hookCheck = { verdict: 'unchecked', found: 'there is no language model to compare the rows with.' } as const;
    return hook === undefined ? {} : { hook, ...(from !== undefined && { hookFrom: from }), hookCheck };
  }

  const trainer = await SweepTrainer.create(gpu, {
    layout: layoutOf(sae.dIn, ROWS_AT_ONCE, [{ arch: sae.arch, width: sae.dSae, options: sae.options }], layoutLimits(gpu, flopsPerMs), {
      form: 'sparse',
    }),
    runs: [
      {
        // Of the knobs, k alone decides what a SAE computes.
        schedule: { steps: 0, lr: 0, lrWarmup: 0, lrDecay: 0, lambda: sae.k ?? 0, lambdaWarmup: 0 },
        optimiser: { beta1: 0, ...ADAM },
        k: sae.k,
        weights: sae,
      },
    ],
    pool: gpu.device.createBuffer({ label: 'eval.pool', size: 16, usage: GPUBufferUsage.STORAGE }),
    scale: 1,
    mean: await centreOf(gpu, sae.dIn, source, asked),
    flopsPerMs,
    form: 'sparse',
  });
  const evaluator = await Evaluator.create(gpu, sae.dIn, source, asked);
  const results = await evaluator.evaluate([{ trainer, runs: [{ index: 0, id: 'sae' }] }], (fraction) =>
    progress(Number.isNaN(fraction) ? 'evaluating' : `evaluating ${(100 * fraction).toFixed(0)} %`),
  );
  gpu.check();
  const { metrics, problem } = results.get('sae') ?? {};
  if (!metrics) throw new Error(problem ?? 'nothing was measured');
  const notes = [...sae.notes, ...asked.notes];
  const result = {
    arch: sae.arch,
    d_in: sae.dIn,
    d_sae: sae.dSae,
    ...provenanceFacts(provenanceOf()),
    ...(asked.centreRows && { rows_centred: true }),
    ...(source.kind === 'model' && origin.prependBos === false && { prepend_bos: false }),
    ...(notes.length > 0 && { sae_notes: notes }),
    adapter: adapterName(gpu),
    ...dataFacts(workspace),
    ...adjustments,
    ...metrics,
  };
  sayDropped(workspace);
  finish(options.flag('json'), result, () =>
    [`${sae.arch} SAE [${sae.dSae}, ${sae.dIn}] on ${metrics.tokens} tokens`, describeMetrics(metrics), ...notes].join('\n'),
  );
  return 0;
}
