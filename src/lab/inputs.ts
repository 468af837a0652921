/** What a run's data were given as, for the line that trains it again. */

import type { ByteSource } from '../data/bytes/types';
import type { ModelFiles } from '../data/dropped/modelFolder';
import type { FilterRequest } from '../data/rows/filter';
import { folderOf } from '../util/paths';
import { DEMO_MODEL } from './demo';
import type { Picked } from './protocol';
import type { RunInputs } from './settings';
import type { WorkspaceOptions } from './workspaceOptions';

/** More files are told by their folders. */
const LISTED_FILES = 12;
/** Where the demo's files lie in the repository; the page fetches them under another name. */
const DEMO_FOLDER = 'public/demo';

export interface GivenData {
  shards: readonly { files: readonly ByteSource[] }[];
  picked: Picked | undefined;
  filter: FilterRequest;
  /** Of the language model, where one is run. */
  model?: { files: ModelFiles; hook: string; insists?: boolean; text?: { file: ByteSource; isTokens: boolean } | undefined } | undefined;
  limits: Pick<WorkspaceOptions, 'context' | 'evalTokens' | 'holdOutTokens' | 'trainTokens'>;
  isDemo: boolean;
}

const folderFor = (path: string): string => (path.includes('/') ? folderOf(path) : '.');

/** The files one by one, or the folders that they lie in. */
function dataPaths(shards: GivenData['shards']): string[] {
  const paths = [...new Set(shards.flatMap(({ files }) => files.map(({ path }) => path)))];
  return paths.length <= LISTED_FILES ? paths : [...new Set(paths.map(folderFor))];
}

export function runInputs({ shards, picked, filter, model, limits, isDemo }: GivenData): RunInputs {
  const there = (path: string) =>
    isDemo && (path === DEMO_MODEL || path.startsWith(`${DEMO_MODEL}/`)) ? DEMO_FOLDER + path.slice(DEMO_MODEL.length) : path || '.';
  const { context, evalTokens, holdOutTokens = 0, trainTokens } = limits;
  return {
    data: dataPaths(shards),
    ...(picked?.tensor !== undefined && { tensor: picked.tensor }),
    ...(picked?.wordsAreBf16 && { wordsAreBf16: true }),
    ...(picked?.allowDuplicates && { allowDuplicates: true }),
    filter,
    ...(model && {
      model: there(model.files.folder),
      hook: model.hook,
      ...(model.insists && { trustHook: true }),
      ...(model.text && { [model.text.isTokens ? 'tokens' : 'text']: there(model.text.file.path) }),
      ...(context !== undefined && { context }),
      ...(evalTokens !== undefined && { evalTokens }),
      // The command line holds out as many as it measures, unless told.
      ...(holdOutTokens !== (evalTokens ?? 0) && { holdOutTokens }),
      ...(trainTokens !== undefined && Number.isFinite(trainTokens) && { trainTokens }),
    }),
  };
}
