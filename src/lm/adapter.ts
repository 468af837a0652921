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

/** What becomes of one tensor of the base. */
interface Change {
  /** Name of the tensor in the adapter that takes its place. */
  whole?: string;
  a?: string;
  b?: string;
  scale?: number;
}

/**
 * The checkpoint with the adapter merged.
 * @throws DataError naming the setting, or the adapter's tensor, that cannot be applied.
 */
export function withAdapter(base: TensorReader, adapter: Adapter, config: LmConfig): { tensors: TensorReader; notes: string[] } {
  const notes: string[] = [];
  const settings = parseAdapter(adapter, (note) => notes.push(note));
  const layout = familyOf(config).tensors(config);
  const { tensors } = adapter;
  const path = tensors.label ?? 'adapter_model.safetensors';
  const known = new Set(base.names());
  const head = `${layout.head}.weight`;
  const embed = [layout.root, ''].map((root) => `${root}${layout.embed}.weight`).find((name) => known.has(name)) as string;
  const changes = new Map<string, Change>();
  for (const name of tensors.names()) {
    const [, module, factor, kind] = TENSOR.exec(name) ?? [];
    const target =
      module &&
      [module, layout.root + module, withoutRoot(module, layout)].map((m) => `${m}.${kind}`).find((t) => known.has(t) || t === head);
    if (!target || (factor && kind === 'bias'))
      throw new DataError(
        path,
        `has the tensor ${name}, which is of no linear layer of the model beside it: this adapter cannot be applied`,
      );
    const change = changes.get(target) ?? {};
    if (factor === 'lora_A') change.a = name;
    else if (factor === 'lora_B') change.b = name;
    else change.whole = name;
    changes.set(target, change);
  }
  if (changes.get(embed)?.a !== undefined)
    throw new DataError(path, `adapts the embedding, ${embed}, which is not supported. Merge it in Python`);
  const matrices = [...changes].filter(([, { a, b }]) => a !== undefined || b !== undefined);
  for (const [target, change] of matrices) change.scale = scaleOf(target, change);
  if (changes.has(embed) && config.tied && !known.has(head) && !changes.has(head))
    throw new DataError(
      path,
      `replaces ${embed}, to which the head is tied, and has no ${head}: which head was meant is not known. Merge it in Python`,
    );

  function scaleOf(target: string, { a, b, whole }: Change): number {
    if (a === undefined || b === undefined) throw new DataError(path, `has ${a ?? b} without its other half: it is incomplete`);
    const [[rank, ins], [outs, rankOfB]] = [tensors.shape(a), tensors.shape(b)] as [[number, number], [number, number]];
    const [rows, cols] = whole === undefined ? shape(target) : tensors.shape(whole);
    const fits = isConv1d(target, layout) ? rows === ins && cols === outs : rows === outs && cols === ins;
    if (rank !== rankOfB || !fits)
      throw new DataError(
        path,
        `${a} [${tensors.shape(a).join(', ')}] and ${b} [${tensors.shape(b).join(', ')}] do not fit ${target} [${rows}, ${cols}]`,
      );
    return settings.scale(target.replace(/\.weight$/, ''), rank as number);
  }
  /** The tied head has the embedding's shape. */
  function shape(name: string): number[] {
    return base.shape(known.has(name) ? name : embed);
  }

  const whole = [...changes.values()].filter((change) => change.whole !== undefined).length;
  notes.unshift(
    `The LoRA adapter ${path} (${settings.words}) was merged into ${matrices.length} matrices` +
      `${whole > 0 ? `, and ${whole} tensors replaced` : ''}${settings.base === undefined ? '' : `; it was trained on ${settings.base}`}.`,
  );
  return {
    notes,
    tensors: {
      label: `${base.label ?? 'model.safetensors'} with ${path}`,
      names: () => [...new Set([...known, ...changes.keys()])],
      shape: (name) => (changes.get(name)?.whole === undefined ? shape(name) : tensors.shape(changes.get(name)?.whole as string)),
      async read(name) {
        const change = changes.get(name);
        if (!change) return base.read(name);
        const weight = change.whole === undefined ? await base.read(known.has(name) ? name : embed) : await tensors.read(change.whole);
        if (change.a === undefined || change.b === undefined) return weight;
        const [a, b] = [await tensors.read(change.a), await tensors.read(change.b)];
        return merge(weight, a, b, tensors.shape(change.a)[0] as number, change.scale as number, isConv1d(name, layout));
      },
    },
  };
}

const withoutRoot = (module: string, { root }: ModelTensors): string => (module.startsWith(root) ? module.slice(root.length) : module);

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
