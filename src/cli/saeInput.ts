/** A saved SAE named on the command line. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { FileSource, listFiles } from '../data/bytes/nodeFiles';
import type { ByteSource } from '../data/bytes/types';
import { type LoadedSae, loadSae } from '../interop/saelens';

/** What lies beside a weights file and belongs to it. */
const BESIDE = ['cfg.json', 'activation_scaler.json'];

/**
 * A folder, or a weights file with its cfg.json where that can only be its own: the file has the usual name or is the only one of its kind there.
 * @throws DataError naming the file for anything that the lab could not represent exactly.
 */
export async function readSae(path: string): Promise<LoadedSae> {
  const info = await stat(path).catch(() => undefined);
  return loadSae(info?.isFile() ? await withCompanions(path) : await listFiles([path]));
}

async function withCompanions(path: string): Promise<ByteSource[]> {
  const [folder, file] = [dirname(path), basename(path)];
  const names = await readdir(folder);
  const kind = extname(file);
  const isAlone = names.filter((name) => extname(name) === kind && name !== 'sparsity.safetensors').length === 1;
  const beside = file === 'sae_weights.safetensors' || isAlone ? BESIDE.filter((name) => names.includes(name)) : [];
  const label = basename(resolve(folder));
  return Promise.all([file, ...beside].map((name) => FileSource.open(join(folder, name), `${label}/${name}`)));
}
