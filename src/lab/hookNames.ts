/** Names of places in a model: TransformerLens' own, and what other tools make of them in the names of files and folders. */

/**
 * Places that TransformerLens names and whose values are rows, by what stands behind `blocks.i.`. Only these are recognised in the names of
 * files: a name that merely begins like one is no statement about where rows come from.
 */
const PLACES = [
  'hook_resid_pre',
  'hook_resid_mid',
  'hook_resid_post',
  'hook_attn_in',
  'hook_attn_out',
  'hook_mlp_in',
  'hook_mlp_out',
  'ln1.hook_normalized',
  'ln2.hook_normalized',
  'attn.hook_q',
  'attn.hook_k',
  'attn.hook_v',
  'attn.hook_z',
  'attn.hook_result',
  'mlp.hook_pre',
  'mlp.hook_pre_linear',
  'mlp.hook_post',
] as const;

/** `.` of a name, as files have it: `.`, `_` or `-`. */
const JOINT = '[._-]';
const loose = (name: string): string => name.split('.').join(JOINT);
const PATTERN = new RegExp(
  `(?<![a-z0-9])blocks${JOINT}(\\d+)${JOINT}(${[...PLACES]
    .sort((a, b) => b.length - a.length)
    .map((place) => `(?:${loose(place)})`)
    .join('|')})(?![a-z0-9])`,
  'gi',
);

/** Hooks that a name holds, as TransformerLens writes them, each once: `gpt2_blocks_3_attn_hook_z` holds `blocks.3.attn.hook_z`. */
export function hooksIn(name: string): string[] {
  const found = [...name.matchAll(PATTERN)].map(([, layer, place = '']) => {
    const own = PLACES.find((candidate) => new RegExp(`^${loose(candidate)}$`, 'i').test(place));
    return `blocks.${Number(layer)}.${own}`;
  });
  return [...new Set(found)];
}

/**
 * The name under which a model knows a place; undefined when it has none.
 * The residual stream before block i is what block i − 1 leaves, so `blocks.i.hook_resid_pre` is `blocks.(i−1).hook_resid_post`.
 */
export function sameHook(name: string, hooks: readonly { name: string }[]): string | undefined {
  const [only, ...others] = hooksIn(name);
  const own = only !== undefined && others.length === 0 ? only : name;
  const [, layer] = /^blocks\.(\d+)\.hook_resid_pre$/.exec(own) ?? [];
  const wanted = Number(layer) > 0 ? `blocks.${Number(layer) - 1}.hook_resid_post` : own;
  return hooks.find((hook) => hook.name === own)?.name ?? hooks.find((hook) => hook.name === wanted)?.name;
}
