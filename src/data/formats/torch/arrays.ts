/** Arrays out of tensors: each a view of a storage of the archive, or a list of them one after another. */
import { DataError } from '../../bytes/types';
import { type ArrayEntry, STORED_BYTES, type StoredDtype } from '../container';
import type { ZipMember } from '../zip/archive';
import { readView, type View } from './strided';
import { shown, type Tensor } from './values';
import type { Found } from './walk';

/** What tensors refer to. */
export interface Storages {
  readonly path: string;
  readonly isBigEndian: boolean;
  member(key: string): ZipMember | undefined;
}

const FLOATS: readonly StoredDtype[] = ['f16', 'bf16', 'f32', 'f64'];
/** A stride of 0 makes any number of values out of a few bytes; no more than this many are believed. */
const MAX_EXPANDED = 2 ** 31;
const MAX_VALUES = 2 ** 44;
const MAX_ARRAYS = 100_000;
/** Bytes of one call; more than any caller asks for, less than an ArrayBuffer's bound. */
const MAX_READ = 2 ** 30;
/** Pieces of a list read at once. */
const CONCURRENCY = 16;

const DAMAGED = 'The file is damaged: copy or save it again.';

const countOf = (shape: readonly number[]): number => (shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1));

/** Arrays by name, and what was assumed. @throws DataError when a tensor reaches out of its storage. */
export function makeArrays(found: readonly Found[], storages: Storages): { arrays: Map<string, ArrayEntry>; assumptions: string[] } {
  const arrays = new Map<string, ArrayEntry>();
  const assumptions: string[] = [];
  const add = (name: string, dtype: StoredDtype, shape: readonly number[], tensors: readonly Tensor[]) => {
    if (arrays.has(name))
      throw new DataError(storages.path, `two tensors would both be called ${quoted(name)}. Rename one of them and save again.`);
    if (arrays.size >= MAX_ARRAYS)
      throw new DataError(storages.path, `holds more than ${MAX_ARRAYS} separate tensors. Join those of one kind: torch.cat(tensors)`);
    if (!(countOf(shape) <= MAX_VALUES))
      throw new DataError(storages.path, `tensor ${quoted(name)}: its size [${shape.join(', ')}] is beyond any file. ${DAMAGED}`);
    arrays.set(
      name,
      new TensorArray(
        storages.path,
        name,
        dtype,
        shape,
        tensors.map((tensor) => viewOf(tensor, name, storages)),
      ),
    );
  };
  const shapes = joinedShapes(found);
  for (const entry of found) {
    const { name, tensors, isList } = entry;
    const [first] = tensors as [Tensor];
    const shape = isList ? shapes.get(entry) : first.shape;
    if (shape) {
      add(name, first.dtype, shape, tensors);
      if (tensors.length > 1)
        assumptions.push(
          `${listName(name)} of ${tensors.length} tensors is read as one array [${shape.join(', ')}], one tensor after another`,
        );
    } else {
      for (const [i, tensor] of tensors.entries()) add(name === '' ? String(i) : `${name}.${i}`, tensor.dtype, tensor.shape, [tensor]);
    }
  }
  return { arrays, assumptions };
}

const quoted = (name: string): string => JSON.stringify(shown(name));
const listName = (name: string): string => (name === '' ? 'the list' : `the list ${quoted(name)}`);

/** Which lists are one array in pieces, and of what shape. */
function joinedShapes(found: readonly Found[]): Map<Found, number[]> {
  const shapes = new Map<Found, number[]>();
  const lists = found.filter((entry) => entry.isList);
  const tokenLists = lists.filter(({ tensors }) => tensors.every((t) => isInteger(t) && t.dtype === tensors[0]?.dtype));
  const tokenLengths = new Set(tokenLists.map((list) => lengths(list, countOf)));
  const promptLengths = new Set<string>();
  for (const list of lists) {
    const shape = joinedFloats(list, tokenLengths);
    if (!shape) continue;
    shapes.set(list, shape);
    promptLengths.add(lengths(list, rowsIn));
  }
  for (const list of tokenLists) {
    if (promptLengths.has(lengths(list, countOf))) shapes.set(list, [sum(list.tensors, countOf)]);
  }
  return shapes;
}

/** The shape of a list of prompts as one array, undefined when it is something else. `tokenLengths`: of the lists of ids beside it. */
function joinedFloats(list: Found, tokenLengths: ReadonlySet<string>): number[] | undefined {
  const { tensors } = list;
  const [{ dtype, shape }] = tensors as [Tensor];
  const d = shape.at(-1);
  if (shape.length < 2 || d === undefined) return undefined;
  if (!tensors.every((t) => isFloat(t) && t.dtype === dtype && t.shape.length === shape.length && t.shape.at(-1) === d)) return undefined;
  const isSameInside = tensors.every((t) => t.shape.slice(1).every((n, i) => n === shape[i + 1]));
  if (shape.length > 2 && tensors.length > 1 && isSameInside && tensors.every((t) => t.shape[0] === shape[0])) {
    // Equal [batch, position, width] may as well be the layers of one pass; only ids beside them tell that they are prompts.
    if (!tokenLengths.has(lengths(list, rowsIn))) return undefined;
  }
  return isSameInside ? [sum(tensors, ([n]) => n as number), ...shape.slice(1)] : [sum(tensors, rowsIn), d];
}

