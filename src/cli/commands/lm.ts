/** `lm`: next-token cross-entropy of a language model, untouched or with a hook's value replaced. */
import { batches, type EvaluationSource } from '../../lab/evaluation';
import { type SpliceMode, Splicer, spliceValue } from '../../lm/splice';
import { CrossEntropySum } from '../../metrics/sums';
import { readOptions, UsageError } from '../args';
import { contextAdjusted, sayAdjusted, wholeSequences } from '../asked';
import { loadWorkspace, modelFacts, openEngine } from '../engine';
import type { CommandUsage } from '../options';
import { finish, progress } from '../output';
import { limitsOf, TEXT_ROWS } from '../training';

const MODES: readonly SpliceMode[] = ['zero', 'mean', 'half'];

export const lmUsage = (): CommandUsage => ({
  summary: 'Next-token cross-entropy of a model, untouched or with one hook replaced.',
  options: {
    model: { kind: 'text', value: 'DIR', required: true, help: 'Hugging Face folder.' },
    text: { kind: 'text', value: 'FILE', help: 'UTF-8 text; or' },
    tokens: { kind: 'text', value: 'FILE', help: 'a file of token sequences: one of the two.' },
    splice: {
      kind: 'text',
      value: 'HOOK=MODE',
      help: "`zero`; `mean`: the hook's mean over all the sequences measured; `half`: half its value.",
    },
    ...TEXT_ROWS,
    'max-tokens': { kind: 'text', value: 'N', default: 'all', help: 'Most tokens measured.' },
    json: { kind: 'flag', help: 'Prints one JSON object as the last line of stdout.' },
  },
});

export async function lm(args: string[]): Promise<number> {
  const { options } = readOptions(args, lmUsage().options);
  const model = options.required('model');
  const [text, tokens] = [options.text('text'), options.text('tokens')];
  if ((text === undefined) === (tokens === undefined)) throw new UsageError('give --text FILE or --tokens FILE.safetensors, one of them');
  const splice = options.text('splice');
  const [hook, mode] =
    splice === undefined ? [] : [splice.slice(0, splice.lastIndexOf('=')), splice.slice(splice.lastIndexOf('=') + 1) as SpliceMode];
  if (splice !== undefined && (!hook || !mode || !MODES.includes(mode)))
    throw new UsageError(`--splice must be HOOK=zero, HOOK=mean or HOOK=half, not "${splice}"`);
  const engine = await openEngine();
  const workspace = await loadWorkspace(
    engine,
    { model, text, tokens },
    { ...limitsOf(options), evalTokens: options.count('max-tokens', 2 ** 31, 2) },
  );
  const sequences = workspace.sequences;
  const language = workspace.model;
  if (!sequences || !language) throw new Error('there is no text to run the model on');
  const first = language.hooks[0]?.name as string;
  if (hook !== undefined) language.hookWidth(hook); // refuses an unknown hook before the long part
  const { count, adjusted } = wholeSequences(options, 'max-tokens', sequences);
  const source: EvaluationSource & { kind: 'model' } = {
    kind: 'model',
    model: language,
    hook: hook ?? first,
    sequences: { ...sequences, n: count },
  };

  const clean = new CrossEntropySum();
  const spliced = new CrossEntropySum();
  const splicer = hook === undefined ? undefined : await Splicer.create(engine.gpu, language.hookWidth(hook), language.maxTokens);
  const sums = new Float64Array(hook === undefined ? 0 : language.hookWidth(hook));
  let rows = 0;
  for (const batch of batches(source)) {
    const value = language.prefix(source.hook, batch.tokens, batch.n, batch.T);
    clean.add(await language.crossEntropy());
    rows += value.rows;
    if (splicer && mode === 'mean') {
      (await splicer.columnSums(value)).forEach((sum, k) => {
        sums[k] = (sums[k] as number) + sum;
      });
    } else if (splicer && mode) {
      spliced.add(await language.crossEntropy(await spliceValue(splicer, mode, value)));
    }
    progress(`${rows} tokens, CE ${clean.mean.toFixed(4)}`);
  }
  if (splicer && mode === 'mean') {
    const mean = sums.map((sum) => sum / rows);
    for (const batch of batches(source)) {
      const value = language.prefix(source.hook, batch.tokens, batch.n, batch.T);
      spliced.add(await language.crossEntropy(splicer.mean(value, mean)));
    }
  }
  engine.gpu.check();
  for (const sum of hook === undefined ? [clean] : [clean, spliced])
    if (!Number.isFinite(sum.mean))
      throw new Error(
        `${model}: the cross-entropy ${sum === clean ? '' : `with ${hook} replaced `}is ${sum.mean}: the weights hold NaN or Inf, or their values leave f32.`,
      );
  const result = {
    ce: clean.mean,
    tokens: rows,
    predictions: clean.tokens,
    context: sequences.T,
    ...sayAdjusted([...contextAdjusted(options, workspace, sequences.T), ...adjusted]),
    ...modelFacts(workspace),
    ...(hook === undefined ? {} : { splice: { hook, mode, ce: spliced.mean } }),
  };
  finish(options.flag('json'), result, () =>
    [
      `CE ${clean.mean.toFixed(4)} nats over ${clean.tokens} predictions of ${rows} tokens`,
      ...(hook === undefined ? [] : [`CE ${spliced.mean.toFixed(4)} with ${hook} replaced (${mode})`]),
    ].join('\n'),
  );
  return 0;
}
