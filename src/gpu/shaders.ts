/**
 * The WGSL files, by their path below shaders/ without the ending. What a file needs in front of it says its line `// needs: …`: other files,
 * texts that are made (a name without a folder), or `subgroups`.
 */

import { declaredBindings } from './kernel';
import type { Shaders } from './shaderTypes';
import { type Struct, structIn } from './struct';

const FILES = import.meta.glob<string>('../../shaders/**/*.wgsl', { query: '?raw', import: 'default', eager: true });

export type ShaderName = keyof Shaders;
/** Members of a file's `struct Params`. */
export type ParamsOf<K extends ShaderName> = Shaders[K];

/** WGSL wants both in front of everything else. That the lanes walk together depends on ballots, which the compiler cannot follow. */
export const SUBGROUPS = 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n';

/** The text of one file alone. */
export function shaderFile(name: ShaderName): string {
  const text = FILES[`../../shaders/${name}.wgsl`];
  if (text === undefined) throw new Error(`there is no shaders/${name}.wgsl`);
  return text;
}

/** A file and what it needs, each once, needs first. */
function withNeeds(name: string, seen = new Set<string>()): Set<string> {
  const needs = name.includes('/') ? /^\/\/ needs: (.*)$/m.exec(shaderFile(name as ShaderName))?.[1]?.split(', ') : undefined;
  for (const need of needs ?? []) if (!seen.has(need)) withNeeds(need, seen);
  return seen.add(name);
}

/** Complete text of a kernel. @param made texts that no file holds, by name. */
export function shaderText(name: ShaderName, made: Record<string, string> = {}): string {
  const parts = [...withNeeds(name)].map((one) => {
    const text = one === 'subgroups' ? SUBGROUPS : one.includes('/') ? shaderFile(one as ShaderName) : made[one];
    if (text === undefined) throw new Error(`${name}: nobody has made ${one}`);
    return text;
  });
  return parts.join('\n');
}

/** What a kernel's files say of themselves. */
interface Declared {
  params: Struct;
  overrides: string[];
  bindings: string[];
}
const known = new Map<ShaderName, Declared>();

function declared(name: ShaderName): Declared {
  let found = known.get(name);
  if (!found) {
    const files = [...withNeeds(name)].filter((one) => one.includes('/')) as ShaderName[];
    const text = files.map(shaderFile).join('\n');
    found = {
      params: structIn(text, 'Params'),
      overrides: [...text.matchAll(/^override (\w+)/gm)].map(([, one]) => one as string),
      bindings: declaredBindings(text).map((slot) => slot.name),
    };
    known.set(name, found);
  }
  return found;
}

/** The uniform struct of a kernel. */
export const paramsOf = <K extends ShaderName>(name: K): Struct<ParamsOf<K>> => declared(name).params;

/** Names of the `override`s that a kernel declares. */
export const overridesOf = (name: ShaderName): readonly string[] => declared(name).overrides;

/** Names of what a kernel binds. */
export const bindingsOf = (name: ShaderName): readonly string[] => declared(name).bindings;
