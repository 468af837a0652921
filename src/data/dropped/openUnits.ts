/**
 * From recognised files to what is opened as one: a file, a raw file with its JSON, a folder that one reader takes. In the order in which
 * their rows follow each other.
 */
import type { FileReport } from '../../lab/protocol';
import { mapLimited } from '../../util/mapLimited';
import type { OpenOptions } from '../formats/container';
import { groupFolders } from '../formats/folders/group';
import type { FolderGroup } from '../formats/folders/types';
import { type Opened, openFormat, openTogether } from '../formats/open';
import { looksLikeSidecar } from '../formats/raw/raw';
import { extension } from '../formats/sniff';
import { accept, type Entry } from './entry';

/** Files read at once: headers are small, and browsers slow down above a few. */
export const CONCURRENCY = 8;

/** What has one report: an entry, or several files taken together. */
export interface Unit {
  report: FileReport;
  /** The file, when it is one. */
  entry?: Entry;
  group?: FolderGroup;
  /** Opened, or why not; neither for what is no container. */
  opened?: Opened;
  problem?: unknown;
}

/** Opens headers. Files that belong to a folder are there once, with it. */
export async function openUnits(entries: readonly Entry[], options: OpenOptions): Promise<Unit[]> {
  const lists = await mapLimited(plan(entries), CONCURRENCY, (step) => step(options));
  return lists.flat();
}

type Step = (options: OpenOptions) => Promise<Unit[]>;

function plan(entries: readonly Entry[]): Step[] {
  const byPath = new Map(entries.map((entry) => [entry.source.path, entry]));
  const visible = entries.filter((entry) => entry.report.format !== 'unused');
  const jsons = new Map(visible.flatMap(({ source, found }) => (found.kind === 'json' ? [[source.path, found.value] as const] : [])));
  const { groups } = groupFolders(
    visible.map(({ source }) => source),
    jsons,
  );
  const groupOf = new Map(groups.flatMap((group) => [...group.files, ...group.companions].map((path) => [path, group] as const)));
  const steps: Step[] = [];
  const done = new Set<Entry>();
  const planOf = (entry: Entry, group?: FolderGroup): Step => {
    const sidecar = group ? undefined : sidecarOf(entry, byPath);
    if (!sidecar) return (options) => openOne(entry, options, group);
    done.add(sidecar);
    accept(sidecar, 'unused');
    steps.push(async () => [{ report: sidecar.report, entry: sidecar }]);
    return () => openRawPair(entry, sidecar);
  };
  for (const entry of entries) {
    const group = groupOf.get(entry.source.path);
    if (done.has(entry)) continue;
    if (!group) {
      done.add(entry);
      steps.push(planOf(entry));
      continue;
    }
    const members = (paths: readonly string[]) => paths.map((path) => byPath.get(path)).filter((member) => member !== undefined);
    const files = members(group.files);
    const companions = members(group.companions);
    for (const member of [...files, ...companions]) done.add(member);
    if (group.open === 'together') {
      steps.push(() => openGroup(group, files, companions));
      continue;
    }
    steps.push(...files.map((file) => planOf(file, group)));
    for (const companion of companions) {
      accept(companion, 'unused');
      steps.push(async () => [{ report: companion.report, entry: companion }]);
    }
  }
  return steps;
}

/** `raw.json` or `raw.bin.json` beside `raw.bin`. What a file's own bytes say goes first, unless they are bound to say nothing. */
function sidecarOf({ source: { path }, found }: Entry, byPath: ReadonlyMap<string, Entry>): Entry | undefined {
  const isRaw = ['bin', 'raw', 'dat'].includes(extension(path)) || (found.kind === 'refused' && found.format === 'unknown');
  if (!isRaw) return undefined;
  const beside = [path.replace(/(\.[^./]*)?$/, '.json'), `${path}.json`].map((name) => byPath.get(name));
  return beside.find((entry) => entry?.found.kind === 'json' && looksLikeSidecar(entry.found.value));
}

async function openOne(entry: Entry, options: OpenOptions, group?: FolderGroup): Promise<Unit[]> {
  const { found, source, report } = entry;
  const unit: Unit = { report, entry, ...(group && { group }) };
  const recipe = { how: 'file', paths: [source.path], options } as const;
  if (found.kind === 'container') unit.opened = { container: found.container, recipe, files: [source] };
  else if (found.kind === 'format') {
    try {
      unit.opened = { container: await openFormat(found, source, options), recipe, files: [source] };
    } catch (cause) {
      unit.problem = cause;
    }
  }
  return [unit];
}

async function openRawPair(bin: Entry, sidecar: Entry): Promise<Unit[]> {
  const unit: Unit = { report: { ...bin.report, format: 'raw' }, entry: bin };
  try {
    unit.opened = (await openTogether('raw', [bin.source, sidecar.source]))[0] as Opened;
  } catch (cause) {
    unit.problem = cause;
  }
  return [unit];
}

const READERS: Partial<Record<FolderGroup['layout'], 'hf-dataset' | 'saev'>> = { 'hf-dataset': 'hf-dataset', saev: 'saev' };

async function openGroup(group: FolderGroup, files: readonly Entry[], companions: readonly Entry[]): Promise<Unit[]> {
  const all = [...files, ...companions];
  const bytes = (list: readonly Entry[]) => list.reduce((sum, { source }) => sum + source.size, 0);
  const reader = READERS[group.layout];
  try {
    if (!reader) throw new Error(`${group.layout}: no reader takes these files together`);
    const opened = await openTogether(
      reader,
      all.map(({ source }) => source),
    );
    return opened.map((one) => ({
      report: { path: one.container.path, bytes: one.container.bytes, ok: false, ...(one.files.length > 1 && { files: one.files.length }) },
      group,
      opened: one,
    }));
  } catch (problem) {
    const path = group.folder || (files[0]?.source.path ?? 'data set');
    return [{ report: { path, bytes: bytes(files), ok: false, format: group.layout, files: files.length }, group, problem }];
  }
}
