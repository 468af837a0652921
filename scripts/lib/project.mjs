/** Small things every script needs: where the project is, running a program, what is out of date, words on stderr. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A failure whose message says all there is to know: printed without a stack. */
export class Stop extends Error {
  name = 'Stop';
}

/** To stderr, so that stdout carries only a program's own output. */
export const say = (line) => process.stderr.write(`${line}\n`);

/** Runs a script's main function; a Stop prints its message alone. */
export async function runScript(main) {
  try {
    const code = await main();
    if (typeof code === 'number') process.exitCode = code;
  } catch (error) {
    say(error instanceof Stop ? `\n${error.message}` : (error?.stack ?? String(error)));
    process.exitCode = 1;
  }
}

/** Runs a program with the terminal as its output. Resolves with its exit code (1 when a signal ended it). */
export function run(program, args, { env = {}, stdio = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: ROOT,
      stdio,
      env: { ...process.env, ...env },
      shell: process.platform === 'win32' && program === 'npm',
    });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** Runs a program and returns what it said. */
export function capture(program, args, { env = {}, timeout = 120_000 } = {}) {
  const done = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8', timeout, env: { ...process.env, ...env } });
  return { ok: done.status === 0, stdout: (done.stdout ?? '').trim(), stderr: (done.stderr ?? '').trim() };
}

/** Path of an installed package's program, to be run with this same node. */
export const bin = (name) => join(ROOT, 'node_modules', ...name.split('/'));

/** Installs the packages of package-lock.json when there are none yet. */
export async function ensurePackages() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw new Stop(`Node ${process.versions.node} is too old: 20.19 or newer is needed (https://nodejs.org).`);
  if (existsSync(bin('vite/package.json')) && existsSync(bin('webgpu/package.json'))) return;
  say('installing packages (npm ci) …');
  const code = await run('npm', ['ci', '--no-audit', '--no-fund'], { stdio: ['ignore', 2, 2] });
  if (code !== 0) throw new Stop('npm ci failed; its messages are above.');
}

/** Time of the newest file in the given files and folders, in ms; 0 when none exists. */
export function newest(paths) {
  let time = 0;
  for (const path of paths) {
    const full = join(ROOT, path);
    if (!existsSync(full)) continue;
    const stat = statSync(full);
    time = Math.max(time, stat.mtimeMs);
    if (stat.isDirectory()) time = Math.max(time, newest(readdirSync(full).map((name) => join(path, name))));
  }
  return time;
}

/** What the page and the bundle of the command line are built from. */
export const SOURCES = ['src', 'bench', 'shaders', 'public', 'index.html', 'vite.config.ts', 'package-lock.json', 'tsconfig.json'];

export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
