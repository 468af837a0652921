/**
 * Do the shards' rows come from this hook of this model? Their own tokens are run through the model and the rows compared; where there are
 * no tokens (or nobody knows in what order), column means, spreads and norms are compared with those of a text.
 */
import type { Gpu } from '../gpu/device';
import { HarvestSource } from '../lm/harvest';
import type { LanguageModel } from '../lm/model';
import type { Sequences } from './evaluation';
import { type Fit, fitOf, judge, type Likeness, likeness, type RowMoments, rowMoments } from './rowFit';
import { type ShardRows, sampledRows, type Window, windowsOf } from './shardWindows';

/**
 * `rows`: the model gives these very rows. `moments`: means, spreads and norms are those of the hook. `mismatch`: they come from elsewhere.
 * `unknown`: nothing could be compared.
 */
export interface HookCheck {
  verdict: 'rows' | 'moments' | 'mismatch' | 'unknown';
  /** What was compared and found, a sentence. */
  found: string;
  /** Another hook of the model that gives these rows. */
  instead?: string;
  /** The shards' tokens stand in the order of a text: whole sequences, or rows that the model gives from them. */
  inOrder: boolean;
}

/** Median over rows of the difference's share of the norm: above it rows are others. Rows computed or kept in 8-bit mantissas are at 0.01 to 0.03. */
const SAME = 0.05;
/** Below it nobody asks whether another hook fits better. */
const CLEARLY = 0.01;
/** A deep model has hundreds of hooks: with all of one width are compared so many rows of so many windows, or so many tokens of the text. */
const ROWS_FOR_OTHERS = 64;
const WINDOWS_FOR_OTHERS = 2;
const TOKENS_FOR_OTHERS = 256;
/** Moments at the hook are of so many tokens of the text and rows of the shards. */
const TEXT_TOKENS = 1024;
const SHARD_ROWS = 2048;

export interface CheckSetting {
  gpu: Gpu;
  model: LanguageModel;
  modelLabel: string;
  hook: string;
  shards: readonly ShardRows[];
  /** Token that begins documents, where the tokenizer has one. */
  bos: number | undefined;
  /** Text to compare moments with. */
  text: Sequences | undefined;
}

/** @throws DataError when a file cannot be read; Error when the GPU is lost. */
export async function checkHook(setting: CheckSetting): Promise<HookCheck> {
  const { shards, model, modelLabel } = setting;
  const { vocab, context } = model.config;
  const sample = await windowsOf(shards, context);
  const foreign = sample.windows.flatMap(({ tokens }) => [...tokens]).find((id) => id >= vocab || id < 0);
  if (foreign !== undefined) {
    const found = `the shards' tokens hold id ${foreign}, the vocabulary of ${modelLabel} has ${vocab}: they come from another model.`;
    return { verdict: 'mismatch', found, inOrder: sample.isOrdered };
  }
  const byRows = sample.windows.length > 0 ? await compareRows(setting, sample.windows) : undefined;
  if (byRows?.verdict === 'rows' || byRows?.instead !== undefined) return { ...byRows, inOrder: true };
  // Whole sequences have no other order than their own: where their rows differ, they are others.
  if (byRows && sample.isOrdered) return { ...byRows, inOrder: true };
  return { ...(await compareMoments(setting)), inOrder: sample.isOrdered };
}

type Finding = Omit<HookCheck, 'inOrder'>;

async function compareRows(setting: CheckSetting, windows: readonly Window[]): Promise<Finding> {
  const { hook, modelLabel, model } = setting;
  const own = await fitAt(setting, hook, windows);
  const rows = own.rows;
  const differ = (share: number) => `${share < 0.0995 ? (100 * share).toPrecision(2) : Math.round(100 * share)} % of their norm`;
  if (own.plain <= CLEARLY)
    return fits(
      `${rows} rows of the shards are what ${modelLabel} gives at ${hook} for their tokens (they differ by ${differ(own.plain)})`,
    );
  const others = model.hooks.filter(({ name, width }) => name !== hook && width === model.hookWidth(hook));
  const few = shorten(windows.slice(0, WINDOWS_FOR_OTHERS), ROWS_FOR_OTHERS);
  let best: { name: string; error: number } | undefined;
  for (const { name } of others) {
    const error = (await fitAt(setting, name, few)).plain;
    if (!best || error < best.error) best = { name, error };
  }
  const isBetter = best !== undefined && best.error <= SAME && best.error < own.plain / 2;
  if (best && isBetter) {
    const found = `the shards' rows are not those of ${hook} (they differ by ${differ(own.plain)}) but those of ${best.name} of ${modelLabel}.`;
    return { verdict: 'mismatch', found, instead: best.name };
  }
  if (own.plain <= SAME)
    return fits(
      `${rows} rows of the shards are what ${modelLabel} gives at ${hook} for their tokens, to low precision (they differ by ${differ(own.plain)})`,
    );
  const why = await diagnose(setting, windows, own);
  const found = `the shards' rows are not what ${modelLabel} gives at ${hook} for their tokens: they differ by ${differ(own.plain)}. ${why}`;
  return { verdict: 'mismatch', found };
}

const fits = (found: string): Finding => ({ verdict: 'rows', found: `${found}.` });

