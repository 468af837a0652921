/** Cases of the fixtures' formats below a folder. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { isFields } from '../../util/json';
import { naturalCompare } from '../../util/naturalSort';

/**
 * `training`: formats train and train2. `pursuit`, `resample`: train2's ito and resample cases. `model`: lm, lm2. `sae`: saes. `refusal`: a file that a
 * reader must refuse, which is no case of computing.
 */
export type CaseKind = 'training' | 'pursuit' | 'resample' | 'model' | 'sae' | 'refusal' | 'unknown';

export interface FoundCase {
  folder: string;
  /** The folder from the one that was searched on; its own name where it is that one. */
  name: string;
  kind: CaseKind;
}

/** All of them, in natural order. A case is a folder with an expected.json. */
export async function findCases(root: string): Promise<FoundCase[]> {
  const found: FoundCase[] = [];
  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(folder);
    if (entries.includes('expected.json')) {
      const name = relative(root, folder).replaceAll('\\', '/') || basename(resolve(folder));
      found.push({ folder, name, kind: await kindOf(folder) });
      return;
    }
    for (const entry of entries.sort(naturalCompare)) {
      const path = join(folder, entry);
      if ((await stat(path)).isDirectory()) await walk(path);
    }
  };
  await walk(root);
  return found;
}

async function kindOf(folder: string): Promise<CaseKind> {
  let expected: unknown;
  try {
    expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8'));
  } catch {
    return 'unknown';
  }
  if (!isFields(expected)) return 'unknown';
  if ('per_step' in expected) return 'training';
  if ('per_k' in expected) return 'pursuit';
  if ('picked_rows' in expected) return 'resample';
  if ('spliced' in expected) return 'model';
  if ('must_refuse' in expected) return 'refusal';
  if ('d_sae' in expected && 'meaning' in expected) return 'sae';
  return 'unknown';
}
