/**
 * Where the rows come from, and who says so: a person, the shards' own notes, the names of their files and folders; or nobody, and then it is
 * asked, never guessed.
 */
import { baseName, folderOf } from '../util/paths';
import { hooksIn, sameHook } from './hookNames';

/** What of a shard is asked. */
export interface Labelled {
  /** Path of the file or folder. */
  readonly facts: { readonly label: string };
  /** What the file, its folder or the tensor says. */
  readonly hookName: string | undefined;
  /** Name of the tensor in use. */
  readonly tensor: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/** One statement: the hook, and who makes it in words ("hook_name in a.safetensors"). */
interface Claim {
  hook: string;
  from: string;
}

const NOTES = ['hook_name', 'hook_point', 'hook'] as const;

/** The nearest name first: the file's, its folder's, that one's folder's. */
function namesAbove(path: string): string[] {
  const names = [baseName(path)];
  for (let folder = folderOf(path); folder !== ''; folder = folderOf(folder)) names.push(baseName(folder));
  return names;
}

function noted({ facts: { label }, hookName, tensor, metadata }: Labelled): Claim | undefined {
  const key = NOTES.find((name) => metadata.get(name));
  if (key) return { hook: metadata.get(key) as string, from: `${key} in ${label}` };
  if (hookName === undefined) return undefined;
  if (tensor === hookName) return { hook: hookName, from: `the tensor's name in ${label}` };
  // The name of a folder, which some tools use for the hook: a statement where it is one.
  const [hook] = hooksIn(hookName);
  return hook === undefined ? undefined : { hook, from: `the folder of ${label}` };
}

function named({ facts: { label } }: Labelled): Claim | undefined {
  for (const [depth, name] of namesAbove(label).entries()) {
    const [hook, ...others] = hooksIn(name);
    if (hook === undefined || others.length > 0) continue;
    return { hook, from: depth === 0 ? `the name of ${name}` : `the folder ${name}` };
  }
  return undefined;
}

/** What the shards say together. */
export interface ShardsSay {
  hook: string;
  from: string;
  /** Something else contradicts it, in a sentence. */
  contradiction?: string;
  /** The shards say different places: there is no one hook. */
  isMixed?: true;
}

const known = new WeakMap<readonly Labelled[], { said: ShardsSay | undefined }>();

/** @returns undefined when nothing of them names a hook. */
export function shardsSay(shards: readonly Labelled[]): ShardsSay | undefined {
  let entry = known.get(shards);
  if (!entry) {
    entry = { said: heard(shards) };
    known.set(shards, entry);
  }
  return entry.said;
}

function heard(shards: readonly Labelled[]): ShardsSay | undefined {
  const claims = shards.flatMap((shard) => {
    const [own, name] = [noted(shard), named(shard)];
    return own || name ? [{ chosen: (own ?? name) as Claim, name }] : [];
  });
  const [first] = claims;
  if (!first) return undefined;
  const { hook, from } = first.chosen;
  const other = claims.find(({ chosen }) => spelled(chosen.hook) !== spelled(hook));
  if (other) {
    const contradiction = `${from} says ${hook}, ${other.chosen.from} says ${other.chosen.hook}: these rows come from different places.`;
    return { hook, from, contradiction, isMixed: true };
  }
  const odd = claims.find(({ name }) => name !== undefined && spelled(name.hook) !== spelled(hook))?.name;
  return { hook, from, ...(odd && { contradiction: `${odd.from} says ${odd.hook}, ${from} says ${hook}; the latter is believed.` }) };
}

/** One spelling for a hook that is recognised. */
const spelled = (hook: string): string => hooksIn(hook)[0] ?? hook;

export interface HookQuestion {
  shards: readonly Labelled[];
  /** Width of the shards' rows; undefined when rows are computed. */
  d: number | undefined;
  /** The model's hooks; undefined without a model. */
  hooks: readonly { name: string; width: number }[] | undefined;
  /** What a person said. */
  wanted: string | undefined;
  /** That person insists, whatever the shards say. */
  insists: boolean;
  /** Where rows are computed and nobody has said. */
  preferred: string;
}

/** The hook in use. Exactly one of `hook` (where a model is, its own name for it) and `problem` is there when there is a model. */
export interface HookInUse {
  hook?: string;
  /** Who says so, in words. */
  from?: string;
  /** Why loss recovered cannot be measured; a sentence. */
  problem?: string;
  /** What there is to choose from, where a person has to say. */
  among?: string[];
  /** What contradicts it, in a sentence. */
  contradiction?: string;
}

const FROM_PERSON = 'as chosen';
const FROM_DEFAULT = 'the default';
const FROM_WIDTH = 'the only hook of this model that is';

/** Whether the shards themselves say it, and not a person or the width alone. */
export const isShardsWord = (from: string | undefined): boolean =>
  from !== undefined && from !== FROM_PERSON && from !== FROM_DEFAULT && !from.startsWith(FROM_WIDTH);

/** Where the rows come from. Pure. */
export function hookInUse({ shards, d, hooks, wanted, insists, preferred }: HookQuestion): HookInUse {
  const said = shards.length > 0 ? shardsSay(shards) : undefined;
  const contradiction = said?.contradiction;
  const also = contradiction === undefined ? {} : { contradiction };
  if (!hooks) {
    if (wanted !== undefined && (insists || !said)) return { hook: wanted, from: FROM_PERSON, ...also };
    return said && !said.isMixed ? { hook: said.hook, from: said.from, ...also } : also;
  }
  const fitting = hooks.filter(({ width }) => d === undefined || width === d).map(({ name }) => name);
  const chosen = wanted !== undefined && fitting.includes(wanted) ? wanted : undefined;
  if (shards.length === 0) {
    if (chosen !== undefined) return { hook: chosen, from: FROM_PERSON };
    const hook = fitting.includes(preferred) ? preferred : (fitting.find((name) => name.endsWith('mlp.hook_post')) ?? fitting[0]);
    return hook === undefined ? { problem: 'this model has no hook.' } : { hook, from: FROM_DEFAULT };
  }
  if (fitting.length === 0) {
    const widths = [...new Set(hooks.map(({ width }) => width))].join(', ');
    return {
      problem: `no hook of this model is ${d} wide like the shards' rows (its hooks are ${widths} wide): the shards come from another model or hook.`,
      ...also,
    };
  }
  const isSaid = said !== undefined && !said.isMixed && sameHook(said.hook, hooks) === chosen;
  if (chosen !== undefined && !isSaid && (insists || !said || said.isMixed)) return { hook: chosen, from: FROM_PERSON, ...also };
  if (said?.isMixed) return { problem: `${said.contradiction} Take the files of one place, or say which hook is meant.`, among: fitting };
  if (said) {
    const own = sameHook(said.hook, hooks);
    if (own !== undefined && fitting.includes(own))
      return { hook: own, from: own === said.hook ? said.from : `${said.from}, where it is called ${said.hook}`, ...also };
    const why =
      own === undefined
        ? 'this model has no such hook'
        : `that hook of this model is ${hooks.find(({ name }) => name === own)?.width} wide, the rows are ${d}`;
    return { problem: `the rows come from ${said.hook} (${said.from}); ${why}. If one of its hooks is meant, say which.`, among: fitting };
  }
  const [only] = fitting;
  if (fitting.length === 1 && only !== undefined) return { hook: only, from: `${FROM_WIDTH} ${d} wide` };
  return {
    problem: `the shards do not say where they come from, and ${fitting.length} hooks of this model are ${d} wide: ${listed(fitting)}. Say which one it is.`,
    among: fitting,
  };
}

const NAMED_AT_MOST = 12;
const listed = (names: readonly string[]): string =>
  `${names.slice(0, NAMED_AT_MOST).join(', ')}${names.length > NAMED_AT_MOST ? `, … (${names.length - NAMED_AT_MOST} more)` : ''}`;

/** Why a hook that a person names cannot be taken without insisting; undefined when it can. */
export function contradicts(
  wanted: string,
  shards: readonly Labelled[],
  hooks: readonly { name: string }[] | undefined,
): string | undefined {
  const said = shards.length > 0 ? shardsSay(shards) : undefined;
  if (!said || said.isMixed) return undefined;
  const own = (name: string) => (hooks ? sameHook(name, hooks) : undefined) ?? spelled(name);
  return own(said.hook) === own(wanted) ? undefined : `${wanted} was asked for, but the shards come from ${said.hook} (${said.from}).`;
}
