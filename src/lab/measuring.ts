/**
 * What runs are measured on, decided before they start, and what that rests on, in words: the hook and whether the rows come from it, the
 * evaluation text and how much of it was trained on. Where loss recovered would be a wrong number it is not measured, and the reason is said.
 */
import type { ShardSource } from '../data/rows/shard';
import type { Split } from '../data/rows/split';
import type { RowSource } from '../data/rows/types';
import type { Gpu } from '../gpu/device';
import type { EvaluationSource, Sequences } from './evaluation';
import { limitSequences, ownSequences, rowsEvaluation } from './heldOut';
import { checkHook } from './hookCheck';
import type { HookInUse } from './hookInUse';
import type { LoadedModel } from './loadedModel';
import { RUN, seenTokens, unseenFirst } from './overlap';
import type { Provenance } from './protocol';
import type { LoadedText } from './textInput';

export interface Measuring {
  evaluation: EvaluationSource;
  provenance: Provenance;
}

export interface ShardsMeasured {
  gpu: Gpu;
  loaded: LoadedModel | undefined;
  hook: HookInUse;
  /** The hook is taken whatever the shards say and the check finds. */
  insists: boolean;
  shards: readonly ShardSource[];
  /** The shards as they are read, without what is left out. */
  sources: readonly RowSource[];
  split: Split;
  text: LoadedText | undefined;
  /** Most tokens of an evaluation. */
  evalTokens: number;
  onProgress?: ((note: string, fraction: number) => void) | undefined;
}

/** Of a text, so many times what is evaluated on is looked through for windows that were not trained on, and at least LOOKED_THROUGH tokens. */
const CANDIDATES = 16;
const LOOKED_THROUGH = 2 ** 21;
/** Training tokens that are compared with them, at most. */
const MOST_COMPARED = 2 ** 27;
const TOKENS_AT_ONCE = 2 ** 20;

/** @throws DataError when a file cannot be read. */
export async function measureShards(setting: ShardsMeasured): Promise<Measuring> {
  const { gpu, loaded, hook, insists, shards, sources, split, text, evalTokens } = setting;
  const known = { ...(hook.hook !== undefined && { hook: hook.hook }), ...(hook.from !== undefined && { hookFrom: hook.from }) };
  const onRows = (more: Provenance): Measuring => ({ evaluation: rowsEvaluation(sources, split), provenance: { ...known, ...more } });
  const unchecked = (found: string) => ({ hookCheck: { verdict: 'unchecked' as const, found } });
  if (!loaded) return onRows(known.hook === undefined ? {} : unchecked('there is no language model to compare the rows with.'));
  if (hook.hook === undefined) return onRows({ lossProblem: hook.problem ?? 'no hook is known.' });
  const { model, label, tokeniser } = loaded;
  const hasTokens = shards.every(({ facts }) => facts.hasTokens);
  if (!text && !hasTokens) return onRows({ ...unchecked('there is no text.'), lossProblem: NO_TEXT });
  setting.onProgress?.('comparing the rows with what the model gives', 0);
  const check = await checkHook({ gpu, model, modelLabel: label, hook: hook.hook, shards, bos: tokeniser?.bos, text: text?.sequences });
  const isForced = insists && check.verdict !== 'rows';
  const { verdict, found, instead } = check;
  const hookCheck = { verdict: isForced ? ('trusted' as const) : verdict, found, ...(instead !== undefined && { instead }) };
  if (check.verdict === 'mismatch' && !isForced) return onRows({ hookCheck, lossProblem: check.found });
  const own = text ? undefined : await ownSequences(shards, split, model.config, evalTokens, check.inOrder);
  if (own && 'problem' in own) return onRows({ hookCheck, lossProblem: own.problem });
  const all = own?.sequences ?? (text as LoadedText).sequences;
  const chosen = await heldOutOf(all, setting, check.inOrder, own === undefined);
  return {
    evaluation: { kind: 'model', model, hook: hook.hook, sequences: chosen.sequences },
    provenance: { ...known, hookCheck, ...chosen.said },
  };
}

