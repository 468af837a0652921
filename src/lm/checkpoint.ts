/** A checkpoint held against what a family expects of it: what is missing, of another shape, or read by nobody. */
import { DataError } from '../data/bytes/types';
import type { LmConfig } from './config';
import type { LinearTensors, ModelTensors, NormTensors } from './families/types';

/** A checkpoint: named tensors, read whole and widened to f32. */
export interface TensorReader {
  /** Name for messages, e.g. `model.safetensors`. */
  readonly label?: string;
  names(): string[];
  /** Shape of an existing tensor. */
  shape(name: string): number[];
  read(name: string): Promise<Float32Array>;
}

/** How many names a sentence lists. */
const LISTED = 8;

const listed = (names: readonly string[]): string =>
  names.length > LISTED ? `${names.slice(0, LISTED).join(', ')} and ${names.length - LISTED} more` : names.join(', ');

/**
 * Finds every tensor that the forward pass needs, by names and shapes alone; then reads them one by one. Names inside are of
 * modules without the prefix of the body.
 */
export class Checkpoint {
  readonly path: string;
  /** In a sentence each: what the checkpoint holds against what config.json says, and what was done about it. */
  readonly notes: string[] = [];
  /** Numbers in all tensors that were claimed, each counted once. */
  parameters = 0;
  private readonly known: ReadonlySet<string>;
  private readonly claimed = new Set<string>();
  private readonly prefix: string;
  /** Biases that config.json does not ask for. */
  private readonly surplus: string[] = [];

  /** @throws DataError naming the tensor, the shape expected and the shape found, or what the model has no place for. */
  constructor(
    private readonly tensors: TensorReader,
    readonly layout: ModelTensors,
    config: LmConfig,
  ) {
    this.known = new Set(tensors.names());
    this.path = tensors.label ?? 'model.safetensors';
    // Checkpoints of the bare body (`GPT2Model`) carry no prefix.
    const embed = `${layout.embed}.weight`;
    this.prefix = this.known.has(embed) && !this.known.has(layout.root + embed) ? '' : layout.root;
    this.refuseWrapped(this.prefix + embed);
    this.claimAll(config);
    this.noteSurplus();
    this.accountFor(config);
  }

  /** Full name of a body's tensor. */
  full(name: string): string {
    return this.prefix + name;
  }

  has(name: string): boolean {
    return this.known.has(name);
  }

  /** Values of a claimed tensor, by its full name. */
  async read(name: string): Promise<Float32Array> {
    const shape = this.tensors.shape(name);
    const data = await this.tensors.read(name);
    const count = shape.reduce((a, b) => a * b, 1);
    if (data.length !== count)
      throw new DataError(this.path, `tensor ${name} holds ${data.length} values; its shape [${shape.join(', ')}] asks for ${count}`);
    return data;
  }

  private claimAll({ vocab, dModel, layers, context, tied }: LmConfig): void {
    const { layout } = this;
    const width = [dModel];
    this.claim(this.full(`${layout.embed}.weight`), [vocab, dModel]);
    if (layout.positions) this.claim(this.full(`${layout.positions}.weight`), [context, dModel]);
    const { norm1, qkv, attnOut, norm2, mlpIn, mlpOut } = layout.block;
    for (let i = 0; i < layers; i++) {
      const root = this.full(layout.layer(i));
      this.claimNorm(root, norm1, width);
      this.claimLinear(root, qkv);
      this.claimLinear(root, attnOut);
      this.claimNorm(root, norm2, width);
      this.claimLinear(root, mlpIn);
      this.claimLinear(root, mlpOut);
    }
    this.claimNorm(this.prefix, layout.finalNorm, width);
    const head = `${layout.head}.weight`;
    if (!tied || this.known.has(head)) this.claim(head, [vocab, dModel]);
    // Counted when it turns out to be a tensor of its own.
    if (tied && this.known.has(head)) this.parameters -= vocab * dModel;
  }

  private claimNorm(root: string, { module, bias }: NormTensors, width: number[]): void {
    this.claim(`${root}${module}.weight`, width);
    if (bias) this.claim(`${root}${module}.bias`, width);
  }

  private claimLinear(root: string, { modules, ins, bias, conv1d }: LinearTensors): void {
    for (const { name, outs } of modules) this.claim(`${root}${name}.weight`, conv1d ? [ins, outs] : [outs, ins]);
    for (const { name, outs } of modules) {
      const full = `${root}${name}.bias`;
      if (bias || this.known.has(full)) this.claim(full, [outs]);
      if (!bias && this.known.has(full)) this.surplus.push(full);
    }
  }

  private claim(name: string, shape: readonly number[]): void {
    if (!this.known.has(name)) throw new DataError(this.path, `tensor ${name} is missing; expected shape [${shape.join(', ')}]`);
    const found = this.tensors.shape(name);
    if (found.length !== shape.length || found.some((n, i) => n !== shape[i]))
      throw new DataError(this.path, `tensor ${name} has shape [${found.join(', ')}]; config.json asks for [${shape.join(', ')}]`);
    if (this.claimed.has(name)) return;
    this.claimed.add(name);
    this.parameters += shape.reduce((a, b) => a * b, 1);
  }

  private noteSurplus(): void {
    if (this.surplus.length === 0) return;
    this.notes.push(
      `${this.path} has ${this.surplus.length} biases that config.json does not ask for (attention_bias, mlp_bias: false or absent). ` +
        `They are added to the arithmetic: ${listed(this.surplus)}.`,
    );
  }

  /** Wrappers put a prefix of theirs in front of every name. */
  private refuseWrapped(embed: string): void {
    if (this.known.has(embed)) return;
    const wrapped = [...this.known].find((name) => name.endsWith(`.${embed}`));
    if (wrapped !== undefined)
      throw new DataError(
        this.path,
        `tensor ${embed} is missing; there is ${wrapped}: the model was saved inside a wrapper. Save the model in it, ` +
          'with adapters merged (merge_and_unload(), then save_pretrained).',
      );
  }

  /** Nothing that is in the file goes unmentioned, but for constants of the code. */
  private accountFor({ layers, label }: LmConfig): void {
    const unread = [...this.known].filter((name) => !this.claimed.has(name) && !this.layout.constants.test(name));
    const { layer, embed, positions, finalNorm, head } = this.layout;
    const inPath = [
      ...Array.from({ length: layers }, (_, i) => this.full(layer(i))),
      ...[embed, positions, finalNorm.module].flatMap((module) => (module === undefined ? [] : [`${this.full(module)}.`])),
      `${head}.`,
    ];
    const wrong = unread.filter((name) => inPath.some((start) => name.startsWith(start)));
    if (wrong.length > 0)
      throw new DataError(
        this.path,
        `has tensors in the way from tokens to logits for which ${label}, as config.json describes it, has no place: ${listed(wrong)}. ` +
          'Without them the numbers would not be this model’s.',
      );
    if (unread.length > 0)
      this.notes.push(
        `${this.path} has ${unread.length === 1 ? 'a tensor' : `${unread.length} tensors`} that nothing reads: ${listed(unread)}.`,
      );
  }
}
