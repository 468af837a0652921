/** Keeps the first load small: the JavaScript that index.html needs before anything is clicked, gzipped. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const LIMIT_KB = 150;
/** A name inside plotly.js that no code of ours uses. */
const PLOTLY_MARK = 'plotlyServerURL';

/** Files that a page's HTML loads as scripts or preloads, relative to its folder. */
const scriptsOf = (html) =>
  [...html.matchAll(/<(?:script|link)\b[^>]*?(?:src|href)="([^"]+\.m?js)"/g)].map((match) => match[1].replace(/^(\.?\/)/, ''));

/** Chunks that a chunk imports statically; `import(…)` is loaded later and does not count. */
const importsOf = (code) =>
  [...code.matchAll(/(?:^|[;\n}])\s*(?:import|export)\s*(?:[\w$*{},\s]+?\s*from\s*)?["'](\.[^"']+)["']/g)].map((match) => match[1]);

/** Every script of the first load, reached from index.html. */
export function firstLoad(dist) {
  const seen = new Set();
  const visit = (file) => {
    if (seen.has(file) || !existsSync(join(dist, file))) return;
    seen.add(file);
    for (const target of importsOf(readFileSync(join(dist, file), 'utf8'))) visit(normalize(join(dirname(file), target)));
  };
  for (const file of scriptsOf(readFileSync(join(dist, 'index.html'), 'utf8'))) visit(normalize(file));
  return [...seen];
}

/** Measures a build: one line for the summary, and what breaks the budget. */
export function checkBundle(dist) {
  const gzipKb = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length / 1000;
  const files = firstLoad(dist);
  const total = files.reduce((sum, file) => sum + gzipKb(file), 0);
  const problems = [];
  if (files.length === 0) problems.push('index.html loads no script');
  if (total > LIMIT_KB)
    problems.push(`${total.toFixed(1)} kB gzip of JavaScript before the first click, ${LIMIT_KB} allowed: ${files.join(', ')}`);
  for (const file of files) {
    if (readFileSync(join(dist, file), 'utf8').includes(PLOTLY_MARK))
      problems.push(`${file} brings Plotly into the first load; import it lazily`);
  }
  return { note: `${total.toFixed(1)} of ${LIMIT_KB} kB gzip in ${files.length} file(s)`, problems };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const dist = process.argv[2] ?? 'dist';
  const { note, problems } = checkBundle(dist);
  console.log(note);
  for (const file of existsSync(join(dist, 'assets')) ? readdirSync(join(dist, 'assets')) : []) {
    console.log(
      `  ${(gzipSync(readFileSync(join(dist, 'assets', file)), { level: 9 }).length / 1000).toFixed(1).padStart(8)} kB  assets/${file}`,
    );
  }
  for (const problem of problems) console.error(`✗ ${problem}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
