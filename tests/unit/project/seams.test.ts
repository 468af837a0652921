/** An architecture is told in its own module alone: no other code of the product asks for one by its name. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { armFields } from '../../../src/lab/settings';
import { architectureIds } from '../../../src/sae/architectures';

const ROOT = new URL('../../../', import.meta.url).pathname;
/** Figures that were measured, by the names of what they are of; and arms as people type them. */
const RECORDED = [
  'src/cli/reproduce/claim.ts',
  'src/cli/reproduce/demoTable.ts',
  'src/cli/reproduce/figures.ts',
  'src/lab/parity/arms.ts',
  'src/ui/exampleResults.ts',
  'src/lab/presets.ts',
];

const files = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(tsx?|css)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
    .filter((path) => !path.startsWith('src/sae/architectures/') && !RECORDED.includes(path));

it('no code outside the table names an architecture', () => {
  const names = architectureIds().join('|');
  const named = new RegExp(`['"\`](${names})['"\`]|\\b(${names})\\s*:|--(${names})\\b|\\.(${names})\\b`);
  const found = files('src').flatMap((path) =>
    readFileSync(join(ROOT, path), 'utf8')
      .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      .split('\n')
      .flatMap((line) => (named.test(line) && !/align-items|vertical-align/.test(line) ? [`${path}: ${line.trim()}`] : [])),
  );
  // `gated` of a language model's MLP is another thing.
  expect(found.filter((line) => !line.startsWith('src/lm/'))).toEqual([]);
});

it('every architecture has words of its own for an arm', () => {
  for (const arch of architectureIds()) expect(armFields(arch).length).toBeGreaterThan(2);
});
