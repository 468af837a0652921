/**
 * Keeps the direction of imports: ui and cli -> lab -> sae, data, lm, metrics, interop -> gpu, without cycles.
 * Reads src of the folder given as the argument (this project's by default). Part of npm run lint.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { ROOT } from './lib/project.mjs';

const MIDDLE = ['sae/', 'data/', 'lm/', 'metrics/', 'interop/', 'util/'];
/** What may run in the page's thread besides its own files: plain values and functions. */
const PURE = ['lab/protocol', 'lab/settings', 'metrics/', 'sae/architectures', 'util/'];

/**
 * What the files of each folder may import, as beginnings of paths under src: types as well as what runs, but for TYPES below. Cycles count
 * both. A missing folder may import only itself.
 */
const ARROWS = {
  util: [],
  gpu: ['util/'],
  // Names and tables; never the mathematics of a kernel.
  reference: ['sae/architectures', 'util/'],
  sae: [...MIDDLE, 'gpu/'],
  data: [...MIDDLE, 'gpu/'],
  lm: [...MIDDLE, 'gpu/'],
  metrics: [...MIDDLE, 'gpu/'],
  interop: [...MIDDLE, 'gpu/'],
  lab: [...MIDDLE, 'gpu/'],
  cli: ['lab/', ...MIDDLE, 'gpu/device', 'gpu/node'],
  ui: PURE,
  // Files directly in src: the page's entry.
  '': ['ui/', ...PURE],
};

/** What they may import besides where only types are asked for, which leave nothing behind. */
const TYPES = {
  // The page speaks the protocol, which names things by the words of those who make them.
  ui: ['lab/protocol', 'lab/settings', 'gpu/device', '../bench/page/protocol'],
  // What may be compared is asked of runs as they are reported.
  metrics: ['lab/protocol'],
};

/**
 * The halls of src/data, and which of the others each may look into (types too): bytes, then formats of files, then rows in them, then what was
 * dropped, then the thread that reads. `pool` brings rows to the GPU, and is the only one that knows of it.
 */
const HALLS = {
  bytes: [],
  formats: ['bytes'],
  rows: ['bytes', 'formats'],
  dropped: ['bytes', 'formats', 'rows'],
  reader: ['bytes', 'formats', 'rows', 'dropped'],
  pool: ['bytes', 'formats', 'rows'],
};
const BRIDGE = 'pool';

/** Files that only some may import, with who may. Tests are outside src and may import anything. */
const KEPT_APART = [
  { target: /^reference\//, by: /^(reference\/|lab\/selfTest\.)/, why: 'the float64 reference is for tests and lab/selfTest.ts' },
  {
    target: /^(gpu\/node|data\/[\w/]*\bnode[A-Z]\w*)\./,
    by: /^(cli\/|data\/[\w/]*\bnode[A-Z])/,
    why: 'this file needs Node; only cli may import it',
  },
];
/** Files that may use Node's own modules. */
const NODE_FILES = /^(cli\/|gpu\/node\.|data\/[\w/]*\bnode[A-Z])/;

const STATEMENT =
  /(?:^|[;\n])\s*(?:import|export)\s+(type\s)?([^'"`;()]*?)\s*(?:\bfrom\s*)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;

/** Imports of one file: { specifier, isType }. An import of nothing but `type` names is erased like `import type`. */
function importsOf(code) {
  const text = code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...text.matchAll(STATEMENT)].map(([, type, names, fixed, lazy]) => {
    const list = names
      ?.match(/^\{([\s\S]*)\}$/)?.[1]
      .split(',')
      .filter((name) => name.trim() !== '');
    return {
      specifier: fixed ?? lazy,
      isType: type !== undefined || (list !== undefined && list.length > 0 && list.every((name) => /^\s*type\s/.test(name))),
    };
  });
}

const listFiles = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)],
  );

/** The file that a relative import means, or undefined for shaders, styles and the like. */
function resolve(from, specifier) {
  const base = join(dirname(from), specifier.replace(/\?.*$/, ''));
  const isFile = (path) => existsSync(path) && statSync(path).isFile();
  return [base, ...['.ts', '.tsx', '/index.ts', '/index.tsx'].map((end) => base + end)].find(
    (path) => isFile(path) && /\.tsx?$/.test(path),
  );
}

