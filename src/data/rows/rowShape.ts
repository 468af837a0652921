/** How an array of activations is read as rows: which axes count rows, which are the width, and what of that is an assumption. */
import { DataError } from '../bytes/types';
import type { ArrayEntry } from '../formats/container';
import { countOf } from './masks';

/** Wider rows are no activations, and one of them would be megabytes. */
const MAX_WIDTH = 2 ** 20;
/** What TransformerLens calls the vectors of single heads: `[B, S, H, Dh]`. */
const PER_HEAD = /(^|\.)hook_[qkvz]$/;

export interface RowShape {
  rows: number;
  d: number;
  /** Rows per sequence, 1 where the shape does not tell. */
  sequence: number;
  /** What was taken for granted, for the user to confirm. */
  assumptions: string[];
}

export const typed = ({ dtype, shape }: ArrayEntry): string => `${dtype.toUpperCase()} [${shape.join(', ')}]`;
export const describe = (entry: ArrayEntry): string =>
  `${entry.name === '' ? 'the array' : `tensor ${JSON.stringify(entry.name)}`} is ${typed(entry)}`;

/** True for shapes that are read. @param hook where the activations were taken, when something says so. */
export const hasRowShape = ({ shape, name }: ArrayEntry, hook = name): boolean =>
  shape.length === 2 || shape.length === 3 || (shape.length === 4 && PER_HEAD.test(hook));

/**
 * `[N, D]`, `[B, S, D]` or `[N, 1, D]` (SAELens <= v3: one layer per file); of the vectors of heads also `[B, S, H, Dh]`, whose rows are all heads
 * of a position side by side.
 * @param hook where the activations were taken, when something says so.
 * @param beside shapes of the tokens and masks in the same file.
 * @throws DataError
 */
export function rowShape(path: string, entry: ArrayEntry, hook: string | undefined, beside: readonly (readonly number[])[]): RowShape {
  const found = interpret(path, entry, hook ?? entry.name, beside);
  const refuse = (what: string) => new DataError(path, `${describe(entry)}${what}`);
  if (found.rows === 0 || found.d === 0) throw refuse(': it has no rows. Remove the file or write it again.');
  if (found.d > MAX_WIDTH)
    throw refuse(`: its rows are ${found.d} wide, at most ${MAX_WIDTH} are read. Choose another tensor, or reshape it.`);
  if (!Number.isSafeInteger(found.rows * found.d)) throw refuse(': its size is beyond any file. The file is damaged: write it again.');
  return found;
}

function interpret(path: string, entry: ArrayEntry, hook: string, beside: readonly (readonly number[])[]): RowShape {
  const { shape, isSequences } = entry;
  const [a, b, c, e] = shape as [number, number, number, number];
  const shown = `[${shape.join(', ')}]`;
  const isPerHead = PER_HEAD.test(hook);
  if (shape.length === 2) {
    // Rows are many and columns few, but for the last of many shards.
    const turned = a > 1 && a < b ? [`${shown} read as ${a} rows of width ${b}; if the first axis is the width, transpose it: acts.T`] : [];
    return { rows: a, d: b, sequence: 1, assumptions: turned };
  }
  if (shape.length === 4 && isPerHead) {
    const joined = `${shown} of ${hook} read as rows of ${c} heads side by side, ${c} × ${e} = ${c * e} wide`;
    return { rows: a * b, d: c * e, sequence: Math.max(1, b), assumptions: [joined] };
  }
  if (shape.length !== 3) {
    const heads = shape.length === 4 ? 'If its last axes are heads and their width, join them: acts.flatten(2). ' : '';
    throw new DataError(path, `${describe(entry)}; activations must be [rows, d] or [batch, sequence, d]. ${heads}Reshape it.`);
  }
  if (isPerHead && beside.some((own) => countOf(own) === a) && b > 1) {
    const joined = `${shown} of ${hook} read as ${a} rows of ${b} heads side by side, ${b} × ${c} = ${b * c} wide, for there are ${a} tokens`;
    return { rows: a, d: b * c, sequence: 1, assumptions: [joined] };
  }
  const isSure = b <= 1 || isSequences === true || beside.some((own) => own.length === 2 && own[0] === a && own[1] === b);
  const other = isPerHead
    ? 'if the middle axis is heads, join them before saving: acts.flatten(-2)'
    : 'if the middle axis is layers, save one of them: acts[:, layer]';
  // A hook is one place in the model: the axis can be no layers.
  const assumptions =
    isSure || (!isPerHead && /(^|\.)hook_\w+$/.test(hook)) ? [] : [`${shown} read as ${a} sequences of ${b} rows; ${other}`];
  return { rows: a * b, d: c, sequence: Math.max(1, b), assumptions };
}
