/**
 * npm run streaming [-- --speed --page --only TEXT --gib N --steps N --mib N --turns N --folder DIR]: trains on gigabytes of every format and prints the memory
 * it takes, or (--speed) how fast rows come beside a plain read (docs/data.md). Bundles scripts/streaming/main.ts, which exports
 * `main(args: string[]): Promise<number>`, its exit code.
 */
import { rmSync } from 'node:fs';
import { bundleForNode, writeBundle } from './lib/build.mjs';
import { ensurePackages, run, runScript } from './lib/project.mjs';

await runScript(async () => {
  await ensurePackages();
  const code = await bundleForNode('scripts/streaming/main.ts', 'the measurement', { external: ['webgpu', 'vite', 'playwright-core'] });
  const path = writeBundle('streaming', `${code}\nprocess.exit(await main(process.argv.slice(2)));\n`);
  try {
    // A process of its own, for it starts itself anew for each format.
    return await run(process.execPath, ['--enable-source-maps', path, ...process.argv.slice(2)]);
  } finally {
    rmSync(path, { force: true });
  }
});
