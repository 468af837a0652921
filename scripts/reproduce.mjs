/**
 * npm run reproduce [-- OPTIONS]: checks the paper's claim on the demo model and keeps the figures in docs/reproduction.md
 * (docs/reproduction-SITE.md for another site, -widerN.md with --wider N). Minutes on a software GPU. Options: npm run lab -- help.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const site = args[args.indexOf('--site') + 1];
const wider = args.includes('--wider') ? `-wider${args[args.indexOf('--wider') + 1]}` : '';
const report = `docs/reproduction${args.includes('--site') && site !== 'mlp_out' ? `-${site}` : ''}${wider}.md`;
const lab = fileURLToPath(new URL('lab.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [lab, 'reproduce', '--report', report, ...args], { stdio: 'inherit' });
process.exit(status ?? 1);
