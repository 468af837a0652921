/** "Chrome 156" from a user agent: the browser that names itself last but for Safari, which all of them name. */
export function browserName(userAgent: string): string {
  const named = /(Firefox|Edg|OPR|Chrome|Version)\/(\d+)/g;
  const found = [...userAgent.matchAll(named)].map(([, name, version]) => ({ name, version }));
  const { name, version } = found.at(-1) ?? {};
  if (name === undefined) return 'a browser that does not tell its name';
  return `${{ Edg: 'Edge', OPR: 'Opera', Version: 'Safari' }[name] ?? name} ${version}`;
}
