/**
 * npm run bench [-- --quick --json --only a,b --no-peers --small --plot FILE.svg]: bundles bench/main.ts and runs it in this process
 * (docs/performance.md). The page's benchmark has the same cases in a worker (bench/page). bench/main.ts exports
 * `main(args: string[]): Promise<number>`, its exit code.
 */
import { rmSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { bundleForNode, writeBundle } from './lib/build.mjs';
import { ensurePackages, runScript, Stop } from './lib/project.mjs';
import { driverAdvice } from './lib/vulkan.mjs';

/** TF.js goes in: Node cannot load its gradients by themselves (ES modules in a package that does not say so). */
const PACKAGES = { external: ['webgpu', 'node-fetch', /^@jax-js\//], noExternal: [/^@tensorflow\//, 'long', 'seedrandom'] };

await runScript(async () => {
  await ensurePackages();
  const path = writeBundle('bench', await bundleForNode('bench/main.ts', 'the benchmark', PACKAGES));
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