const src = join(process.argv[2] ?? ROOT, 'src');
const name = (path) => relative(src, path).split(sep).join('/');
const folderOf = (file) => (file.includes('/') ? file.split('/')[0] : '');
const problems = [];
/** Imports inside src: file -> [{ target, isType }]. */
const graph = new Map();

for (const path of listFiles(src).filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'))) {
  const file = name(path);
  const targets = [];
  for (const { specifier, isType } of importsOf(readFileSync(path, 'utf8'))) {
    if (specifier.startsWith('node:') && !isType && !NODE_FILES.test(file))
      problems.push(`${file} imports ${specifier}, which only Node has`);
    const found = specifier.startsWith('.') ? resolve(path, specifier) : undefined;
    // A worker is another program with its own graph: `?worker` asks for its address, not for its code.
    if (found && !/\?.*\bworker\b/.test(specifier)) targets.push({ target: name(found), isType });
  }
  graph.set(file, targets);
}

const isIn = (target, starts) => (starts ?? []).some((start) => target.startsWith(start));

for (const [file, targets] of graph) {
  const folder = folderOf(file);
  for (const { target, isType } of targets) {
    const guard = isType ? undefined : KEPT_APART.find((rule) => rule.target.test(target) && !rule.by.test(file));
    const isGuarded = KEPT_APART.some((rule) => rule.target.test(target));
    const isAllowed = folderOf(target) === folder || isIn(target, ARROWS[folder]) || (isType && isIn(target, TYPES[folder]));
    if (guard) problems.push(`${file} imports ${target}: ${guard.why}`);
    else if (!isAllowed && !isGuarded)
      problems.push(`${file} imports ${isType ? 'a type of ' : ''}${target}: ${folder || 'src'} may not import ${folderOf(target)}`);
  }
}

// Within src/data: from hall to hall one way, and to the GPU by one bridge.
const hallOf = (file) => /^data\/(\w+)\//.exec(file)?.[1];
for (const [file, targets] of graph) {
  if (folderOf(file) !== 'data') continue;
  const hall = hallOf(file);
  if (!(hall in HALLS)) problems.push(`${file}: src/data has the halls ${Object.keys(HALLS).join(', ')}; this file is in none`);
  for (const { target } of targets) {
    const other = hallOf(target);
    if (other !== undefined && other !== hall && !HALLS[hall]?.includes(other))
      problems.push(`${file} imports ${target}: in src/data, ${hall} may not look into ${other}`);
    if (folderOf(target) === 'gpu' && hall !== BRIDGE) problems.push(`${file} imports ${target}: of src/data only ${BRIDGE} knows the GPU`);
  }
}

// What the page's thread runs must not reach WebGPU, by whatever way round.
const reached = new Map();
const walk = (file, way) => {
  if (reached.has(file)) return;
  reached.set(file, [...way, file]);
  for (const { target, isType } of graph.get(file) ?? []) if (!isType) walk(target, [...way, file]);
};
for (const file of graph.keys()) if (['', 'ui'].includes(folderOf(file))) walk(file, []);
for (const [file, way] of reached)
  if (folderOf(file) === 'gpu') problems.push(`the page's thread reaches ${way.join(' -> ')}; only the worker may`);

// Cycles, by depth-first search: a file met again while still on the way is one.
const state = new Map();
const findCycle = (file, way) => {
  if (state.get(file) === 'done') return;
  if (state.get(file) === 'open') {
    problems.push(`cycle: ${[...way.slice(way.indexOf(file)), file].join(' -> ')}`);
    return;
  }
  state.set(file, 'open');
  for (const { target } of graph.get(file) ?? []) findCycle(target, [...way, file]);
  state.set(file, 'done');
};
for (const file of graph.keys()) findCycle(file, []);

for (const problem of problems) console.error(`✗ ${problem}`);
if (problems.length === 0) console.log(`imports: ${graph.size} files, no arrow against the direction, no cycle`);
process.exitCode = problems.length > 0 ? 1 : 0;
