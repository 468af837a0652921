/**
 * npm run bench [-- --quick --json --only a,b --no-peers --small --plot FILE.svg]: bundles bench/main.ts and runs it in this process
 * (docs/performance.md). The page's benchmark has the same cases in a worker (bench/page). bench/main.ts exports
 * `main(args: string[]): Promise<number>`, its exit code.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensurePackages, ROOT, runScript, Stop } from './lib/project.mjs';
import { driverAdvice } from './lib/vulkan.mjs';

/** Bundles bench/main.ts. TF.js goes in: Node cannot load its gradients by themselves (ES modules in a package that does not say so). */
async function bundle() {
  const { build } = await import('vite');
  const result = await build({
    configFile: false,
    root: ROOT,
    logLevel: 'silent',
    publicDir: false,
    ssr: { noExternal: [/^@tensorflow\//, 'long', 'seedrandom'] },
    build: {
      ssr: 'bench/main.ts',
      write: false,
      target: 'node20',
      minify: false,
      sourcemap: 'inline',
      rolldownOptions: { external: ['webgpu', 'node-fetch', /^@jax-js\//], output: { codeSplitting: false } },
    },
  }).catch((error) => {
    throw new Stop(`the benchmark does not build: ${error.message}`);
  });
  const { output } = Array.isArray(result) ? result[0] : result;
  const chunks = output.filter((piece) => piece.type === 'chunk');
  if (chunks.length !== 1) throw new Stop(`the benchmark must bundle into one file, not ${chunks.map((c) => c.fileName).join(', ')}`);
  const folder = join(ROOT, 'dist-lab/bench');
  mkdirSync(folder, { recursive: true });
  // A name of its own, so that two at a time never read each other's half.
  const path = join(folder, `main.${process.pid}.mjs`);
  writeFileSync(path, chunks[0].code);
  return path;
}

await runScript(async () => {
  await ensurePackages();
  const path = await bundle();
  process.setSourceMapsEnabled(true);
  try {
    const { main } = await import(pathToFileURL(path).href);
    return await main(process.argv.slice(2));
  } catch (error) {
    if (error?.reason === 'no-adapter') throw new Stop(driverAdvice());
    throw error;
  } finally {
    rmSync(path, { force: true });
  }
});
// Dawn keeps the process alive for as long as its entry point is referenced.
process.exit();
