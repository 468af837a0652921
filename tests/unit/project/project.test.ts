/** The checks that guard the project are themselves checked: each must find the fault it is there for. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'project-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

function script(name: string, ...args: string[]): { code: number | null; output: string } {
  const done = spawnSync(process.execPath, [join('scripts', name), ...args], { encoding: 'utf8' });
  return { code: done.status, output: done.stdout + done.stderr };
}

describe('check-imports', () => {
  const check = (files: Record<string, string>) => script('check-imports.mjs', tree(files));

  it('accepts the arrows that are meant, the types that the page speaks of and workers by address', () => {
    const { code, output } = check({
      'src/gpu/device.ts': 'export const device = 1;\nexport interface Gpu { a: 1 }',
      'src/sae/trainer.ts':
        "import { device } from '../gpu/device';\nimport text from '../../shaders/x.wgsl?raw';\nexport const t = [device, text];",
      'src/lab/worker.ts': "import { t } from '../sae/trainer';\nconsole.log(t);",
      'src/ui/app.ts':
        "import type { Gpu } from '../gpu/device';\nimport { type Gpu as G } from '../gpu/device';\nimport Lab from '../lab/worker?worker';\nexport const a: Gpu | G | typeof Lab = Lab;",
      'src/main.tsx': "import { a } from './ui/app';\nimport './style.css';\nconsole.log(a);",
    });
    expect(output).toContain('5 files');
    expect(code).toBe(0);
  });

  it.each([
    [
      'an arrow against the direction',
      { 'src/gpu/a.ts': "import { b } from '../sae/b';", 'src/sae/b.ts': 'export const b = 1;' },
      'gpu may not import sae',
    ],
    [
      'the page running GPU code',
      { 'src/ui/a.ts': "import {\n  b,\n} from '../gpu/b';", 'src/gpu/b.ts': 'export const b = 1;' },
      'ui may not import gpu',
    ],
    ['a lazy import', { 'src/ui/a.ts': "void import('../lm/b');", 'src/lm/b.ts': 'export const b = 1;' }, 'ui may not import lm'],
    [
      'the page reaching the GPU by a detour',
      { 'src/ui/a.ts': "export * from '../metrics/m';", 'src/metrics/m.ts': "import '../gpu/b';", 'src/gpu/b.ts': '' },
      'ui/a.ts -> metrics/m.ts -> gpu/b.ts',
    ],
    [
      'the reference in the product',
      { 'src/lab/a.ts': "import { r } from '../reference/r';", 'src/reference/r.ts': 'export const r = 1;' },
      'for tests',
    ],
    [
      'a type against the direction',
      { 'src/data/rows/a.ts': "import type { B } from '../../lab/b';\nexport type A = B;", 'src/lab/b.ts': 'export type B = 1;' },
      'imports a type of lab/b.ts: data may not import lab',
    ],
    [
      'a hall of data looking into a later one, even for a type',
      { 'src/data/formats/a.ts': "import type { R } from '../rows/r';\nexport type A = R;", 'src/data/rows/r.ts': 'export type R = 1;' },
      'in src/data, formats may not look into rows',
    ],
    [
      'a second bridge to the GPU',
      { 'src/data/rows/a.ts': "import { g } from '../../gpu/g';\nexport const a = g;", 'src/gpu/g.ts': 'export const g = 1;' },
      'only pool knows the GPU',
    ],
    ['a file of data in no hall', { 'src/data/a.ts': 'export const a = 1;' }, 'this file is in none'],
    ['Node in the page', { 'src/data/a.ts': "import { open } from 'node:fs/promises';\nopen('x');" }, 'which only Node has'],
    [
      'Dawn outside the command line',
      { 'src/lab/a.ts': "import { n } from '../gpu/node';", 'src/gpu/node.ts': 'export const n = 1;' },
      'only cli may import it',
    ],
    [
      'a cycle, even of types',
      {
        'src/gpu/a.ts': "import { b } from './b';\nexport type A = 1;",
        'src/gpu/b.ts': "import type { A } from './a';\nexport const b: A = 1;",
      },
      'cycle: gpu/a.ts -> gpu/b.ts -> gpu/a.ts',
    ],
  ])('finds %s', (_, files, message) => {
    const { code, output } = check(files as unknown as Record<string, string>);
    expect(output).toContain(message);
    expect(code).toBe(1);
  });

  it('is not misled by comments', () => {
    expect(check({ 'src/gpu/a.ts': "// import '../ui/b';\n/* import '../ui/b'; */\nexport {};", 'src/ui/b.ts': '' }).code).toBe(0);
  });
});

describe('bundle-size', () => {
  const html =
    '<!doctype html><link rel="modulepreload" href="./assets/v.js"><script type="module" crossorigin src="./assets/i.js"></script>';
  const check = (files: Record<string, string>) =>
    script('bundle-size.mjs', join(tree({ 'dist/index.html': html, 'dist/assets/v.js': '', ...files }), 'dist'));
  const noise = Array.from({ length: 60_000 }, (_, i) => Math.imul(i, 2654435761).toString(36)).join('');

  it('counts static imports and leaves lazy ones', () => {
    const { code, output } = check({
      'dist/assets/i.js': 'import{a as b}from"./s.js";import("./lazy.js");',
      'dist/assets/s.js': '1',
      'dist/assets/lazy.js': noise,
    });
    expect(output).toContain('in 3 file(s)');
    expect(code).toBe(0);
  });

  it('refuses a first load that is too large', () => {
    const { code, output } = check({ 'dist/assets/i.js': 'x();import"./s.js";', 'dist/assets/s.js': noise });
    expect(output).toContain('150 allowed');
    expect(code).toBe(1);
  });

  it('refuses Plotly in the first load', () => {
    const { code, output } = check({ 'dist/assets/i.js': 'var c={plotlyServerURL:""}' });
    expect(output).toContain('brings Plotly into the first load');
    expect(code).toBe(1);
  });
});

describe('docs/dependencies.md', () => {
  it('names every package with the version that is pinned', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>;
    const rows = [...readFileSync('docs/dependencies.md', 'utf8').matchAll(/^\| `([^`]+)` \| (\S+) \|/gm)].map(
      ([, name, version]) => `${name} ${version}`,
    );
    const pinned = Object.entries({ ...dependencies, ...devDependencies }).map(([name, version]) => `${name} ${version}`);
    expect(rows.sort()).toEqual(pinned.sort());
  });
});
