/**
 * Writes src/gpu/shaderTypes.ts: for every WGSL file the members of its uniform struct, for TypeScript. Part of `npm run format`; with --check, part
 * of `npm run lint`, it only tells whether the file is as it should be.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './lib/project.mjs';

const TARGET = join(ROOT, 'src/gpu/shaderTypes.ts');
/** As in biome.json. */
const WIDTH = 140;

const files = (folder) =>
  readdirSync(join(ROOT, 'shaders', folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      return entry.isDirectory() ? files(path) : path.endsWith('.wgsl') ? [path.replace(/\.wgsl$/, '')] : [];
    });

const text = (name) => readFileSync(join(ROOT, 'shaders', `${name}.wgsl`), 'utf8');

/** Members of a struct, of the file or of one that it needs. */
function members(name, struct) {
  const code = text(name);
  const body = new RegExp(`struct ${struct}\\s*\\{([^}]*)\\}`).exec(code.replace(/\/\/[^\n]*/g, ''))?.[1];
  if (body !== undefined) return [...body.matchAll(/(\w+)\s*:/g)].map(([, member]) => member);
  const needs = /^\/\/ needs: (.*)$/m.exec(code)?.[1].split(', ') ?? [];
  return needs.filter((need) => need.includes('/')).flatMap((need) => members(need, struct));
}

function entry(key, names) {
  if (names.length === 0) return `  ${key}: never;\n`;
  const quoted = names.map((name) => `'${name}'`);
  const line = `  ${key}: ${quoted.join(' | ')};`;
  return line.length <= WIDTH ? `${line}\n` : `  ${key}:\n${quoted.map((name) => `    | ${name}`).join('\n')};\n`;
}

const wanted = `/** Made by scripts/shader-types.mjs (npm run format) from the WGSL files: members of \`struct Params\` by file, and of \`struct Run\`. */
export interface Shaders {
${files('')
  .map((name) => entry(`'${name}'`, members(name, 'Params')))
  .join('')}}

export interface Structs {
${entry('Run', members('sae/common', 'Run'))}}
`;

if (!process.argv.includes('--check')) writeFileSync(TARGET, wanted);
else if (readFileSync(TARGET, 'utf8') !== wanted) {
  console.error('src/gpu/shaderTypes.ts is not what the WGSL files say: npm run format');
  process.exitCode = 1;
}
