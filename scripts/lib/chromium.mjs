/** Finding a Chromium, installing Debian's where there is none. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { asRoot, asTyped, hasApt, installLines, linuxRelease } from './apt.mjs';
import { Stop } from './project.mjs';

const PLACES = {
  darwin: [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  ],
  win32: ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].flatMap((name) =>
    process.env[name]
      ? [join(process.env[name], 'Google/Chrome/Application/chrome.exe'), join(process.env[name], 'Microsoft/Edge/Application/msedge.exe')]
      : [],
  ),
};
const NAMES = ['chromium', 'google-chrome', 'google-chrome-stable', 'chromium-browser', 'microsoft-edge'];

/** Path of a Chromium-based browser: CHROME_PATH, the usual places, or PATH. Undefined when there is none. */
export function findChromium() {
  const named = process.env.CHROME_PATH;
  if (named) {
    if (!existsSync(named)) throw new Stop(`CHROME_PATH says ${named}, which does not exist.`);
    return named;
  }
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)];
  const onPath = process.platform === 'linux' ? NAMES.flatMap((name) => folders.map((folder) => join(folder, name))) : [];
  return [...(PLACES[process.platform] ?? []), ...onPath].find((path) => existsSync(path));
}

/** Path of a Chromium, installed first if need be. */
export async function ensureChromium() {
  const found = findChromium();
  if (found) return found;
  // Ubuntu's package is an installer of a snap, which needs a running snapd: only Debian's is installed here.
  const lines = installLines(['chromium']);
  if (hasApt() && linuxRelease().id === 'debian') {
    if (await asRoot('no Chromium found; installing it', lines)) {
      const installed = findChromium();
      if (installed) return installed;
    }
    throw new Stop(`Chromium is needed for the page's tests. Type:\n${asTyped(lines)}\nand run this again.`);
  }
  throw new Stop(
    "Chrome, Chromium or Edge is needed for the page's tests. Install one, or say where it is: CHROME_PATH=/path/to/chrome npm test",
  );
}
