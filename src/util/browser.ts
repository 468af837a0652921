/** Which browser and system a page runs in, from the user agent: for names in reports and for advice, never to choose what to do. */

export type BrowserName = 'Chrome' | 'Edge' | 'Opera' | 'Firefox' | 'Safari' | 'Node';
export type SystemName = 'Windows' | 'macOS' | 'iOS' | 'Android' | 'Linux';

export interface Browser {
  name?: BrowserName;
  /** Major version; 0 where it is not told. */
  version: number;
  system?: SystemName;
}

const NAMED = /(Firefox|FxiOS|Edg|EdgiOS|OPR|Chrome|CriOS|Version|Node\.js)\/(\d+)/g;
const NAMES: Record<string, BrowserName> = {
  Edg: 'Edge',
  EdgiOS: 'Edge',
  OPR: 'Opera',
  Chrome: 'Chrome',
  CriOS: 'Chrome',
  Version: 'Safari',
  Firefox: 'Firefox',
  FxiOS: 'Firefox',
  'Node.js': 'Node',
};
/** In this order: Android names Linux, iOS names Mac OS X. */
const SYSTEMS: readonly [RegExp, SystemName][] = [
  [/iPhone|iPad|iPod/, 'iOS'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Macintosh|Mac OS X/, 'macOS'],
  [/Linux|X11|CrOS/, 'Linux'],
];

/** The browser that names itself last but for Safari, which all of them name. */
export function browserOf(userAgent: string): Browser {
  const [, token = '', version = '0'] = [...userAgent.matchAll(NAMED)].at(-1) ?? [];
  const name = NAMES[token];
  const system = SYSTEMS.find(([pattern]) => pattern.test(userAgent))?.[1];
  return { version: Number(version), ...(name && { name }), ...(system && { system }) };
}

/** "Chrome 156". */
export function browserName(userAgent: string): string {
  const { name, version } = browserOf(userAgent);
  return name === undefined ? 'a browser that does not tell its name' : `${name} ${version}`;
}
