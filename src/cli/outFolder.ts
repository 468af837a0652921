/** What an earlier call left in the folder that results go to: put aside, so that nothing is lost and nothing of two runs stands together. */
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { say } from './output';

const FILES = ['cfg.json', 'sae_weights.safetensors', 'metrics.jsonl', 'result.json', 'results.json', 'pareto.svg'];
/** As `runFolder` names them. */
const RUN_FOLDER = /^r\d+_/;

/** Names of `folder`, none when there is no such folder. */
const listed = (folder: string) =>
  readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw cause;
  });

/**
 * Moves results that lie in `out` to a new folder beside it, and says so. What the lab did not write stays.
 * @returns that folder, when there was something to move.
 */
export async function putAside(out: string): Promise<string | undefined> {
  const names = (await listed(out)).flatMap((entry) =>
    (entry.isFile() && FILES.includes(entry.name)) || (entry.isDirectory() && RUN_FOLDER.test(entry.name)) ? [entry.name] : [],
  );
  if (names.length === 0) return undefined;
  let n = 1;
  while ((await listed(`${resolve(out)}.earlier-${n}`)).length > 0) n++;
  const target = `${resolve(out)}.earlier-${n}`;
  await mkdir(target, { recursive: true });
  for (const name of names) await rename(join(out, name), join(target, name));
  say(`note: ${out} held results of an earlier call; they are in ${target} now`);
  return target;
}