const isFloat = ({ dtype }: Tensor): boolean => FLOATS.includes(dtype);
const isInteger = ({ dtype }: Tensor): boolean => !dtype.includes('f');

/** Rows of one element of a list of prompts: all axes but the last. */
const rowsIn = (shape: readonly number[]): number => countOf(shape.slice(0, -1));

const sum = (tensors: readonly Tensor[], of: (shape: readonly number[]) => number): number => tensors.reduce((n, t) => n + of(t.shape), 0);

/** A list's lengths as text, for comparing lists. */
const lengths = (list: Found, of: (shape: readonly number[]) => number): string => list.tensors.map((t) => of(t.shape)).join();

/** A view whose bounds are checked. */
function viewOf(tensor: Tensor, name: string, { path, isBigEndian, member: find }: Storages): View {
  const { storage, dtype, offset, shape, strides } = tensor;
  const refuse = (what: string, remedy = DAMAGED) => new DataError(path, `tensor ${quoted(name)}: ${what}. ${remedy}`);
  const member = find(storage.key);
  if (!member) throw refuse(`its values should be in data/${shown(storage.key)}, which is not in the archive`);
  const unit = storage.dtype === 'untyped' ? 1 : STORED_BYTES[storage.dtype];
  if (Math.floor(member.size / unit) !== storage.numel)
    throw refuse(`its storage should have ${storage.numel} values of ${unit} bytes, ${quoted(member.name)} has ${member.size} bytes`);
  const width = STORED_BYTES[dtype];
  const inStorage = Math.floor(member.size / width);
  const count = countOf(shape);
  const described = () => `[${shape.join(', ')}] with strides [${strides.join(', ')}] from value ${offset}`;
  const end = count === 0 ? 0 : shape.reduce((last, n, i) => last + (n - 1) * (strides[i] as number), offset) + 1;
  if (!(end <= inStorage)) throw refuse(`${described()} ends at value ${end}, its storage has ${inStorage}`);
  if (count > inStorage && count > MAX_EXPANDED)
    throw refuse(`${described()} repeats the ${inStorage} values of its storage ${count} times over`, 'Save fewer repetitions.');
  return { storage: member, width, isBigEndian, offset, shape, strides };
}

class TensorArray implements ArrayEntry {
  /** First value of each view, and the number of all. */
  private readonly starts: number[] = [0];

  constructor(
    private readonly path: string,
    readonly name: string,
    readonly dtype: StoredDtype,
    readonly shape: readonly number[],
    private readonly views: readonly View[],
  ) {
    let total = 0;
    for (const view of views) {
      total += countOf(view.shape);
      this.starts.push(total);
    }
  }

  async read(from: number, count: number): Promise<Uint8Array> {
    const width = STORED_BYTES[this.dtype];
    const total = this.starts.at(-1) as number;
    const isInside = Number.isSafeInteger(from) && Number.isSafeInteger(count) && from >= 0 && count >= 0 && from + count <= total;
    if (!isInside)
      throw new DataError(this.path, `tensor ${quoted(this.name)}: values ${from} to ${from + count} were asked for, it has ${total}.`);
    if (count * width > MAX_READ)
      throw new DataError(this.path, `tensor ${quoted(this.name)}: ${count} values were asked for at once; read fewer at a time.`);
    const parts = this.partsOf(from, count);
    const [only] = parts;
    if (only && parts.length === 1) return readView(only.view, only.from, only.count);
    const out = new Uint8Array(count * width);
    for (let i = 0; i < parts.length; i += CONCURRENCY) {
      await Promise.all(
        parts.slice(i, i + CONCURRENCY).map(async (part) => out.set(await readView(part.view, part.from, part.count), part.at * width)),
      );
    }
    return out;
  }

  private partsOf(from: number, count: number): { view: View; from: number; count: number; at: number }[] {
    const parts = [];
    for (let i = this.viewAt(from), at = 0; at < count; i++) {
      const begin = this.starts[i] as number;
      const inside = from + at - begin;
      const taken = Math.min(count - at, (this.starts[i + 1] as number) - begin - inside);
      if (taken > 0) parts.push({ view: this.views[i] as View, from: inside, count: taken, at });
      at += taken;
    }
    return parts;
  }

  /** Index of the view that holds a value, by halving. */
  private viewAt(value: number): number {
    let low = 0;
    let high = this.views.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] as number) <= value) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
