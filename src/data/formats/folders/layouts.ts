/** One function for each tool's folders. */

import { isFields } from '../../../util/json';
import { naturalCompare } from '../../../util/naturalSort';
import { baseName } from '../../../util/paths';
import { isModelWeights, isWeightIndex } from '../../dropped/modelFolder';
import { type Gaps, gapLine, gaps, mergeGaps, numbered } from './numbered';
import type { Folder, FolderGroup, FolderLayout, Layout } from './types';

const lastPart = (path: string): string | undefined => baseName(path) || undefined;
const inFolder = (folder: Folder, name: string): string => (folder.path === '' ? name : `${folder.path}/${name}`);

/** What a JSON file notes, flattened: `model.name` → "gpt2". Long lists (means of a thousand columns) are left out. */
function notes(value: unknown, into = new Map<string, string>(), prefix = '', depth = 0): Map<string, string> {
  if (!isFields(value) || into.size > 500) return into;
  for (const [key, item] of Object.entries(value)) {
    const name = `${prefix}${key}`;
    if (isFields(item) && depth < 3) notes(item, into, `${name}.`, depth + 1);
    else if (Array.isArray(item) && item.length <= 8 && item.every((n) => typeof n !== 'object')) into.set(name, item.join(', '));
    else if (typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean') into.set(name, String(item));
  }
  return into;
}

interface Parts {
  names: readonly string[];
  companions?: readonly string[];
  open?: 'together';
  missing?: Gaps;
  hookName?: string | undefined;
  tensors?: ReadonlyMap<string, string>;
  metadata?: ReadonlyMap<string, string>;
  assumptions?: readonly string[];
}

const NO_GAPS: Gaps = { count: 0, names: [] };

function group(layout: FolderLayout, folder: Folder, parts: Parts): FolderGroup {
  const missing = parts.missing ?? NO_GAPS;
  return {
    layout,
    folder: folder.path,
    files: parts.names.map((name) => inFolder(folder, name)),
    companions: (parts.companions ?? []).filter((name) => folder.names.includes(name)).map((name) => inFolder(folder, name)),
    open: parts.open ?? 'each',
    missing: missing.names,
    ...(parts.hookName === undefined ? {} : { hookName: parts.hookName }),
    ...(parts.tensors ? { tensors: parts.tensors } : {}),
    metadata: parts.metadata ?? new Map(),
    assumptions: [...(parts.assumptions ?? []), ...gapLine(folder.path, missing)],
  };
}

/** Splits a list into what is there and what is not. */
function present(folder: Folder, listed: readonly string[]): { names: string[]; missing: Gaps } {
  const there = new Set(folder.names);
  const absent = listed.filter((name) => !there.has(name));
  return { names: listed.filter((name) => there.has(name)), missing: { count: absent.length, names: absent.slice(0, 20) } };
}

const listedNames = (list: unknown, key: string): string[] =>
  Array.isArray(list)
    ? list.map((item: unknown) => (isFields(item) ? item[key] : undefined)).filter((name) => typeof name === 'string')
    : [];

const HF_FILE = /^data-(\d{5})-of-(\d{5})\.arrow$/;

/** Hugging Face `datasets`, SAELens ≥ 4: state.json gives the order. */
const hfDataset: Layout = (folder) => {
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
      open: 'together',
      missing,
      hookName: hooks.length === 1 ? hooks[0]?.[0] : undefined,
      metadata: notes(folder.json('cache_activations_runner_cfg.json')),
      assumptions,
    }),
  ];
};

const pad = (n: number, width: number): string => String(n).padStart(width, '0');

/** Gaps of a set whose second number says how many there are: from `first` to that number plus `shift`. */
function missingOf(parts: ReturnType<typeof numbered>, first: number, shift: number, nameOf: (n: number, of: number) => string): Gaps {
  const totals = [...new Set(parts.map((part) => part.numbers[1] as number))];
  return mergeGaps(
    totals.map((of) => {
      const numbers = parts.filter((part) => part.numbers[1] === of).map((part) => part.numbers[0] as number);
      return gaps(numbers, first, of + shift, (n) => nameOf(n, of));
    }),
  );
}

/** OSU's saev: shards.json gives the order. */
const saev: Layout = (folder) => {
  const info = folder.json('metadata.json');
  const listed = listedNames(folder.json('shards.json'), 'name');
  if (!isFields(info) || !('protocol' in info) || listed.length === 0) return [];
  const { names, missing } = present(folder, listed);
  const { data: _, ...rest } = info;
  return [
    group('saev', folder, {
      names,
      companions: ['metadata.json', 'shards.json', 'labels.bin'],
      open: 'together',
      missing,
      metadata: notes(rest),
    }),
  ];
};

/** safetensors in several files with an index. A language model's weights are somebody else's. */
const safetensorsIndex: Layout = (folder) =>
  folder.names
    .filter((name) => name.endsWith('.index.json'))
    .flatMap((name) => {
      const index = folder.json(name);
      if (!isWeightIndex(index)) return [];
      const map = Object.entries(index.weight_map).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
      if (map.length === 0 || isModelWeights(map.map(([tensor]) => tensor))) return [];
      const { names, missing } = present(folder, [...new Set(map.map(([, file]) => file))].sort(naturalCompare));
      const tensors = new Map(map.sort((a, b) => naturalCompare(a[0], b[0])).map(([tensor, file]) => [tensor, inFolder(folder, file)]));
      const metadata = notes((index as { metadata?: unknown }).metadata);
      return [group('safetensors-index', folder, { names, companions: [name], missing, tensors, metadata })];
    });

