/** The keys of a cfg.json, with a memory of which were read. */
import { DataError } from '../data/bytes/types';
import { type Fields, isFields } from '../util/json';

/** Say nothing that bears on a number: versions, names, where and how it was stored. The second line, of the model: nothing at any hook changes. */
const SILENT = new Set([
  ...['dtype', 'device', 'sae_lens_version', 'sae_lens_training_version', 'dataset_path', 'dataset_trust_remote_code', 'neuronpedia_id'],
  ...['hook_layer', 'hook_point_layer', 'hf_hook_name', 'model_class_name', 'gated_sae_lab', 'fold_ln', 'center_unembed'],
]);

/** How a SAE was trained and what came of it, in SAELens' names (`trainingKeys`): says nothing of what it computes. */
const TRAINING = new Set([
  ...['lr', 'lr_warm_up_steps', 'lr_decay_steps', 'adam_beta1', 'adam_beta2', 'l1_coefficient', 'l1_warm_up_steps'],
  ...['train_batch_size_tokens', 'training_tokens', 'seed', 'training_architecture_details', 'l0', 'num_dead_features'],
  ...['l0_coefficient', 'l0_warm_up_steps', 'aux_loss_coefficient', 'topk_threshold_lr', 'pre_act_loss_coefficient'],
  ...['jumprelu_bandwidth', 'jumprelu_init_threshold', 'jumprelu_sparsity_loss_mode', 'jumprelu_tanh_scale', 'use_sparse_activations'],
  ...['decoder_init_norm'],
]);

/** The fields of an object, with a memory of which were asked for. `metadata` counts as part of the object, and goes first. */
export class Keys {
  private readonly asked = new Set<string>();
  private readonly parts: Keys[] = [];

  constructor(
    private readonly path: string,
    private readonly fields: Fields,
    private readonly within = '',
  ) {}

  /** The first of these that is there; null is not. */
  any(...names: readonly string[]): unknown {
    for (const name of names) this.asked.add(name);
    for (const place of this.places) for (const name of names) if (place[name] !== undefined && place[name] !== null) return place[name];
    return undefined;
  }

  /** The fields of an object in it. @throws DataError when it is something else. */
  inside(name: string): Keys {
    const value = this.any(name) ?? {};
    if (!isFields(value)) throw new DataError(this.path, `${name} is ${JSON.stringify(value)}; an object is expected.`);
    const part = new Keys(this.path, value, `${this.within}${name}.`);
    this.parts.push(part);
    return part;
  }

  /** A sentence with the keys that hold something and that nobody asked for; none when there are none. */
  leftOver(): string[] {
    const keys = this.unread();
    return keys.length === 0 ? [] : [`cfg.json keys that were not used: ${keys.join(', ')}.`];
  }

  private get places(): Fields[] {
    const metadata = this.within === '' && isFields(this.fields.metadata) ? this.fields.metadata : {};
    return [metadata, this.fields];
  }

  private unread(): string[] {
    const [metadata, own] = this.places as [Fields, Fields];
    const left = (place: Fields, prefix: string) =>
      Object.entries(place)
        .filter(
          ([key, value]) =>
            !this.asked.has(key) &&
            !SILENT.has(key) &&
            !TRAINING.has(key) &&
            saysSomething(value) &&
            !(place === own && value === metadata),
        )
        .map(([key]) => `${prefix}${key}`);
    return [...left(own, this.within), ...left(metadata, 'metadata.'), ...this.parts.flatMap((part) => part.unread())];
  }
}

/** False for what stands for "not set": null, false, "", and lists and objects of such (`seqpos_slice: [null]`). */
function saysSomething(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === '') return false;
  return typeof value === 'object' ? Object.values(value).some(saysSomething) : true;
}
