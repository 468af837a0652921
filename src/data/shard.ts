/** A safetensors file of activations as a source of rows. */
import { alignedBytes, decodeFloats, ROW_DTYPE_BYTES } from './floats';
import { isTokenDtype, readIntegers, TOKEN_NAMES } from './integers';
import { FLOAT_DTYPES, isFloat, readHeader, readValues, type SafetensorsFile, type TensorInfo } from './safetensors';
import { type ByteSource, DataError, type RowBlock, type RowDtype, type RowSource } from './types';

/** Names under which the usual tools save activations, in order of preference. */
export const ACTIVATION_NAMES = ['activations', 'activation', 'states', 'acts'] as const;

/** Several tensors could be the activations and none has a usual name. */
export class AmbiguousTensorError extends DataError {
  override name = 'AmbiguousTensorError';
  constructor(
    path: string,
    readonly candidates: string[],
  ) {
    super(
      path,
      `holds ${candidates.length} tensors that could be the activations: ${candidates.join(', ')}. Choose one (--tensor NAME on the command line), or name it "activations".`,
    );
  }
}

/** `[N, D]`, `[B, S, D]` or `[N, 1, D]` (SAELens <= v3: one layer per file) as rows. */
interface RowShape {
  rows: number;
  d: number;
  sequence: number;
}

const describe = (t: TensorInfo): string => `tensor ${JSON.stringify(t.name)} is ${t.dtype} [${t.shape.join(', ')}]`;

/**
 * The tensor that holds the activations.
 * @param wanted a tensor chosen by the user. It decides where a file has it; a file without it falls back on its own, if it has only one.
 * @throws AmbiguousTensorError, or DataError saying what the file holds instead.
 */
export function chooseActivations(file: SafetensorsFile, wanted?: string): TensorInfo {
  const { path } = file.source;
  const chosen = wanted === undefined ? undefined : file.tensors.get(wanted);
  if (chosen) {
    if (!isFloat(chosen.dtype))
      throw new DataError(path, `${describe(chosen)}; activations must be F32, F16, BF16 or F64. Choose another tensor.`);
    return chosen;
  }
  const all = [...file.tensors.values()];
  const candidates = all.filter((t) => isFloat(t.dtype) && t.shape.length >= 2);
  for (const name of ACTIVATION_NAMES) {
    const named = file.tensors.get(name);
    if (!named) continue;
    if (!isFloat(named.dtype))
      throw new DataError(
        path,
        `${describe(named)}; activations must be F32, F16, BF16 or F64. Integer or quantised activations are not read: save them as F16 or F32.`,
      );
    return named;
  }
  if (candidates.length === 1) return candidates[0] as TensorInfo;
  if (candidates.length > 1) {
    throw new AmbiguousTensorError(
      path,
      candidates.map((t) => t.name),
    );
  }
  const holds =
    all.length === 0
      ? 'no tensor at all'
      : all
          .slice(0, 8)
          .map((t) => `${t.name} ${t.dtype} [${t.shape.join(', ')}]`)
          .join('; ');
  throw new DataError(
    path,
    `holds no float tensor of shape [rows, d] or [batch, sequence, d]; it holds ${holds}. Save the activations as a 2-D F32, F16 or BF16 tensor named "activations".`,
  );
}

function rowShape(path: string, t: TensorInfo): RowShape {
  const [a, b, c] = t.shape as [number, number, number];
  const rank = t.shape.length;
  if (rank !== 2 && rank !== 3)
    throw new DataError(path, `${describe(t)}; activations must be [rows, d] or [batch, sequence, d]. Reshape it.`);
  const shape = rank === 2 ? { rows: a, d: b, sequence: 1 } : { rows: a * b, d: c, sequence: Math.max(1, b) };
  if (shape.rows === 0 || shape.d === 0) throw new DataError(path, `${describe(t)}: it has no rows. Remove the file or write it again.`);
  return shape;
}

/** Rows of one file, read by ranges. */
export class ShardSource implements RowSource {
  readonly label: string;
  readonly bytes: number;
  readonly hasTokens: boolean;

  private constructor(
    private readonly file: SafetensorsFile,
    private readonly activations: TensorInfo,
    private readonly tokens: TensorInfo | undefined,
    readonly dtype: RowDtype,
    readonly rows: number,
    readonly d: number,
    readonly sequence: number,
  ) {
    this.label = file.source.path;
    this.bytes = file.source.size;
    this.hasTokens = tokens !== undefined;
  }

  /** Name of the tensor in use. */
  get tensor(): string {
    return this.activations.name;
  }

  /** dtype in the file, as safetensors calls it. */
  get storedDtype(): string {
    return this.activations.dtype;
  }

  /** `__metadata__` of the file: whatever the writer noted (hook name, model, …). */
  get metadata(): ReadonlyMap<string, string> {
    return this.file.metadata;
  }

  /** @throws DataError, AmbiguousTensorError */
  static async open(source: ByteSource, tensor?: string): Promise<ShardSource> {
    return ShardSource.from(await readHeader(source), tensor);
  }

  /** From a header that was read already. */
  static from(file: SafetensorsFile, tensor?: string): ShardSource {
    const activations = chooseActivations(file, tensor);
    const { rows, d, sequence } = rowShape(file.source.path, activations);
    const tokens = TOKEN_NAMES.map((name) => file.tensors.get(name)).find((t) => t && isTokenDtype(t.dtype) && t.count === rows);
    const dtype = FLOAT_DTYPES[activations.dtype as keyof typeof FLOAT_DTYPES];
    return new ShardSource(file, activations, tokens, dtype === 'f64' ? 'f32' : dtype, rows, d, sequence);
  }

  async read(start: number, rows: number, withTokens = true): Promise<RowBlock> {
    if (start < 0 || start + rows > this.rows) throw new RangeError(`${this.label}: rows ${start} to ${start + rows} of ${this.rows}`);
    const { d, dtype } = this;
    let bytes = await readValues(this.file, this.activations, start * d, rows * d);
    if (this.activations.dtype === 'F64') {
      const narrow = new Float32Array(rows * d);
      decodeFloats(bytes, 'f64', narrow);
      bytes = new Uint8Array(narrow.buffer);
    }
    const block: RowBlock = { start, rows, d, dtype, bytes: alignedBytes(bytes, ROW_DTYPE_BYTES[dtype]) };
    if (withTokens && this.tokens) block.tokens = await readIntegers(this.file, this.tokens, start, rows);
    return block;
  }
}