/** Activault, and dictionary_learning's S3 buffer: `{uuid}--{n}_{job}.saved.pt`. */
const activault: Layout = (folder) => {
  const names = folder.names.filter((name) => name.endsWith('.saved.pt'));
  if (names.length === 0) return [];
  const info = folder.json('metadata.json');
  const parts = numbered(names, /--(\d+)_(\d+)?[^/]*\.saved\.pt$/);
  const others = names.filter((name) => !parts.some((part) => part.name === name));
  const numbers = [...new Set(parts.map((part) => part.numbers[0] as number))];
  const assumptions =
    others.length > 0
      ? [`${folder.path || 'The folder'}: ${others.length} .saved.pt files have no number and are read in the order of their names.`]
      : [];
  return [
    group('activault', folder, {
      names: [...parts.map((part) => part.name), ...others],
      companions: ['metadata.json', 'statistics.json'],
      missing: gaps(numbers, numbers[0] ?? 0, numbers.at(-1) ?? -1, (n) => `*--${n}_*.saved.pt`),
      hookName: isFields(info) ? lastPart(folder.path) : undefined,
      metadata: notes(info, notes(folder.json('../cfg.json'), new Map(), 'cfg.')),
      assumptions,
    }),
  ];
};

const CHUNK = /^(?:shard-(\d+)-)?chunk-(\d+)\.(?:safetensors|pt)$/;

/** OpenMOSS Llamascopium: chunks, one set for each data-parallel rank. */
const llamascopium: Layout = (folder) => {
  const parts = numbered(folder.names, CHUNK);
  if (parts.length === 0) return [];
  const withShard = parts.map(({ name, numbers }) => ({
    name,
    shard: numbers.length > 1 ? (numbers[0] as number) : undefined,
    chunk: numbers.at(-1) as number,
  }));
  withShard.sort((a, b) => (a.shard ?? 0) - (b.shard ?? 0) || a.chunk - b.chunk || naturalCompare(a.name, b.name));
  const shards = [...new Set(withShard.map((part) => part.shard))];
  const missing = shards.map((shard) => {
    const chunks = withShard.filter((part) => part.shard === shard).map((part) => part.chunk);
    return gaps(chunks, 0, chunks.at(-1) ?? -1, (n) => `${shard === undefined ? '' : `shard-${shard}-`}chunk-${pad(n, 8)}`);
  });
  const names = withShard.map((part) => part.name);
  const stems = new Set(names.map((name) => name.replace(/\.[^.]*$/, '')));
  const assumptions = stems.size < names.length ? [`${folder.path}: some chunks are there as .pt and as .safetensors; both are read.`] : [];
  return [
    group('llamascopium', folder, {
      names,
      companions: [...stems].map((stem) => `${stem}.meta.json`),
      missing: mergeGaps(missing),
      hookName: lastPart(folder.path),
      assumptions,
    }),
  ];
};

/** SAEBench: `activations_{i}_of_{n}.pt`, counted from 1. */
const saebench: Layout = (folder) => {
  const parts = numbered(folder.names, /^activations_(\d+)_of_(\d+)\.pt$/);
  if (parts.length === 0) return [];
  const missing = missingOf(parts, 1, 0, (n, of) => `activations_${n}_of_${of}.pt`);
  return [group('saebench', folder, { names: parts.map((part) => part.name), missing })];
};

/** SAELens up to version 3: `{i}.safetensors`, counted from 0; earlier ones `{i}.pt`. */
const saelensV3: Layout = (folder) =>
  ['safetensors', 'pt'].flatMap((extension) => {
    const parts = numbered(folder.names, new RegExp(`^(\\d+)\\.${extension}$`));
    if (parts.length === 0) return [];
    const numbers = parts.map((part) => part.numbers[0] as number);
    return [
      group('saelens-v3', folder, {
        names: parts.map((part) => part.name),
        missing: gaps(numbers, 0, numbers.at(-1) as number, (n) => `${n}.${extension}`),
        assumptions: [
          'Named like a cache of SAELens 3 or older. Those may have been scaled when they were written (expected_average_only_in).',
        ],
      }),
    ];
  });

/** Parquet as on the Hugging Face hub: `train-00000-of-00002.parquet`, with a hash behind it or not. One group for each split. */
const parquetShards: Layout = (folder) => {
  const pattern = /^(.*-|)(\d{5})-of-(\d{5})(?:-[0-9a-f]+)?\.parquet$/;
  const splits = [...new Set(folder.names.map((name) => pattern.exec(name)?.[1]).filter((split) => split !== undefined))];
  return splits.map((split) => {
    const own = folder.names.filter((name) => pattern.exec(name)?.[1] === split);
    const parts = numbered(own, /(\d{5})-of-(\d{5})[^/]*$/);
    const missing = missingOf(parts, 0, -1, (n, of) => `${split}${pad(n, 5)}-of-${pad(of, 5)}.parquet`);
    return group('parquet-shards', folder, { names: parts.map((part) => part.name), missing });
  });
};

/** In order of precedence: what a JSON file says goes before what names suggest. */
export const LAYOUTS: readonly Layout[] = [saev, hfDataset, safetensorsIndex, activault, llamascopium, saebench, saelensV3, parquetShards];
