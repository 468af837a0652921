/** npm run parity -- FOLDER [--out FOLDER]: every case of the fixtures' formats below a folder through the product. Options: npm run lab -- parity --help. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const lab = fileURLToPath(new URL('lab.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [lab, 'parity', ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(status ?? 1);
