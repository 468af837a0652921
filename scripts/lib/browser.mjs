/** A headless Chromium with WebGPU, and the built page on a port of its own: for the page's tests and for screenshots. */
import { chromium } from 'playwright-core';
import { preview } from 'vite';
import { ensureChromium } from './chromium.mjs';
import { ROOT } from './project.mjs';

/** Without the first of these no software adapter is offered; the others keep the browser off the network and out of /dev/shm. */
export const WEBGPU_FLAG = '--enable-unsafe-webgpu';
const QUIET_FLAGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
  '--disable-dev-shm-usage',
];

/** @param flags further command-line flags; [] leaves out WebGPU's. */
export async function launchBrowser(flags = [WEBGPU_FLAG]) {
  return chromium.launch({ executablePath: await ensureChromium(), args: [...QUIET_FLAGS, ...flags] });
}

/** Serves dist/ on 127.0.0.1. Resolves with its address, ending in a slash, and how to stop it. */
export async function servePage() {
  const server = await preview({ root: ROOT, logLevel: 'warn', preview: { host: '127.0.0.1', port: 0, open: false } });
  const bound = server.httpServer.address();
  return { address: `http://127.0.0.1:${bound.port}/`, close: () => server.close() };
}
