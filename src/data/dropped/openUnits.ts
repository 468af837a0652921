/**
 * From recognised files to what is opened as one: a file, or files that one reader takes together. In the order in which their rows follow
 * each other.
 */
import { mapLimited } from '../../util/mapLimited';
import type { OpenOptions } from '../formats/container';
import { groupFolders } from '../formats/folders/group';
import type { FolderGroup } from '../formats/folders/types';
import { type Opened, openTogether } from '../formats/open';
import { openFormat } from '../formats/registry';
import { accept, type Entry } from './entry';
import type { FileReport } from './report';

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
    visible.map(({ source: { path, size }, found }) => ({ path, size, isUnknown: found.kind === 'refused' && found.format === 'unknown' })),
    jsons,
  );
  const groupOf = new Map(groups.flatMap((group) => [...group.files, ...group.companions].map((path) => [path, group] as const)));
  const steps: Step[] = [];
  const done = new Set<Entry>();
  const members = (paths: readonly string[]) => paths.map((path) => byPath.get(path)).filter((member) => member !== undefined);
  for (const entry of entries) {
    if (done.has(entry)) continue;
    const group = groupOf.get(entry.source.path);
    if (!group) {
      done.add(entry);
      steps.push((options) => openOne(entry, options));
      continue;
    }
    const files = members(group.files);
    const companions = members(group.companions);
    if (group.reader === undefined)
      steps.push(
        ...files.map(
          (file): Step =>
            (options) =>
              openOne(file, options, group),
        ),
      );
    else steps.push(() => openGroup(group, files, companions));
    for (const companion of companions) {
      if (!group.companionsApart || done.has(companion)) continue;
      accept(companion, 'unused');
      steps.push(async () => [{ report: companion.report, entry: companion }]);
    }
    for (const member of [...files, ...companions]) done.add(member);
  }
  return steps;
}

async function openOne(entry: Entry, options: OpenOptions, group?: FolderGroup): Promise<Unit[]> {
  const { found, source, report } = entry;
  const unit: Unit = { report, entry, ...(group && { group }) };
  const recipe = { how: 'file', paths: [source.path], options } as const;
  if (found.kind === 'container') unit.opened = { container: found.container, recipe, files: [source] };
  else if (found.kind === 'format') {
    try {
      unit.opened = { container: await openFormat(found.format, source, found.head, options), recipe, files: [source] };
    } catch (cause) {
      unit.problem = cause;
    }
  }
  return [unit];
}

async function openGroup(group: FolderGroup, files: readonly Entry[], companions: readonly Entry[]): Promise<Unit[]> {
  const sources = [...files, ...companions].map(({ source }) => source);
  const count = (n: number) => (n > 1 && !group.companionsApart ? { files: n } : {});
  try {
    const opened = await openTogether(group.reader as string, sources);
    return opened.map((one) => ({
      report: { path: one.container.path, bytes: one.container.bytes, ok: false, ...count(one.files.length) },
      group,
      opened: one,
    }));
  } catch (problem) {
    const first = files[0]?.source.path ?? 'data set';
    const path = group.companionsApart ? first : group.folder || first;
    const bytes = files.reduce((sum, { source }) => sum + source.size, 0);
    return [{ report: { path, bytes, ok: false, format: group.layout, ...count(files.length) }, group, problem }];
  }
}
