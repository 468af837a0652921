/** Building the page, and bundles for Node: of the command line and of what is measured. */
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

/**
 * Bundles an entry for Node into one file's text.
 * @param what its name in messages. @param external packages that stay imports; @param noExternal others that would, but go in.
 * @param outDir folder that relative addresses are formed for. @throws Stop
 */
export async function bundleForNode(entry, what, { external, noExternal, outDir }) {
  const { build } = await import('vite');
  const result = await build({
    configFile: false,
    root: ROOT,
    logLevel: 'silent',
    publicDir: false,
    ...(noExternal && { ssr: { noExternal } }),
    build: {
      ssr: entry,
      write: false,
      ...(outDir && { outDir }),
      target: 'node20',
      minify: false,
      sourcemap: 'inline',
      rolldownOptions: { external, output: { codeSplitting: false } },
    },
  }).catch((error) => {
    throw new Stop(`${what} does not build: ${error.message}`);
  });
  const { output } = Array.isArray(result) ? result[0] : result;
  const chunks = output.filter((piece) => piece.type === 'chunk');
  if (chunks.length !== 1) throw new Stop(`${what} must bundle into one file, not ${chunks.map((c) => c.fileName).join(', ')}`);
  return chunks[0].code;
}

/** Writes a measurement's bundle below dist-lab; a name of its own, so that two at a time never read each other's half. */
export function writeBundle(name, code) {
  const folder = join(ROOT, 'dist-lab', name);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `main.${process.pid}.mjs`);
  writeFileSync(path, code);
  return path;
}

/** One level below a folder of dist-lab, like src/cli/main.ts below src: relative addresses (../../public) stay right. */
const LAB_BUNDLE = join(ROOT, 'dist-lab/cli/main.mjs');

/** Bundles src/cli/main.ts for Node unless the bundle is newer than its sources; returns its path. */
export async function buildLab(onBuild = () => {}) {
  if (builtAt(LAB_BUNDLE) > newest(['src', 'shaders', 'package-lock.json'])) return LAB_BUNDLE;
  const entry = 'src/cli/main.ts';
  if (!existsSync(join(ROOT, entry))) throw new Stop(`${entry} is missing: there is no command line to build.`);
  onBuild();
  const code = await bundleForNode(entry, 'the command line', { external: ['webgpu'], outDir: dirname(LAB_BUNDLE) });
  // Written aside and renamed, so that a second command started meanwhile never reads half a bundle.
  mkdirSync(dirname(LAB_BUNDLE), { recursive: true });
  const draft = `${LAB_BUNDLE}.${process.pid}`;
  writeFileSync(draft, code);
  renameSync(draft, LAB_BUNDLE);
  return LAB_BUNDLE;
}
