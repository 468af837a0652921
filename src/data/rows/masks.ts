/** Tokens and masks beside the activations: found by name, used only where their values fall one to a row. */
import type { ArrayEntry, Container, StoredDtype } from '../formats/container';
import { isTokenDtype, TOKEN_NAMES } from '../formats/integers';

/** Names under which the usual tools save which positions are padding: 0 there. In order of preference. */
export const MASK_NAMES = ['mask', 'attention_mask'] as const;

/** Masks of floats are left alone: in some tools 0 means "padding", in others, which add them, "keep". */
export const isMaskDtype = (dtype: StoredDtype): boolean => dtype === 'bool' || isTokenDtype(dtype);

export const countOf = (shape: readonly number[]): number => (shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1));

/** The array of this name: at the top, else the one that is called so inside something (`cache.activations`). */
export function named({ arrays }: Container, name: string): ArrayEntry | undefined {
  const top = arrays.get(name);
  if (top) return top;
  const inside = [...arrays.values()].filter((entry) => entry.name.endsWith(`.${name}`));
  return inside.length === 1 ? inside[0] : undefined;
}

/** `[N]`, `[N, 1]` or `[B, S]` of the rows; of activations `[B, S, D]` only the same B and S. */
function isAligned({ shape }: ArrayEntry, rows: number, sequence: number): boolean {
  if (countOf(shape) !== rows) return false;
  const [, s = 1] = shape;
  return shape.length <= 2 && (shape.length < 2 || s === 1 || sequence === 1 || s === sequence);
}

/** What lies beside the activations. */
export interface Beside {
  tokens?: ArrayEntry;
  mask?: ArrayEntry;
  /** Rows per sequence, which `[B, S]` tokens or masks tell of activations saved as `[N, D]`. */
  sequence: number;
  /** Arrays with a known name that do not fit, one sentence each. */
  notes: string[];
}

/** Shapes of whatever has a name of tokens or masks, whether it fits or not. */
export const shapesBeside = (container: Container): (readonly number[])[] =>
  [...TOKEN_NAMES, ...MASK_NAMES].map((name) => named(container, name)?.shape).filter((shape) => shape !== undefined);

export function findBeside(container: Container, rows: number, sequence: number): Beside {
  const found: Beside = { sequence, notes: [] };
  const search = (names: readonly string[], suits: (dtype: StoredDtype) => boolean, what: string): ArrayEntry | undefined => {
    for (const name of names) {
      const entry = named(container, name);
      if (!entry) continue;
      if (suits(entry.dtype) && isAligned(entry, rows, sequence)) return entry;
      found.notes.push(
        `${what} ${JSON.stringify(entry.name)} ${entry.dtype} [${entry.shape.join(', ')}] left out: ${suits(entry.dtype) ? `not one value for each of the ${rows} rows` : 'not whole numbers'}`,
      );
    }
    return undefined;
  };
  const tokens = search(TOKEN_NAMES, isTokenDtype, 'tokens');
  const mask = search(MASK_NAMES, isMaskDtype, 'mask');
  if (tokens) found.tokens = tokens;
  if (mask) found.mask = mask;
  const [, length = 1] = [tokens, mask].find((entry) => entry?.shape.length === 2)?.shape ?? [];
  if (sequence === 1) found.sequence = length;
  return found;
}

/** `count` values of a mask from value `start`: 1 where any bit is set, 0 at padding. */
export async function readMask(entry: ArrayEntry, start: number, count: number): Promise<Uint8Array> {
  const bytes = await entry.read(start, count);
  const width = bytes.byteLength / Math.max(1, count);
  const out = new Uint8Array(count);
  for (let i = 0; i < bytes.byteLength; i++) if (bytes[i] !== 0) out[Math.floor(i / width)] = 1;
  return out;
}
