/**
 * npm run streaming [-- --speed --page --only TEXT --gib N --steps N --mib N --turns N --folder DIR]: trains on gigabytes of every format and prints the memory
 * it takes, or (--speed) how fast rows come beside a plain read (docs/data.md). Bundles scripts/streaming/main.ts, which exports
 * `main(args: string[]): Promise<number>`, its exit code.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePackages, ROOT, run, runScript, Stop } from './lib/project.mjs';

async function bundle() {
  const { build } = await import('vite');
  const result = await build({
    configFile: false,
    root: ROOT,
    logLevel: 'silent',
    publicDir: false,
    build: {
      ssr: 'scripts/streaming/main.ts',
      write: false,
      target: 'node20',
      minify: false,
      sourcemap: 'inline',
      rolldownOptions: { external: ['webgpu', 'vite', 'playwright-core'], output: { codeSplitting: false } },
    },
  }).catch((error) => {
    throw new Stop(`the measurement does not build: ${error.message}`);
  });
  const { output } = Array.isArray(result) ? result[0] : result;
  const chunks = output.filter((piece) => piece.type === 'chunk');
  if (chunks.length !== 1) throw new Stop(`the measurement must bundle into one file, not ${chunks.map((c) => c.fileName).join(', ')}`);
  const folder = join(ROOT, 'dist-lab/streaming');
  mkdirSync(folder, { recursive: true });
  // A name of its own, so that two at a time never read each other's half.
  const path = join(folder, `main.${process.pid}.mjs`);
  writeFileSync(path, `${chunks[0].code}\nprocess.exit(await main(process.argv.slice(2)));\n`);
  return path;
}

await runScript(async () => {
  await ensurePackages();
  const path = await bundle();
  try {
    // A process of its own, for it starts itself anew for each format.
    return await run(process.execPath, ['--enable-source-maps', path, ...process.argv.slice(2)]);
  } finally {
    rmSync(path, { force: true });
  }
});
