/**
 * npm run recipes [-- OPTIONS]: looks for the start at which each architecture does best, and keeps what it found in docs/recipes.json, docs/recipes.md
 * and the defaults of `lr` and `enc-length`. Hours on a software GPU; may be interrupted and goes on where it was. Options: npm run lab -- help.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const lab = fileURLToPath(new URL('lab.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [lab, 'recipes', ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(status ?? 1);
