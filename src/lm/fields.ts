/** Typed, checked access to the keys of a model's `config.json`. Every refusal names the file, the key and what was found. */
import { DataError } from '../data/bytes/types';

const show = (value: unknown): string => JSON.stringify(value) ?? String(value);

/**
 * One JSON object, read key by key; several spellings of a key may be given, the first present (and not null) wins. It keeps
 * count: what was never read can be listed.
 */
export class Fields {
  private readonly values: Map<string, unknown>;
  private readonly read = new Set<string>();
  private readonly nested = new Map<string, Fields>();

  /** @throws DataError when `json` is no object. */
  constructor(
    readonly path: string,
    json: unknown,
  ) {
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      this.fail('is not a JSON object; expected the config.json of a Hugging Face model folder');
    // A map, so that a key such as "__proto__" or "toString" is never found on a prototype.
    this.values = new Map(Object.entries(json as object));
  }

  fail(message: string): never {
    throw new DataError(this.path, message);
  }

  get(...keys: string[]): unknown {
    for (const key of keys) {
      this.read.add(key);
      const value = this.values.get(key);
      if (value !== undefined && value !== null) return value;
    }
    return undefined;
  }

  /** Whether a key was asked for, there or not. */
  isRead(key: string): boolean {
    return this.read.has(key);
  }

  /** Keys with their values that nobody asked for, nulls left out; keys of objects that were read in part as `outer.inner`. */
  unread(): [key: string, value: unknown][] {
    const own = [...this.values].filter(([key, value]) => value !== null && !this.read.has(key));
    return [
      ...own,
      ...[...this.nested].flatMap(([outer, fields]) =>
        fields.unread().map(([key, value]): [string, unknown] => [`${outer}.${key}`, value]),
      ),
    ];
  }

  /** An integer >= 1. Without a default the key is required. */
  size(keys: string[], otherwise?: number): number {
    const value = this.get(...keys) ?? otherwise;
    if (value === undefined) this.fail(`${keys.join(' / ')} is missing`);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1)
      this.fail(`${keys[0]} is ${show(value)}; expected a positive whole number`);
    return value;
  }

  /** A finite number above 0. Without a default the key is required. */
  positive(keys: string[], otherwise?: number): number {
    const value = this.get(...keys) ?? otherwise;
    if (value === undefined) this.fail(`${keys.join(' / ')} is missing`);
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
      this.fail(`${keys[0]} is ${show(value)}; expected a positive number`);
    return value;
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.get(key) ?? otherwise;
    if (typeof value !== 'boolean') this.fail(`${key} is ${show(value)}; expected true or false`);
    return value;
  }

  text(keys: string[], otherwise?: string): string | undefined {
    const value = this.get(...keys) ?? otherwise;
    if (value !== undefined && typeof value !== 'string') this.fail(`${keys[0]} is ${show(value)}; expected a string`);
    return value;
  }

  /** A nested object, or undefined when absent. */
  object(...keys: string[]): Fields | undefined {
    const value = this.get(...keys);
    if (value === undefined) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) this.fail(`${keys[0]} is ${show(value)}; expected an object`);
    const key = keys.find((name) => this.values.get(name) === value) as string;
    const fields = new Fields(this.path, value);
    this.nested.set(key, fields);
    return fields;
  }

  /** A token id; of a list (Llama 3 has several ends of text) the first. */
  tokenId(key: string): number | undefined {
    const value = this.get(key);
    const id: unknown = Array.isArray(value) ? value[0] : value;
    if (id === undefined) return undefined;
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) this.fail(`${key} is ${show(value)}; expected a token id`);
    return id;
  }

  /** @throws DataError `<what> is not supported` when the key holds anything but `allowed`, one value or several (absent is fine). */
  refuse(key: string, allowed: unknown, what: string): void {
    const value = this.get(key);
    if (value !== undefined && !(Array.isArray(allowed) ? allowed.includes(value) : value === allowed))
      this.fail(`${what} (${key} = ${show(value)}) is not supported`);
  }
}
