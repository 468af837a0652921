/** One function for each tool's folders of files that are each read on their own. */

import { isFields } from '../../../util/json';
import { naturalCompare } from '../../../util/naturalSort';
import { isModelWeights, isWeightIndex } from '../modelWeights';
import { gaps, mergeGaps, numbered } from './numbered';
import { group, inFolder, lastPart, missingOf, notes, pad, present } from './parts';
import type { Layout } from './types';

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

/** In order of precedence, behind the formats of several files. */
export const LAYOUTS: readonly Layout[] = [safetensorsIndex, activault, llamascopium, saebench, saelensV3, parquetShards];