/** What would make the rows the hook's, if one of the usual things does. */
async function diagnose(setting: CheckSetting, windows: readonly Window[], own: Fit): Promise<string> {
  const { hook, bos, model } = setting;
  if (own.scaled.error <= SAME)
    return `They are those rows times ${Number(own.scaled.factor.toPrecision(4))}: they were scaled when they were written. Write them as they are.`;
  if (own.centered <= SAME)
    return 'They are those rows less each row’s own mean, as TransformerLens’ from_pretrained centres them: write them with from_pretrained_no_processing.';
  if (own.shifted <= SAME)
    return 'They are those rows less one vector: a mean was subtracted when they were written. Write them as they are.';
  if (bos !== undefined) {
    const fit = await fitAt(setting, hook, windows, bos);
    if (fit.plain <= SAME)
      return `They are those rows when BOS (id ${bos}) is put in front of each sequence, which their tokens lack. Save the tokens as the model read them.`;
  }
  const width = model.hookWidth(hook);
  const hooks = model.hooks.filter((other) => other.width === width).length;
  return hooks > 1
    ? `None of its ${hooks} hooks of that width gives them: they come from another model, or were changed.`
    : 'They come from another model, or were changed.';
}

/** Windows of one place are alternatives (nobody says which of them begins a sequence): the best counts. @param before a token in front of each. */
async function fitAt({ gpu, model }: CheckSetting, hook: string, windows: readonly Window[], before?: number): Promise<Fit> {
  const places = new Map<number, Fit[]>();
  for (const { place, tokens, rows } of windows) {
    const extra = before === undefined ? 0 : 1;
    const T = Math.min(tokens.length + extra, model.config.context);
    const read = new Uint32Array(T);
    if (before !== undefined) read[0] = before;
    read.set(tokens.subarray(0, T - extra), extra);
    const values = await harvested(gpu, model, hook, { tokens: read, n: 1, T });
    const d = model.hookWidth(hook);
    const fit = fitOf(rows.subarray(0, (T - extra) * d), values.subarray(extra * d), d);
    places.set(place, [...(places.get(place) ?? []), fit]);
  }
  const chosen = [...places.values()].map((fits) => fits.reduce((a, b) => (b.plain < a.plain ? b : a)));
  // The worst of the places: files of two origins must not pass because most rows are of one.
  const worst = (of: (fit: Fit) => number) => Math.max(...chosen.map(of));
  const factors = chosen.map(({ scaled }) => scaled.factor);
  const agree = Math.max(...factors) - Math.min(...factors) <= SAME * Math.abs(factors[0] as number);
  return {
    rows: chosen.reduce((sum, { rows }) => sum + rows, 0),
    plain: worst(({ plain }) => plain),
    scaled: { factor: factors[0] as number, error: agree ? worst(({ scaled }) => scaled.error) : Number.POSITIVE_INFINITY },
    centered: worst(({ centered }) => centered),
    shifted: worst(({ shifted }) => shifted),
  };
}

const shorten = (windows: readonly Window[], rows: number): Window[] => {
  const each = Math.max(8, Math.floor(rows / windows.length));
  return windows.map(({ place, tokens, rows: values }) => {
    const n = Math.min(each, tokens.length);
    return { place, tokens: tokens.subarray(0, n), rows: values.subarray(0, (values.length / tokens.length) * n) };
  });
};

async function harvested(gpu: Gpu, model: LanguageModel, hook: string, { tokens, n, T }: Sequences): Promise<Float32Array> {
  const block = await new HarvestSource(gpu, model, hook, { tokens, count: n, T }).read(0, n * T);
  return new Float32Array(block.bytes.buffer, block.bytes.byteOffset, n * T * block.d);
}

async function compareMoments({ gpu, model, modelLabel, hook, shards, text }: CheckSetting): Promise<Finding> {
  if (!text)
    return { verdict: 'unknown', found: 'the shards have no tokens in a known order that could be compared, and there is no text.' };
  const width = model.hookWidth(hook);
  const own = rowMoments(await sampledRows(shards, SHARD_ROWS), width);
  if (!own) return { verdict: 'unknown', found: 'no sampled row of the shards is finite.' };
  const windowsOfText = (tokens: number) => Math.max(1, Math.min(text.n, Math.floor(tokens / text.T)));
  const likenessTo = async (name: string, tokens: number): Promise<Likeness> =>
    likeness(own, rowMoments(await harvested(gpu, model, name, { ...text, n: windowsOfText(tokens) }), width) as RowMoments);
  const at = await likenessTo(hook, TEXT_TOKENS);
  const verdict = judge(at, width);
  const alike: string[] = [];
  for (const { name } of model.hooks) {
    if (name !== hook && model.hookWidth(name) === width && judge(await likenessTo(name, TOKENS_FOR_OTHERS), width) === 'alike')
      alike.push(name);
  }
  const compared = `${own.rows} rows of the shards against ${windowsOfText(TEXT_TOKENS) * text.T} tokens of the text at ${hook} of ${modelLabel}`;
  const figures = `the columns' spreads correlate by ${at.spread.toFixed(2)}, the norms' ratio is ${Number(at.norm.toPrecision(3))}`;
  const also = alike.length === 0 ? '' : ` So are those of ${alike.join(', ')}: moments cannot tell these places apart.`;
  if (verdict === 'alike')
    return { verdict: 'moments', found: `means, spreads and norms are those of the hook (${compared}: ${figures}).${also}` };
  if (verdict === 'foreign') {
    const nearer =
      alike.length === 0 ? 'They come from another model or hook, or were changed.' : `They are like those of ${alike.join(', ')}.`;
    return { verdict: 'mismatch', found: `the shards' rows are not like those of the hook (${compared}: ${figures}). ${nearer}` };
  }
  return { verdict: 'unknown', found: `means, spreads and norms do not tell (${compared}: ${figures}).` };
}
