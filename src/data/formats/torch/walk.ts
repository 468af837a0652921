/** Finds the tensors in what a pickle says, and gives them names. */
import { describe, PickleError, shown, type Tensor, type Value } from './values';

/** Tensors under one name: one, or a list of them that may be one array in pieces. */
export interface Found {
  readonly name: string;
  readonly tensors: readonly Tensor[];
  readonly isList: boolean;
}

export interface Contents {
  found: Found[];
  metadata: Map<string, string>;
}

/** Deeper nesting holds no activations; a list that holds itself is endless. */
const MAX_DEPTH = 64;
/** A list may hold a list many times, which would multiply; so visits are counted, not values. No honest pickle has as many instructions. */
const MAX_VISITS = 10_000_000;
const MAX_TENSORS = 1_000_000;
const MAX_NOTES = 1000;
const MAX_NOTE = 4096;

/** @throws PickleError when there is no tensor, or no end to it. */
export function findTensors(root: Value): Contents {
  const walk = new Walk();
  walk.visit(root, undefined, 0);
  if (walk.contents.found.length > 0) return walk.contents;
  throw new PickleError(`holds no tensors: what was saved is ${describe(root)}.`);
}

class Walk {
  readonly contents: Contents = { found: [], metadata: new Map() };
  private readonly names = new Set<string>();
  private visits = 0;
  private tensors = 0;

  /** `name` is undefined at the top, where one tensor has none. */
  visit(value: Value, name: string | undefined, depth: number): void {
    this.count(1);
    if (depth > MAX_DEPTH) throw new PickleError(`is nested deeper than ${MAX_DEPTH} levels, or holds itself.`);
    if (typeof value !== 'object' || value === null) return this.note(value, name);
    switch (value.kind) {
      case 'tensor':
        return this.add({ name: name ?? '', tensors: [value], isList: false });
      case 'dict':
        for (const [key, item] of value.entries) this.visit(item, joined(name, keyName(key)), depth + 1);
        return;
      case 'list':
      case 'tuple':
        return this.visitList(value.items, name, depth);
      case 'object':
        return this.visitObject(value.state?.entries, name, depth);
      case 'global':
        return this.note(value.name, name);
    }
  }

  private count(visits: number): void {
    this.visits += visits;
    if (this.visits > MAX_VISITS) throw new PickleError(`holds more than ${MAX_VISITS} values in its lists and dicts.`);
  }

  private visitList(items: readonly Value[], name: string | undefined, depth: number): void {
    this.count(items.length);
    const tensors = items.filter((item): item is Tensor => typeof item === 'object' && item !== null && item.kind === 'tensor');
    if (tensors.length > 0 && tensors.length === items.length) return this.add({ name: name ?? '', tensors, isList: true });
    for (const [i, item] of items.entries()) {
      // Numbers and words of a list are data, not notes on it.
      if (typeof item === 'object' && item !== null) this.visit(item, joined(name, String(i)), depth + 1);
    }
  }

  /** A TransformerLens cache is its dict of activations. */
  private visitObject(state: ReadonlyMap<Value, Value> | undefined, name: string | undefined, depth: number): void {
    for (const [key, item] of state ?? []) {
      this.visit(item, key === 'cache_dict' ? name : joined(name, keyName(key)), depth + 1);
    }
  }

  private add(found: Found): void {
    if (found.name.length > MAX_NOTE) throw new PickleError(`has a tensor with a name of ${found.name.length} characters.`);
    if (this.names.has(found.name))
      throw new PickleError(
        `holds two tensors that would both be called ${JSON.stringify(shown(found.name))}.`,
        'Rename one of them and save again.',
      );
    this.tensors += found.tensors.length;
    if (this.tensors > MAX_TENSORS)
      throw new PickleError(`holds more than ${MAX_TENSORS} tensors.`, 'Join those of one kind: torch.save(torch.cat(tensors), FILE)');
    this.names.add(found.name);
    this.contents.found.push(found);
  }

  private note(value: string | number | bigint | boolean | null, name: string | undefined): void {
    const { metadata } = this.contents;
    if (value === null || name === undefined || name.length > MAX_NOTE || metadata.size >= MAX_NOTES || metadata.has(name)) return;
    const text = String(value);
    metadata.set(name, text.length > MAX_NOTE ? `${text.slice(0, MAX_NOTE)}…` : text);
  }
}

const joined = (name: string | undefined, key: string): string => (name === undefined ? key : `${name}.${key}`);

/** A key of a dict as a part of a name: strings as they are, `(5, 'resid')` as `5.resid`. */
function keyName(key: Value): string {
  if (typeof key !== 'object') return String(key);
  const isShort = (part: Value) => typeof part !== 'object' && !(typeof part === 'string' && part.length > MAX_NOTE);
  if (key?.kind === 'tuple' && key.items.length <= 8 && key.items.every(isShort)) return key.items.map(String).join('.');
  return describe(key);
}
