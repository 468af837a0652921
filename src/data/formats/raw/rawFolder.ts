/** Which files of a folder are raw values with JSON that describes them. */
import { group } from '../folders/parts';
import type { Layout } from '../folders/types';
import { looksLikeSidecar } from './raw';

/** `raw.json` or `raw.bin.json` beside `raw.bin`. What a file's own bytes say goes first, unless they are bound to say nothing. */
export const rawFolder: Layout = (folder) =>
  folder.names
    .filter((name) => /\.(bin|raw|dat)$/i.test(name) || folder.isUnknown(name))
    .flatMap((name) => {
      const beside = [name.replace(/(\.[^./]*)?$/, '.json'), `${name}.json`];
      const sidecar = beside.find((json) => folder.names.includes(json) && looksLikeSidecar(folder.json(json)));
      return sidecar === undefined ? [] : [group('raw', folder, { names: [name], companions: [sidecar], reader: 'raw', apart: true })];
    });
