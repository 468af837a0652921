/**
 * What to do where a browser gives no GPU, or only a processor: in the words of that browser's own settings.
 * Versions and flags: developer.chrome.com/docs/web-platform/webgpu/troubleshooting-tips, the release notes of Safari 26, Firefox 141 and 145.
 */
import { type Browser, type BrowserName, browserOf } from '../util/browser';

/** What is known of the place where the code runs. */
export interface Place {
  userAgent: string;
  /** False for pages over plain http from another machine; undefined where there are no pages. */
  isSecureContext?: boolean | undefined;
}

/** That of this thread. */
export const thisPlace = (): Place => {
  const scope = globalThis as { navigator?: { userAgent?: string }; isSecureContext?: boolean };
  return { userAgent: scope.navigator?.userAgent ?? 'Node.js/0', isSecureContext: scope.isSecureContext };
};

/** Addresses that begin so belong to the browser itself. */
const SCHEME: Partial<Record<BrowserName, string>> = { Chrome: 'chrome', Edge: 'edge', Opera: 'opera' };
const FIRST: Record<'Chrome' | 'Edge' | 'Opera' | 'Safari' | 'Firefox', number> = {
  Chrome: 113,
  Edge: 113,
  Opera: 99,
  Safari: 26,
  Firefox: 141,
};
const ANYWHERE = 'Use Chrome or Edge 113+, Safari 26+ or Firefox 141+.';
const FIREFOX =
  'Firefox has WebGPU on Windows from version 141 and on Macs with Apple silicon from 145; elsewhere set dom.webgpu.enabled to true in about:config and restart it, or use Chrome or Edge.';

const linuxFlags = (scheme: string): string =>
  `On Linux, open ${scheme}://flags, enable “Unsafe WebGPU Support” (#enable-unsafe-webgpu) and “Vulkan” (#enable-vulkan), and restart the browser`;

/** Why `navigator.gpu` is not there, and what to do. */
export function withoutWebGpu({ userAgent, isSecureContext }: Place): string {
  if (isSecureContext === false)
    return 'This page has no WebGPU, because it was opened over plain http from another machine: browsers offer it over https and at http://localhost only.';
  const browser = browserOf(userAgent);
  return `${nameOf(browser)} has no WebGPU here. ${howToGetIt(browser)}`;
}

const nameOf = ({ name, version }: Browser): string => (name ? `${name}${version > 0 ? ` ${version}` : ''}` : 'This browser');

function howToGetIt({ name, version, system }: Browser): string {
  if (system === 'iOS') return 'Every browser on iPhone and iPad has what iOS gives it: update to iOS 26 or later.';
  if (name === 'Firefox') return FIREFOX;
  if (name === 'Safari')
    return version < FIRST.Safari
      ? 'Safari has it from version 26, which comes with macOS 26; on an older macOS use Chrome or Edge.'
      : 'Turn it on in Settings, Feature Flags, “WebGPU”; Lockdown Mode turns it off.';
  const scheme = name && SCHEME[name];
  if (!name || name === 'Node' || !scheme) return ANYWHERE;
  if (version < FIRST[name as 'Chrome']) return `Update it: ${name} has WebGPU from version ${FIRST[name as 'Chrome']}.`;
  if (system === 'Android') return 'On Android it needs version 121 and Android 12 or later.';
  if (system === 'Linux') return `${linuxFlags(scheme)}.`;
  return `Look at ${scheme}://gpu: it says whether a policy or a flag has turned WebGPU off.`;
}

/** Why `requestAdapter()` gives nothing, and what to do. */
export function withoutAdapter({ userAgent }: Place): string {
  const { name, system } = browserOf(userAgent);
  const scheme = name && SCHEME[name];
  const found = 'WebGPU is there but no GPU was offered.';
  if (name === 'Node') return `${found} Install a Vulkan driver (npm test prints the command).`;
  if (scheme) {
    const acceleration = `Turn on hardware acceleration (“Use graphics acceleration when available” in ${scheme}://settings/system)`;
    return system === 'Linux'
      ? `${found} ${linuxFlags(scheme)}. ${acceleration}; ${scheme}://gpu says what is in the way.`
      : `${found} ${acceleration} and update the graphics driver; ${scheme}://gpu says what is in the way.`;
  }
  if (name === 'Firefox') return `${found} about:support, Graphics, says why; update the graphics driver. ${FIREFOX}`;
  if (name === 'Safari' || system === 'iOS') return `${found} Turn off Lockdown Mode for this site, and update the system.`;
  return `${found} ${ANYWHERE}`;
}

/** How to get a real GPU where a browser offers a processor in its place; undefined where nothing is known to help. */
export function insteadOfSoftware({ userAgent }: Place): string | undefined {
  const { name, system } = browserOf(userAgent);
  const scheme = name && SCHEME[name];
  if (!scheme) return undefined;
  return system === 'Linux'
    ? `${linuxFlags(scheme)}, to use the machine’s GPU; ${scheme}://gpu says what is in the way.`
    : `If this machine has a GPU, turn on hardware acceleration in ${scheme}://settings/system; ${scheme}://gpu says what is in the way.`;
}
