/** What a saved SAE asks of the rows that it is measured on, and where these are others than it was made for. */
import { DataError } from '../data/bytes/types';
import type { SaeOrigin } from './saelensCfg';

/** The rows of a measurement, as far as they are known. */
export interface MeasuredRows {
  /** Name of the SAE, for messages. */
  path: string;
  /** TransformerLens name of the hook. */
  hook?: string | undefined;
  /** The model they are computed with; absent for rows from files. */
  model?: { label: string; norm: 'layernorm' | 'rmsnorm' };
  /** Sequences of one length: where they come from, and the token that begins every one of them, if one does. */
  windows?: { T: number; from: 'text' | 'tokens'; firstToken?: number | undefined };
}

export interface Asked {
  /** Each row loses its mean over d before the SAE, and its reconstruction gets it back. */
  centreRows: boolean;
  /** What is done because of cfg.json, and what differs from it, a sentence each. */
  notes: string[];
}

/** What writes into the residual stream, or is it: what `center_writing_weights` changes. */
const WRITES = /(^|\.)hook_(embed|pos_embed|resid_pre|resid_mid|resid_post|attn_out|mlp_out)$/;

/** @throws DataError for changes of the model that show at this hook and are not made here. */
export function askedOf(origin: SaeOrigin, rows: MeasuredRows): Asked {
  const { hook, model, windows } = rows;
  const notes: string[] = [];
  for (const [key, isAsked] of [
    ['fold_value_biases', origin.model.foldValueBiases],
    ['refactor_factored_attn_matrices', origin.model.refactorAttention],
  ] as const) {
    if (!isAsked || !hook?.endsWith('hook_z')) continue;
    const what = `model_from_pretrained_kwargs has ${key}: the SAE was made for other values of hook_z than those of the model as it is saved`;
    if (model) throw new DataError(rows.path, `${what}. Harvest rows from TransformerLens with it and give them as --data.`);
    notes.push(`${what}; the rows are taken to come from a model changed so.`);
  }
  const centreRows = centring(origin, rows, notes);
  if (origin.hookName !== undefined && hook !== undefined && hook !== origin.hookName)
    notes.push(`The SAE was made for ${origin.hookName}; it is measured at ${hook}.`);
  if (model && origin.modelName !== undefined && !isSameName(origin.modelName, model.label))
    notes.push(`The SAE was made for the model ${origin.modelName}; it is measured on ${model.label}.`);
  if (windows) aboutWindows(origin, windows, notes);
  else if (origin.prependBos === false)
    notes.push(
      'cfg.json says prepend_bos false: rows are measured as they are; --drop-bos leaves out the first position of every sequence.',
    );
  return { centreRows, notes };
}

function centring({ model: made }: SaeOrigin, { hook, model }: MeasuredRows, notes: string[]): boolean {
  if (!made.centerWritingWeights) return false;
  const says = 'cfg.json says center_writing_weights';
  if (hook !== undefined && !WRITES.test(hook)) {
    notes.push(`${says}, which changes nothing at ${hook}: rows are measured as they are.`);
    return false;
  }
  if (model?.norm === 'rmsnorm') {
    notes.push(`${says}, which TransformerLens leaves out for a model with RMSNorm: rows are measured as they are.`);
    return false;
  }
  notes.push(
    `${says}: each row loses its mean over d before the SAE and its reconstruction gets it back. Metrics are of the rows without it.${hook === undefined ? ' The hook is not known; one that writes into the residual stream is assumed.' : ''}`,
  );
  return true;
}

function aboutWindows(
  { prependBos, contextSize }: SaeOrigin,
  { T, from, firstToken }: Required<MeasuredRows>['windows'],
  notes: string[],
): void {
  if (from === 'text' && prependBos === false)
    notes.push('cfg.json says prepend_bos false: no BOS stands in front of the documents of the text.');
  if (from === 'tokens' && prependBos === false && firstToken !== undefined)
    notes.push(`cfg.json says prepend_bos false, and every sequence begins with token ${firstToken}: measured as they are.`);
  if (from === 'tokens' && prependBos === true && firstToken === undefined)
    notes.push('cfg.json says prepend_bos, and the sequences do not begin with one common token: measured as they are.');
  if (contextSize !== undefined && contextSize !== T)
    notes.push(`The SAE was made with windows of ${contextSize} tokens; these have ${T}.`);
}

/** `gpt2-small` and `gpt2`, `openai-community/gpt2` and `gpt2`: names of one model differ. */
function isSameName(a: string, b: string): boolean {
  const [x, y] = [a, b].map((name) => name.toLowerCase().split('/').at(-1) as string) as [string, string];
  return x.includes(y) || y.includes(x);
}

/** The token that all sequences `[n, T]` begin with; undefined for fewer than two, or where they differ. */
export function commonFirstToken({ tokens, n, T }: { tokens: ArrayLike<number>; n: number; T: number }): number | undefined {
  for (let i = 1; i < n; i++) if (tokens[i * T] !== tokens[0]) return undefined;
  return n < 2 ? undefined : tokens[0];
}
