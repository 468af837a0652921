/** Activations of a container, of whatever format, as a source of rows. */

import { spareBuffers } from '../bytes/spareBuffers';
import { type ByteSource, DataError, type Unpackable } from '../bytes/types';
import type { ArrayEntry, Container, StoredDtype } from '../formats/container';
import { alignedBytes, decodeFloats, ROW_DTYPE_BYTES } from '../formats/floats';
import { readIntegers } from '../formats/integers';
import { type OpenRecipe, openFile } from '../formats/open';
import { decodeFloat8 } from '../formats/safetensors/float8';
import { type Beside, findBeside, named, readMask, shapesBeside } from './masks';
import { describe, hasRowShape, type RowShape, rowShape, typed } from './rowShape';
import type { RowBlock, RowFacts, RowSource } from './types';

/** Names under which the usual tools save activations, in order of preference. */
export const ACTIVATION_NAMES = ['activations', 'activation', 'states', 'acts', 'hidden_states'] as const;
/** Of a container with a thousand arrays, those that a message names. */
const NAMED_AT_MOST = 20;
const FLOATS = 'F32, F16, BF16 or F64';

/** Several tensors could be the activations and none has a usual name. */
export class AmbiguousTensorError extends DataError {
  override name = 'AmbiguousTensorError';
  constructor(
    path: string,
    readonly candidates: string[],
  ) {
    super(
      path,
      `holds ${candidates.length} tensors that could be the activations: ${listed(candidates)}. Choose one (--tensor NAME on the command line), or name it "activations".`,
    );
  }
}

/** Names as they are; what could not be typed or read, in quotes. */
const shown = (name: string): string => (/^[^\p{C}\s]{1,100}$/u.test(name) ? name : JSON.stringify(name.slice(0, 100)));
const listed = (names: readonly string[]): string =>
  `${names.slice(0, NAMED_AT_MOST).map(shown).join(', ')}${names.length > NAMED_AT_MOST ? ', …' : ''}`;

const isFloat = (dtype: StoredDtype): boolean => /^b?f\d/.test(dtype);
const canBeRows = (entry: ArrayEntry): boolean => isFloat(entry.dtype) && hasRowShape(entry);

/** Names of the arrays among which a person would have to choose; one where it is clear. */
export const activationCandidates = (container: Container): string[] => {
  const usual = ACTIVATION_NAMES.map((name) => named(container, name)).find((entry) => entry !== undefined);
  return usual ? [usual.name] : [...container.arrays.values()].filter(canBeRows).map(({ name }) => name);
};

/**
 * The array that holds the activations.
 * @param wanted a tensor chosen by the user. It decides where a file has it; a file without it falls back on its own, if it has only one.
 * @throws AmbiguousTensorError, or DataError saying what the file holds instead.
 */
export function chooseActivations(container: Container, wanted?: string): ArrayEntry {
  const { path, arrays } = container;
  const chosen = wanted === undefined ? undefined : arrays.get(wanted);
  if (chosen) {
    if (!isFloat(chosen.dtype)) throw new DataError(path, `${describe(chosen)}; activations must be ${FLOATS}. Choose another tensor.`);
    return chosen;
  }
  const all = [...arrays.values()];
  const integers = 'Integer or quantised activations are not read: save them as F16 or F32.';
  for (const name of ACTIVATION_NAMES) {
    const usual = named(container, name);
    if (!usual) continue;
    if (!isFloat(usual.dtype)) throw new DataError(path, `${describe(usual)}; activations must be ${FLOATS}. ${integers}`);
    return usual;
  }
  const candidates = all.filter(canBeRows);
  if (candidates.length === 1) return candidates[0] as ArrayEntry;
  if (candidates.length > 1) {
    throw new AmbiguousTensorError(
      path,
      candidates.map((entry) => entry.name),
    );
  }
  const [only] = all;
  if (only && all.length === 1 && only.name === '' && !isFloat(only.dtype))
    throw new DataError(path, `${describe(only)}; activations must be ${FLOATS}. ${integers}`);
  const odd = all.find((entry) => isFloat(entry.dtype) && entry.shape.length > 3);
  if (odd) return odd; // refused with its shape
  const some = all.slice(0, 8).map((entry) => `${shown(entry.name)} ${typed(entry)}`);
  const holds = all.length === 0 ? 'no tensor at all' : `${some.join('; ')}${all.length > some.length ? '; …' : ''}`;
  throw new DataError(
    path,
    `holds no float tensor of shape [rows, d] or [batch, sequence, d]; it holds ${holds}. Save the activations as a 2-D F32, F16 or BF16 tensor named "activations".`,
  );
}

export interface ShardOptions {
  /** The activations' name, for containers that hold several. */
  tensor?: string | undefined;
  /** How the container was opened; made from its path when it is one file. */
  recipe?: OpenRecipe | undefined;
  /** Files that the rows come from, for a fingerprint. */
  files?: readonly ByteSource[] | undefined;
  /** Where the folder or its JSON says so. */
  hookName?: string | undefined;
}

const HOOK_KEYS = ['hook_name', 'hook_point', 'hook'] as const;

