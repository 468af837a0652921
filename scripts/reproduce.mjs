/**
 * npm run reproduce [-- OPTIONS]: checks what was published on the demo model and keeps the figures in docs/: reproduction.md for the paper's claim
 * (reproduction-SITE.md for another site, -widerN.md with --wider N, -tuned.md with --tuned), demo-rows.md with --rows,
 * reproduction-figure-8.md with --figure 8. Minutes on a software GPU. Options: npm run lab -- help.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const optionOf = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);

function reportName() {
  if (args.includes('--rows')) return 'demo-rows';
  if (args.includes('--figure')) return `reproduction-figure-${optionOf('--figure')}`;
  const site = optionOf('--site');
  const wider = optionOf('--wider');
  return `reproduction${site === undefined || site === 'mlp_out' ? '' : `-${site}`}${wider === undefined ? '' : `-wider${wider}`}${args.includes('--tuned') ? '-tuned' : ''}`;
}

const lab = fileURLToPath(new URL('lab.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [lab, 'reproduce', '--report', `docs/${reportName()}.md`, ...args], { stdio: 'inherit' });
process.exit(status ?? 1);
