/** npm start [-- --no-open --port N --dev]: builds the page, serves it on this machine, opens a browser where there is one. */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { buildPage } from './lib/build.mjs';
import { ensurePackages, ROOT, runScript, Stop, say } from './lib/project.mjs';

/** Opens the system's browser; a machine without one is not an error. */
function openBrowser(address) {
  const opener = { darwin: ['open', []], win32: ['cmd', ['/c', 'start', '']] }[process.platform] ?? ['xdg-open', []];
  const hasDisplay = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (!hasDisplay) return;
  const child = spawn(opener[0], [...opener[1], address], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

function readArguments() {
  const options = { 'no-open': { type: 'boolean' }, port: { type: 'string' }, dev: { type: 'boolean' } };
  try {
    const { values } = parseArgs({ options });
    const port = values.port === undefined ? undefined : Number(values.port);
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65536))
      throw new Error(`--port ${values.port} is not a port`);
    return { ...values, port };
  } catch (error) {
    throw new Stop(`${error.message}\nnpm start -- [--no-open] [--port N] [--dev]`);
  }
}

await runScript(async () => {
  const args = readArguments();
  await ensurePackages();
  const vite = await import('vite');
  // A port that was asked for is used or refused; otherwise the first free one from 4173.
  const where = { host: 'localhost', port: args.port ?? 4173, strictPort: args.port !== undefined, open: false };
  let server;
  try {
    if (args.dev) {
      server = await vite.createServer({ root: ROOT, logLevel: 'warn', server: where });
      await server.listen();
    } else {
      const started = performance.now();
      if (await buildPage()) say(`built the page in ${((performance.now() - started) / 1000).toFixed(1)} s`);
      server = await vite.preview({ root: ROOT, logLevel: 'warn', preview: where });
    }
  } catch (error) {
    throw /already in use/.test(error?.message) ? new Stop(error.message) : error;
  }
  const address = server.resolvedUrls.local[0];
  console.log(`\n  Gated SAE Lab is at ${address}\n  Ctrl-C stops it.\n`);
  if (!args['no-open']) openBrowser(address);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0));
});
