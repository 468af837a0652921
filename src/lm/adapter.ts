/**
 * A PEFT adapter beside a checkpoint, merged as its tensors are read: LoRA on linear layers, and tensors saved whole (biases,
 * `modules_to_save`). `W + s·B·A` in f32, s = alpha / r (alpha / √r with `use_rslora`), as peft's `merge_and_unload`.
 * Whatever else an adapter may be is refused by name: it is never left out silently.
 */
import { DataError } from '../data/bytes/types';
import type { TensorReader } from './checkpoint';
import type { LmConfig } from './config';
import { familyOf } from './families';
import { unreadKeys } from './families/keys';
import type { ModelTensors } from './families/types';
import { Fields } from './fields';

export interface Adapter {
  /** adapter_config.json, parsed, and its name for messages. */
  config: unknown;
  path: string;
  /** adapter_model.safetensors. */
  tensors: TensorReader;
}

/** Settings of training and bookkeeping; which modules are adapted is told by the tensors. */
const HARMLESS = `auto_mapping corda_config ensure_weight_tying eva_config exclude_modules fan_in_fan_out inference_mode layers_pattern
  layers_to_transform loftq_config lora_dropout lora_ga_config megatron_config megatron_core modules_to_save peft_version
  qalora_group_size revision target_modules task_type bias`.split(/\s+/);

/** Ways to begin that leave the base weights as they are; others (PiSSA, OLoRA, …) change them before training. */
const PLAIN_STARTS = [true, false, 'gaussian', 'orthogonal', 'eva'];

interface Settings {
  /** Factor of B·A for a module, given the rank of its matrices. @throws DataError when the config says another rank. */
  scale(module: string, rank: number): number;
  /** In words: "rank 8, alpha 16". */
  words: string;
  base: string | undefined;
}

function parseAdapter({ config, path }: Adapter, note: (sentence: string) => void): Settings {
  const fields: Fields = new Fields(path, config);
  const type = fields.text(['peft_type'], 'none');
  if (type !== 'LORA')
    fields.fail(`an adapter of type ${type} is not supported: LORA only. Merge it in Python, or take the adapter files out of the folder`);
  fields.refuse('use_dora', false, 'DoRA');
  fields.refuse('use_qalora', false, 'QALoRA');
  fields.refuse('use_bdlora', false, 'block-diagonal LoRA');
  fields.refuse('lora_bias', false, 'LoRA with biases');
  fields.refuse('init_lora_weights', PLAIN_STARTS, 'a start that changes the base weights');
  const absent = [
    'alora_invocation_tokens',
    'layer_replication',
    'trainable_token_indices',
    'target_parameters',
    'arrow_config',
    'kasa_config',
  ];
  for (const key of absent) fields.refuse(key, [], 'an adapter that is more than LoRA on linear layers');
  const [rank, alpha] = [fields.size(['r']), fields.positive(['lora_alpha'])];
  const isRootScaled = fields.flag('use_rslora', false);
  const patterns = { r: patternsOf(fields, 'rank_pattern'), alpha: patternsOf(fields, 'alpha_pattern') };
  const base = fields.text(['base_model_name_or_path']);
  const unread = unreadKeys(fields, HARMLESS);
  if (unread !== undefined) note(unread);
  const of = (list: [RegExp, number][], module: string, otherwise: number) =>
    list.find(([pattern]) => pattern.test(module))?.[1] ?? otherwise;
  return {
    words: `rank ${rank}, alpha ${alpha}${isRootScaled ? ', scaled by the root of the rank' : ''}`,
    base,
    scale(module, found) {
      const asked = of(patterns.r, module, rank);
      if (asked !== found) fields.fail(`asks for rank ${asked} at ${module}; its matrices have rank ${found}`);
      return of(patterns.alpha, module, alpha) / (isRootScaled ? Math.sqrt(found) : found);
    },
  };
}

