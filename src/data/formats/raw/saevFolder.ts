/** Which files of a folder are shards of OSU's saev. */
import { isFields } from '../../../util/json';
import { group, listedNames, notes, present } from '../folders/parts';
import type { Layout } from '../folders/types';

/** OSU's saev: shards.json gives the order. */
export const saevFolder: Layout = (folder) => {
  const info = folder.json('metadata.json');
  const listed = listedNames(folder.json('shards.json'), 'name');
  if (!isFields(info) || !('protocol' in info) || listed.length === 0) return [];
  const { names, missing } = present(folder, listed);
  const { data: _, ...rest } = info;
  return [
    group('saev', folder, {
      names,
      companions: ['metadata.json', 'shards.json', 'labels.bin'],
      reader: 'saev',
      missing,
      metadata: notes(rest),
    }),
  ];
};