/** Where the rows come from, when the file or the tensor's name says so. */
function notedHook({ metadata }: Container, { name }: ArrayEntry): string | undefined {
  const noted = HOOK_KEYS.map((key) => metadata.get(key)).find((value) => value !== undefined && value !== '');
  return noted ?? (/(^|\.)hook_\w+$/.test(name) ? name : undefined);
}

/** Rows of one container, read by ranges. */
export class ShardSource implements RowSource {
  readonly facts: RowFacts;
  /** What was assumed where the file leaves a choice, and what of it is not used; for the user to confirm. */
  readonly assumptions: readonly string[];
  readonly files: readonly ByteSource[];
  readonly recipe: OpenRecipe;
  /** Where the rows come from, when the file, its folder or the tensor's name says so. */
  readonly hookName: string | undefined;

  private constructor(
    private readonly container: Container,
    private readonly activations: ArrayEntry,
    private readonly beside: Beside,
    { rows, d, assumptions }: RowShape,
    { recipe, files, hookName }: ShardOptions,
  ) {
    const { dtype } = activations;
    this.facts = {
      label: container.path,
      rows,
      d,
      dtype: dtype === 'f16' || dtype === 'bf16' ? dtype : 'f32',
      hasTokens: beside.tokens !== undefined,
      hasMask: beside.mask !== undefined,
      sequence: beside.sequence,
      bytes: container.bytes,
    };
    const float8 = dtype.startsWith('f8') ? ['8-bit floats read as they are, without a scale'] : [];
    this.assumptions = [...container.assumptions, ...assumptions, ...beside.notes, ...float8];
    this.files = files ?? [];
    this.recipe = recipe ?? { how: 'file', paths: [container.path], options: {} };
    this.hookName = hookName;
  }

  /** Name of the tensor in use; "" for the only array of a file without names. */
  get tensor(): string {
    return this.activations.name;
  }

  /** dtype in the file, as safetensors calls it. */
  get storedDtype(): string {
    return this.activations.dtype.toUpperCase();
  }

  /** Name of the format, for people. */
  get format(): string {
    return this.container.format;
  }

  /** Whatever the writer noted: hook name, model, … */
  get metadata(): ReadonlyMap<string, string> {
    return this.container.metadata;
  }

  /** One file of any format. @throws DataError, AmbiguousTensorError */
  static async open(source: ByteSource, tensor?: string): Promise<ShardSource> {
    return ShardSource.from(await openFile(source), { tensor, files: [source] });
  }

  /** @throws DataError, AmbiguousTensorError */
  static from(container: Container, options: ShardOptions = {}): ShardSource {
    const activations = chooseActivations(container, options.tensor);
    const hookName = options.hookName ?? notedHook(container, activations);
    const shape = rowShape(container.path, activations, hookName, shapesBeside(container));
    const beside = findBeside(container, shape.rows, shape.sequence);
    return new ShardSource(container, activations, beside, shape, { ...options, hookName });
  }

  async read(start: number, rows: number, withTokens = true): Promise<RowBlock> {
    this.checkRows(start, rows);
    const { label, d, dtype } = this.facts;
    const bytes = this.asRows(await this.activations.read(start * d, rows * d), rows * d);
    const block: RowBlock = { start, rows, d, dtype, bytes };
    const { tokens } = this.beside;
    if (withTokens && tokens) block.tokens = await readIntegers(label, tokens, start, rows);
    return block;
  }

  /** Token id of each row, without the rows; undefined where the file has no tokens. */
  async readTokens(start: number, rows: number): Promise<Int32Array | undefined> {
    this.checkRows(start, rows);
    return this.beside.tokens && readIntegers(this.facts.label, this.beside.tokens, start, rows);
  }

  /** Whether something of it must be unpacked before it is read; then it is done, with its progress, before anyone waits for rows. */
  get packed(): readonly Unpackable[] {
    const { tokens, mask } = this.beside;
    return [this.activations, tokens, mask].filter((entry) => entry?.unpack !== undefined) as Unpackable[];
  }

  /** 0 for each row that is padding, else 1; undefined where the file has no mask. */
  async readMask(start: number, rows: number): Promise<Uint8Array | undefined> {
    this.checkRows(start, rows);
    return this.beside.mask && readMask(this.beside.mask, start, rows);
  }

  private checkRows(start: number, rows: number): void {
    const { label, rows: all } = this.facts;
    if (!(start >= 0 && rows >= 0 && start + rows <= all)) throw new RangeError(`${label}: rows ${start} to ${start + rows} of ${all}`);
  }

  private asRows(stored: Uint8Array, count: number): Uint8Array {
    const { dtype } = this.activations;
    if (dtype === 'f32' || dtype === 'f16' || dtype === 'bf16') return alignedBytes(stored, ROW_DTYPE_BYTES[dtype]);
    const rows = spareBuffers.take(count * 4);
    const values = new Float32Array(rows.buffer, 0, count);
    if (dtype === 'f8_e4m3' || dtype === 'f8_e5m2') decodeFloat8(stored, dtype, values);
    else decodeFloats(stored, 'f64', values);
    spareBuffers.giveBack(stored);
    return rows;
  }
}