/** peft's patterns: a regular expression for the end of a module's name. The first that fits counts. */
function patternsOf(fields: Fields, key: string): [RegExp, number][] {
  const value = fields.get(key) ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) fields.fail(`${key} is no object`);
  return Object.entries(value).map(([pattern, number]): [RegExp, number] => {
    if (typeof number !== 'number' || !(number > 0))
      fields.fail(`${key} has ${pattern} = ${JSON.stringify(number)}; expected a positive number`);
    try {
      return [new RegExp(`^(.*\\.)?(${pattern})$`), number];
    } catch {
      return fields.fail(`${key} has the pattern ${pattern}, which cannot be read`);
    }
  });
}

/** What an adapter's tensor is of: base_model.model.<module>.lora_A.weight, ….<module>.weight, with the names of peft's wrappers left out. */
const TENSOR =
  /^(?:base_model\.model\.)?(.+?)(?:\.modules_to_save(?:\.default)?)?(?:\.base_layer)?\.(?:(lora_A|lora_B)(?:\.default)?\.)?(weight|bias)$/;

/** What becomes of one tensor of the base: names of the adapter's tensors. */
interface Change {
  /** Takes its place. */
  whole?: string;
  /** Are added to it, times `scale`. */
  a?: string;
  b?: string;
  scale?: number;
}

/**
 * The checkpoint with the adapter merged.
 * @throws DataError naming the setting, or the adapter's tensor, that cannot be applied.
 */
export function withAdapter(base: TensorReader, adapter: Adapter, config: LmConfig): { tensors: TensorReader; notes: string[] } {
  const unread: string[] = [];
  const settings = parseAdapter(adapter, (note) => unread.push(note));
  const tensors = new Merged(base, adapter.tensors, familyOf(config).tensors(config), settings, config.tied);
  return { tensors, notes: [tensors.describe(settings), ...unread] };
}

class Merged implements TensorReader {
  readonly label: string;
  private readonly path: string;
  private readonly known: ReadonlySet<string>;
  private readonly changes = new Map<string, Change>();
  private readonly head: string;
  private readonly embed: string;

  constructor(
    private readonly base: TensorReader,
    private readonly adapter: TensorReader,
    private readonly layout: ModelTensors,
    settings: Settings,
    tied: boolean,
  ) {
    this.path = adapter.label ?? 'adapter_model.safetensors';
    this.label = `${base.label ?? 'model.safetensors'} with ${this.path}`;
    this.known = new Set(base.names());
    this.head = `${layout.head}.weight`;
    const embed = `${layout.embed}.weight`;
    this.embed = this.known.has(layout.root + embed) ? layout.root + embed : embed;
    for (const name of adapter.names()) this.assign(name);
    this.checkEmbedding(tied);
    for (const [target, change] of this.changes)
      if (change.a !== undefined || change.b !== undefined) change.scale = this.scaleOf(target, change, settings);
  }

  names(): string[] {
    return [...new Set([...this.known, ...this.changes.keys()])];
  }

  shape(name: string): number[] {
    const whole = this.changes.get(name)?.whole;
    return whole === undefined ? this.base.shape(this.source(name)) : this.adapter.shape(whole);
  }

  async read(name: string): Promise<Float32Array> {
    const { whole, a, b, scale } = this.changes.get(name) ?? {};
    const weight = whole === undefined ? await this.base.read(this.source(name)) : await this.adapter.read(whole);
    if (a === undefined || b === undefined || scale === undefined) return weight;
    const rank = this.adapter.shape(a)[0] as number;
    return merge(weight, await this.adapter.read(a), await this.adapter.read(b), rank, scale, isConv1d(name, this.layout));
  }

  /** What was merged, in a sentence. */
  describe({ words, base }: Settings): string {
    const count = (what: string, key: 'a' | 'whole') => {
      const n = [...this.changes.values()].filter((change) => change[key] !== undefined).length;
      return `${n} ${n === 1 ? what.replace(/matrices$/, 'matrix').replace(/tensors$/, 'tensor') : what}`;
    };
    const replaced = [...this.changes.values()].some(({ whole }) => whole !== undefined)
      ? `, and ${count('tensors', 'whole')} replaced`
      : '';
    const trained = base === undefined ? '' : `; it was trained on ${base}`;
    return `The LoRA adapter ${this.path} (${words}) was merged into ${count('matrices', 'a')}${replaced}${trained}.`;
  }

