/** Installing system packages on Debian and Ubuntu, as root or with passwordless sudo. */
import { existsSync, readFileSync } from 'node:fs';
import { capture, run, say } from './project.mjs';

/** ID and VERSION_CODENAME of this Linux, e.g. { id: 'debian', codename: 'bookworm' }. */
export function linuxRelease() {
  if (!existsSync('/etc/os-release')) return { id: '', codename: '' };
  const text = readFileSync('/etc/os-release', 'utf8');
  const field = (name) => text.match(new RegExp(`^${name}="?([^"\\n]*)`, 'm'))?.[1] ?? '';
  return { id: field('ID'), codename: field('VERSION_CODENAME') };
}

export const hasApt = () => existsSync('/usr/bin/apt-get');

const isRoot = () => process.getuid?.() === 0;

/** How to become root without a question: nothing to prefix, `sudo -n`, or undefined. */
function rootPrefix() {
  if (isRoot()) return [];
  return capture('sudo', ['-n', 'true']).ok ? ['sudo', '-n'] : undefined;
}

/** Says why and runs shell lines as root, in order; returns whether all went well, false at once when root cannot be had. */
export async function asRoot(why, lines) {
  const prefix = rootPrefix();
  if (!prefix) return false;
  say(why);
  for (const line of lines) {
    say(`  # ${line}`);
    const [program, ...args] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'sh', '-c', line];
    // apt's own chatter goes to stderr; a third-party source that fails to update must not stop the installation.
    const code = await run(program, args, { stdio: ['ignore', 2, 2] });
    if (code !== 0 && !line.startsWith('apt-get update')) return false;
  }
  return true;
}

/** The same lines as a person types them. */
export const asTyped = (lines) => lines.map((line) => (isRoot() ? `  ${line}` : `  sudo sh -c ${quote(line)}`)).join('\n');

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Lines that install packages from the machine's own sources. */
export const installLines = (packages) => ['apt-get update', `apt-get install -y ${packages.join(' ')}`];

/**
 * Lines that install packages from Debian 12's backports, from the same mirror as the machine's other packages:
 * apt tells its address (the security suite has another one, hence the filter on the code name).
 */
export const backportLines = (packages) => [
  'apt-get update',
  `apt-get indextargets --format '$(CODENAME)' 'Created-By: Packages' | grep -qx bookworm-backports || ` +
    `{ uri=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1); ` +
    `echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \${uri:-http://deb.debian.org/debian} bookworm-backports main" > /etc/apt/sources.list.d/bookworm-backports.list; }`,
  'apt-get update',
  `apt-get install -y -t bookworm-backports ${packages.join(' ')}`,
];
