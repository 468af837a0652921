/** A folder written by Hugging Face `datasets` (`save_to_disk`), such as SAELens' activation cache: several Arrow files, one array. */

import { naturalCompare } from '../../../util/naturalSort';
import { baseName, folderOf } from '../../../util/paths';
import { readJson } from '../../bytes/byteSource';
import { type ByteSource, DataError } from '../../bytes/types';
import type { Container } from '../container';
import { type ArrowFile, readArrow, toEntries } from './arrow';
import { type Column, joinFiles } from './columns';

/**
 * Opens the files of one folder. Rows come in the order of state.json, which is the order they were written in.
 * @param files everything in the folder; what does not belong to the data set is ignored.
 * @throws DataError
 */
export async function openHfDataset(files: readonly ByteSource[]): Promise<Container> {
  const named = new Map(files.map((file) => [baseName(file.path), file]));
  const folder = folderOf(files[0]?.path ?? '') || 'data set';
  const assumptions: string[] = [];
  const ordered = await orderFiles(named, folder, assumptions);
  const parts: ArrowFile[] = [];
  for (const source of ordered) parts.push(await readArrow(source));
  const [head] = parts as [ArrowFile];
  const problems = new Map<string, DataError>();
  for (const part of parts) for (const [name, problem] of part.problems) if (!problems.has(name)) problems.set(name, problem);
  const columns = new Map<string, Column>();
  for (const name of head.columns.keys()) if (!problems.has(name)) columns.set(name, joinColumn(name, parts));
  const info = named.get('dataset_info.json');
  if (info) checkShapes(info, await readJson(info), columns);
  const entries = toEntries(folder, head.schema, columns, problems);
  return {
    path: folder,
    format: 'Hugging Face data set',
    bytes: ordered.reduce((sum, source) => sum + source.size, 0),
    arrays: entries.arrays,
    metadata: new Map([...head.schema.metadata, ...entries.metadata]),
    assumptions: [...assumptions, ...parts.flatMap((part) => part.assumptions), ...entries.assumptions],
  };
}

async function orderFiles(named: ReadonlyMap<string, ByteSource>, folder: string, assumptions: string[]): Promise<ByteSource[]> {
  const arrows = [...named.keys()].filter((name) => name.endsWith('.arrow')).sort(naturalCompare);
  const state = named.get('state.json');
  if (!state) {
    if (arrows.length === 0) throw new DataError(folder, 'holds no .arrow file. Drop the whole folder of the data set.');
    assumptions.push(`${folder} has no state.json: its ${arrows.length} .arrow files are read in the order of their names.`);
    return arrows.map((name) => named.get(name) as ByteSource);
  }
  const listed = listedFiles(state.path, await readJson(state));
  const missing = listed.filter((name) => !named.has(name));
  if (missing.length > 0) {
    const list = `${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''}`;
    throw new DataError(
      folder,
      `state.json lists ${listed.length} files, of which ${missing.length} are missing: ${list}. Drop the whole folder.`,
    );
  }
  const others = arrows.filter((name) => !listed.includes(name));
  if (others.length > 0) assumptions.push(`${folder}: ${others.join(', ')} not listed in state.json, so left out.`);
  return listed.map((name) => named.get(name) as ByteSource);
}

function listedFiles(path: string, state: unknown): string[] {
  const { _data_files: data, _indices_data_files: indices } = (state ?? {}) as { _data_files?: unknown; _indices_data_files?: unknown };
  if (Array.isArray(indices) && indices.length > 0) {
    throw new DataError(
      path,
      'the data set keeps its order in a file of indices, which is not read. Save it again: ds.flatten_indices().save_to_disk(…).',
    );
  }
  const names: unknown[] = Array.isArray(data) ? data.map((entry: unknown) => (entry as { filename?: unknown } | null)?.filename) : [];
  if (names.length === 0 || !names.every((name) => typeof name === 'string')) {
    throw new DataError(path, 'lists no data files (_data_files[].filename). Save the data set again with save_to_disk.');
  }
  if (new Set(names).size < names.length) throw new DataError(path, 'lists a file twice. Save the data set again with save_to_disk.');
  return names;
}

function joinColumn(name: string, parts: readonly ArrowFile[]): Column {
  const columns = parts.map(({ columns: own, source }) => {
    const column = own.get(name);
    if (!column)
      throw new DataError(
        source.path,
        `has no column ${JSON.stringify(name)}, which ${parts[0]?.source.path} has. Files of one data set must agree.`,
      );
    return column;
  });
  return joinFiles(
    columns,
    parts.map((part) => part.source.path),
  );
}

/** dataset_info.json was written beside the data: where it gives a shape, the data must have it. */
function checkShapes(info: ByteSource, value: unknown, columns: ReadonlyMap<string, Column>): void {
  const { features } = (value ?? {}) as { features?: unknown };
  if (typeof features !== 'object' || features === null) return;
  for (const [name, { rows, sizes }] of columns) {
    const feature: unknown = Object.hasOwn(features, name) ? (features as Record<string, unknown>)[name] : undefined;
    const { shape, length } = (feature ?? {}) as { shape?: unknown; length?: unknown };
    // A length of -1, and null in a shape, stand for any.
    const expected: unknown[] = Array.isArray(shape) ? shape : typeof length === 'number' ? [length] : [];
    const differs = expected.some((n, i) => Number.isSafeInteger(n) && (n as number) >= 0 && n !== sizes[i]);
    if (rows > 0 && (differs || (Array.isArray(shape) && shape.length !== sizes.length))) {
      throw new DataError(
        info.path,
        `says that column ${JSON.stringify(name)} has shape [rows, ${expected.join(', ')}]; in the data it is [rows, ${sizes.join(', ')}]. They do not belong together.`,
      );
    }
  }
}