  /** The base's tensor behind a name: a tied head is the embedding. */
  private source(name: string): string {
    return name === this.head && !this.known.has(name) ? this.embed : name;
  }

  private assign(name: string): void {
    const { layout, known, head } = this;
    const [, module = '', factor, kind] = TENSOR.exec(name) ?? [];
    const bare = module.startsWith(layout.root) ? module.slice(layout.root.length) : module;
    const target = [module, layout.root + module, bare].map((m) => `${m}.${kind}`).find((full) => known.has(full) || full === head);
    if (target === undefined || (factor !== undefined && kind === 'bias'))
      throw new DataError(
        this.path,
        `has the tensor ${name}, which is of no linear layer of the model beside it: this adapter cannot be applied`,
      );
    const change = this.changes.get(target) ?? {};
    change[factor === 'lora_A' ? 'a' : factor === 'lora_B' ? 'b' : 'whole'] = name;
    this.changes.set(target, change);
  }

  private checkEmbedding(tied: boolean): void {
    const { changes, embed, head } = this;
    if (changes.get(embed)?.a !== undefined)
      throw new DataError(this.path, `adapts the embedding, ${embed}, which is not supported. Merge it in Python`);
    if (changes.has(embed) && tied && !this.known.has(head) && !changes.has(head))
      throw new DataError(
        this.path,
        `replaces ${embed}, to which the head is tied, and has no ${head}: which head was meant is not known. Merge it in Python`,
      );
  }

  private scaleOf(target: string, { a, b }: Change, settings: Settings): number {
    if (a === undefined || b === undefined) throw new DataError(this.path, `has ${a ?? b} without its other half: it is incomplete`);
    const [shapeA, shapeB, shape] = [this.adapter.shape(a), this.adapter.shape(b), this.shape(target)];
    const [outs, ins] = isConv1d(target, this.layout) ? [shape[1], shape[0]] : shape;
    if (shapeA[0] !== shapeB[1] || shapeA[1] !== ins || shapeB[0] !== outs)
      throw new DataError(
        this.path,
        `${a} [${shapeA.join(', ')}] and ${b} [${shapeB.join(', ')}] do not fit ${target} [${shape.join(', ')}]`,
      );
    return settings.scale(target.replace(/\.weight$/, ''), shapeA[0] as number);
  }
}

/** Whether a weight is stored [in, out]: what the layer is decides, not the config's fan_in_fan_out, which peft corrects itself. */
function isConv1d(name: string, { block: { qkv, attnOut, mlpIn, mlpOut } }: ModelTensors): boolean {
  return [qkv, attnOut, mlpIn, mlpOut].some(
    ({ conv1d, modules }) => conv1d && modules.some((module) => name.endsWith(`.${module.name}.weight`)),
  );
}

/** weight + scale·b·a, a [rank, ins], b [outs, rank]; weight [outs, ins], or [ins, outs] when `conv1d`. */
function merge(weight: Float32Array, a: Float32Array, b: Float32Array, rank: number, scale: number, conv1d: boolean): Float32Array {
  const [ins, outs] = [a.length / rank, b.length / rank];
  const merged = Float32Array.from(weight);
  const row = new Float64Array(ins);
  for (let o = 0; o < outs; o++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scale * (b[o * rank + r] as number);
      for (let i = 0; i < ins; i++) row[i] = (row[i] as number) + factor * (a[r * ins + i] as number);
    }
    for (let i = 0; i < ins; i++) {
      const at = conv1d ? i * outs + o : o * ins + i;
      merged[at] = (weight[at] as number) + (row[i] as number);
    }
  }
  return merged;
}
