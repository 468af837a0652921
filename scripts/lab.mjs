/**
 * npm run lab -- COMMAND …: the laboratory without a page. Bundles src/cli/main.ts (about a second, only after a change)
 * and runs it in this process. src/cli/main.ts exports `main(args: string[]): Promise<number | undefined>`, its exit code.
 * stdout carries the program's own output alone.
 */
import { pathToFileURL } from 'node:url';
import { buildLab } from './lib/build.mjs';
import { ensurePackages, runScript, Stop, say } from './lib/project.mjs';
import { driverAdvice } from './lib/vulkan.mjs';

await runScript(async () => {
  await ensurePackages();
  const bundle = await buildLab(() => say('bundling the command line …'));
  process.setSourceMapsEnabled(true);
  const args = process.argv.slice(2);
  process.argv = [process.argv[0], bundle, ...args];
  try {
    const { main } = await import(pathToFileURL(bundle).href);
    if (typeof main !== 'function') throw new Stop('src/cli/main.ts must export main(args: string[]): Promise<number | undefined>.');
    process.exitCode = (await main(args)) ?? process.exitCode ?? 0;
  } catch (error) {
    if (error?.reason === 'no-adapter') throw new Stop(driverAdvice());
    throw error;
  }
});
// Dawn keeps the process alive for as long as its entry point is referenced.
process.exit();