export const NO_TEXT =
  'loss recovered needs a text, and the shards have no tokens of their own: give a text file, or a file of token sequences.';

interface Chosen {
  sequences: Sequences;
  said: Pick<Provenance, 'evalTokensSeen' | 'evalText'>;
}

/** The first sequences that were not trained on, as far as that can be known. */
async function heldOutOf(all: Sequences, setting: ShardsMeasured, inOrder: boolean, isText: boolean): Promise<Chosen> {
  const { shards, split, evalTokens } = setting;
  const what = isText ? `the text ${setting.text?.label}` : 'held-out sequences of the shards themselves';
  const hasTokens = shards.every(({ facts }) => facts.hasTokens);
  const unknown = (why: string): Chosen => ({
    sequences: limitSequences(all, evalTokens),
    said: { evalText: `measured on ${what}; how much of it was trained on cannot be known: ${why}.` },
  });
  if (!hasTokens) return unknown('the shards have no tokens. It must not be the text that they were made from');
  const candidates = limitSequences(all, Math.max(LOOKED_THROUGH, CANDIDATES * evalTokens));
  const compared = { tokens: 0 };
  const seen = await seenTokens(candidates, trainingTokens(setting, compared));
  const { sequences, seen: count, passedOver } = unseenFirst(candidates, seen, Math.max(1, Math.floor(evalTokens / all.T)));
  if (count === 0 && passedOver === 0 && !inOrder) return unknown('nobody says in what order the shards’ tokens stand');
  const of = sequences.n * sequences.T;
  const whole = compared.tokens < split.trainRows ? `the first ${compared.tokens} of ${split.trainRows}` : `${compared.tokens}`;
  const skipped = passedOver > 0 ? ` ${passedOver} ${passedOver === 1 ? 'window was' : 'windows were'} passed over: trained on.` : '';
  const evalText = `measured on ${what}: ${count} of ${of} tokens were trained on (in runs of ${Math.min(RUN, all.T)}, against ${whole} training tokens).${skipped}`;
  return { sequences, said: { evalTokensSeen: { seen: count, of }, evalText } };
}

async function* trainingTokens({ shards, split, onProgress }: ShardsMeasured, compared: { tokens: number }) {
  for (const { source, start, rows } of split.train) {
    for (let at = 0; at < rows && compared.tokens < MOST_COMPARED; at += TOKENS_AT_ONCE) {
      const n = Math.min(TOKENS_AT_ONCE, rows - at, MOST_COMPARED - compared.tokens);
      const tokens = await shards[source]?.readTokens(start + at, n);
      if (!tokens) return;
      compared.tokens += n;
      onProgress?.('comparing the evaluation text with the training tokens', compared.tokens / Math.min(split.trainRows, MOST_COMPARED));
      yield { tokens, follows: at > 0 };
    }
  }
}

/** Rows that the model itself computes from a text. @param heldOut windows measured on. @param train the others. */
export async function measureHarvest(
  { model }: LoadedModel,
  { hook, from }: HookInUse,
  text: LoadedText,
  heldOut: Sequences,
  train: Sequences,
): Promise<Measuring> {
  if (hook === undefined) throw new Error('this model has no hook.');
  const seen = await seenTokens(heldOut, once(train.tokens));
  const [count, of] = [seen.reduce((sum, one) => sum + one, 0), heldOut.n * heldOut.T];
  return {
    evaluation: { kind: 'model', model, hook, sequences: heldOut },
    provenance: {
      hook,
      ...(from !== undefined && { hookFrom: from }),
      hookCheck: { verdict: 'computed', found: 'this model computes the rows there.' },
      evalTokensSeen: { seen: count, of },
      evalText: `measured on the first windows of ${text.label}, held out: ${count} of ${of} tokens stand in the windows trained on too (in runs of ${Math.min(RUN, heldOut.T)}).`,
    },
  };
}

async function* once(tokens: Uint32Array) {
  yield { tokens, follows: false };
}
