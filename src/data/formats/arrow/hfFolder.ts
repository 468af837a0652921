/** Which files of a folder are a data set of Hugging Face `datasets`. */
import { isFields } from '../../../util/json';
import { numbered } from '../folders/numbered';
import { group, listedNames, missingOf, notes, pad, present } from '../folders/parts';
import type { Layout } from '../folders/types';

const HF_FILE = /^data-(\d{5})-of-(\d{5})\.arrow$/;

/** Hugging Face `datasets`, SAELens ≥ 4: state.json gives the order. */
export const hfDatasetFolder: Layout = (folder) => {
  const arrows = folder.names.filter((name) => name.endsWith('.arrow'));
  const state = folder.json('state.json');
  const listed = listedNames(isFields(state) ? state._data_files : undefined, 'filename');
  const info = folder.json('dataset_info.json');
  const parts = numbered(arrows, HF_FILE);
  if (listed.length === 0 && (arrows.length === 0 || (!isFields(info) && parts.length === 0))) return [];
  let { names, missing } = present(folder, listed);
  const assumptions: string[] = [];
  if (listed.length === 0) {
    names = arrows;
    assumptions.push(`${folder.path || 'The folder'} has no state.json: its files are read in the order of their names.`);
    missing = missingOf(parts, 0, -1, (n, of) => `data-${pad(n, 5)}-of-${pad(of, 5)}.arrow`);
  } else {
    const others = arrows.filter((name) => !listed.includes(name));
    if (others.length > 0) assumptions.push(`${folder.path}: ${others.join(', ')} not listed in state.json, so left out.`);
  }
  const features = isFields(info) && isFields(info.features) ? Object.entries(info.features) : [];
  const hooks = features.filter(([, feature]) => isFields(feature) && feature._type === 'Array2D');
  // cache-*.arrow and the like lie there too; nobody else should take them for activations.
  const others = arrows.filter((name) => !names.includes(name));
  return [
    group('hf-dataset', folder, {
      names,
      companions: ['state.json', 'dataset_info.json', 'cache_activations_runner_cfg.json', ...others],
      reader: 'hf-dataset',
      missing,
      hookName: hooks.length === 1 ? hooks[0]?.[0] : undefined,
      metadata: notes(folder.json('cache_activations_runner_cfg.json')),
      assumptions,
    }),
  ];
};
