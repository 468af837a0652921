/** Building the page, and the bundle of the command line. */
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { newest, ROOT, SOURCES, Stop } from './project.mjs';

const builtAt = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

/** Builds the page into dist/ unless it is newer than all it is made of. Returns whether it built. */
export async function buildPage({ force = false, logLevel = 'warn' } = {}) {
  if (!existsSync(join(ROOT, 'index.html'))) throw new Stop('index.html is missing: there is no page to build.');
  if (!force && builtAt(join(ROOT, 'dist/index.html')) > newest(SOURCES)) return false;
  const { build } = await import('vite');
  await build({ root: ROOT, logLevel }).catch((error) => {
    throw new Stop(`the page does not build: ${error.message}`);
  });
  return true;
}

/** One level below a folder of dist-lab, like src/cli/main.ts below src: relative addresses (../../public) stay right. */
const LAB_BUNDLE = join(ROOT, 'dist-lab/cli/main.mjs');

/** Bundles src/cli/main.ts for Node unless the bundle is newer than its sources; returns its path. */
export async function buildLab(onBuild = () => {}) {
  if (builtAt(LAB_BUNDLE) > newest(['src', 'shaders', 'package-lock.json'])) return LAB_BUNDLE;
  const entry = 'src/cli/main.ts';
  if (!existsSync(join(ROOT, entry))) throw new Stop(`${entry} is missing: there is no command line to build.`);
  onBuild();
  const { build } = await import('vite');
  const result = await build({
    configFile: false,
    root: ROOT,
    logLevel: 'silent',
    publicDir: false,
    build: {
      ssr: entry,
      write: false,
      outDir: dirname(LAB_BUNDLE),
      target: 'node20',
      minify: false,
      sourcemap: 'inline',
      rolldownOptions: { external: ['webgpu'], output: { codeSplitting: false } },
    },
  }).catch((error) => {
    throw new Stop(`the command line does not build: ${error.message}`);
  });
  const { output } = Array.isArray(result) ? result[0] : result;
  const chunks = output.filter((piece) => piece.type === 'chunk');
  if (chunks.length !== 1) throw new Stop(`the command line must bundle into one file, not ${chunks.map((c) => c.fileName).join(', ')}`);
  // Written aside and renamed, so that a second command started meanwhile never reads half a bundle.
  mkdirSync(dirname(LAB_BUNDLE), { recursive: true });
  const draft = `${LAB_BUNDLE}.${process.pid}`;
  writeFileSync(draft, chunks[0].code);
  renameSync(draft, LAB_BUNDLE);
  return LAB_BUNDLE;
}
