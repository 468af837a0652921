/** What the docs say of the tree is true: every path that they name is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { expect, it } from 'vitest';

const PAGES = ['README.md', 'CONTRIBUTING.md', ...readdirSync('docs').flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))];

/** `src/lab`, `shaders/sae/decode.wgsl`, `tests/kernels/…`: from the top of the tree, in backticks; what stands for a name to be chosen is not meant. */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/`((?:src|shaders|tests|scripts|bench|public|docs)\/[\w./-]*[\w/])`/g)].flatMap(([, path = '']) =>
    /NAME|\bmy_|\bmy[A-Z]/.test(path) ? [] : [path],
  );

const isThere = (path: string): boolean =>
  existsSync(path) || (existsSync(dirname(path)) && readdirSync(dirname(path)).some((name) => name.startsWith(`${basename(path)}.`)));

it.each(PAGES)('%s names files that are there', (page) => {
  const text = readFileSync(page, 'utf8');
  expect(pathsIn(text).filter((path) => !isThere(path))).toEqual([]);
});

it.each(PAGES)('%s links to pages that are there', (page) => {
  const links = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, to = '']) => `${dirname(page)}/${to}`);
  expect(links.filter((to) => !existsSync(to))).toEqual([]);
});
