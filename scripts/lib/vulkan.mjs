/** A GPU driver that Dawn (npm `webgpu`) accepts: probed in a child process, installed where it is missing. */
import { existsSync } from 'node:fs';
import { asRoot, asTyped, backportLines, hasApt, installLines, linuxRelease } from './apt.mjs';
import { ensureChromium } from './chromium.mjs';
import { capture, Stop, say } from './project.mjs';

/** Runs in a child, since a driver that fails may take its process with it, and since drivers are listed once per process. */
const PROBE = `
const { create } = await import('webgpu');
globalThis.dawn = create([]);
const adapter = await globalThis.dawn.requestAdapter({ powerPreference: 'high-performance' });
if (!adapter) throw new Error('no adapter');
await adapter.requestDevice();
const { vendor, architecture, device, description } = adapter.info;
console.log(JSON.stringify({ name: description || [vendor, architecture || device].filter(Boolean).join(' ') || 'unnamed GPU' }));
process.exit(0);
`;

/** Name of the adapter that Dawn opens with these environment variables, or why there is none. */
export function probeAdapter(env = {}) {
  const { ok, stdout, stderr } = capture(process.execPath, ['--input-type=module', '-e', PROBE], { env, timeout: 60_000 });
  const line = stdout.split('\n').find((l) => l.startsWith('{'));
  if (ok && line) return { name: JSON.parse(line).name };
  const said = stderr.split('\n').find((l) => /^(Error|Warning):/.test(l));
  return { problem: said ?? 'the probe died without a word' };
}

/** Lines that install a software Vulkan driver: Debian 12's own Mesa 22 is refused by Dawn, its backports' Mesa 25 works. */
export function driverLines() {
  const packages = ['libvulkan1', 'mesa-vulkan-drivers'];
  const { id, codename } = linuxRelease();
  return id === 'debian' && codename === 'bookworm' ? backportLines(packages) : installLines(packages);
}

/** What a person without a driver types. */
export function driverAdvice() {
  if (process.platform !== 'linux') return 'No GPU was offered: update the graphics driver.';
  if (!hasApt())
    return 'No GPU was offered: install a Vulkan driver (Mesa 23 or newer, with llvmpipe for machines without a GPU; often named vulkan-swrast or mesa-vulkan-drivers).';
  return `No GPU was offered: install a Vulkan driver. Type:\n${asTyped(driverLines())}`;
}

const SWIFTSHADER = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/opt/google/chrome/vk_swiftshader_icd.json'];

/** Chromium's own software driver: twelve times slower than Mesa's, but there wherever Chromium is. */
function trySwiftShader() {
  for (const icd of SWIFTSHADER) {
    if (!existsSync(icd)) continue;
    const env = { VK_ICD_FILENAMES: icd };
    const probe = probeAdapter(env);
    if (probe.name) return { name: `${probe.name} (Chromium's software driver, slow)`, env };
  }
  return undefined;
}

/**
 * Finds or installs what Dawn needs.
 * @returns the adapter's name, and the environment variables with which it is found.
 */
export async function ensureVulkan() {
  const first = probeAdapter();
  if (first.name) return { name: first.name, env: {} };
  say(`no GPU for Node: ${first.problem}`);
  if (process.platform === 'linux') {
    if (hasApt()) {
      if (await asRoot('installing a software Vulkan driver (Mesa)', driverLines())) {
        const second = probeAdapter();
        if (second.name) return { name: second.name, env: {} };
        say(`still no GPU for Node: ${second.problem}`);
      }
    }
    await ensureChromium().catch(() => undefined);
    const fallback = trySwiftShader();
    if (fallback) return fallback;
  }
  throw new Stop(driverAdvice());
}
