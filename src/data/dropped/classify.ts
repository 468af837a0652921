/**
 * What was dropped: every file, or folder that belongs together, gets a report, good ones get a use. One bad file never stands in the way
 * of a good one.
 *
 * Three passes: each file is recognised by its content; then by its neighbours (a folder with a model's config.json holds a model; one with
 * a SAELens cfg.json a saved SAE; one with a data set's state.json a data set); then headers are opened and the activations found.
 */
import { mapLimited } from '../../util/mapLimited';
import { naturalCompare } from '../../util/naturalSort';
import { baseName, folderOf } from '../../util/paths';
import type { ByteSource } from '../bytes/types';
import { extension } from '../formats/foreign';
import { TOKEN_NAMES } from '../formats/integers';
import { isModelWeights } from '../formats/modelWeights';
import { WordsQuestion } from '../formats/npy/dtype';
import type { Opened } from '../formats/open';
import { looksLikeSidecar } from '../formats/raw/raw';
import { type Sniffed, sniff, withoutPath } from '../formats/sniff';
import { AmbiguousTensorError, activationCandidates, ShardSource } from '../rows/shard';
import { accept, type Entry, refuse } from './entry';
import { isModelConfig, type ModelFiles, modelOf } from './modelFolder';
import { CONCURRENCY, openUnits, type Unit } from './openUnits';
import type { FileReport } from './report';
import { CONVERT, isSaelensCfg, SAELENS, saeFormatOf } from './saeFiles';
import { findTokens } from './tokensFile';
import { takeZarr } from './zarr';

export interface Inspection {
  /** One report a file (or folder that one reader takes), in natural order of the paths. */
  reports: FileReport[];
  /** Activations of one width, in the order of their rows. */
  shards: ShardSource[];
  model?: ModelFiles;
  texts: ByteSource[];
  /** Pre-tokenised text (`readTokens`). */
  tokens: ByteSource[];
  /** Saved SAEs, one a folder (`loadSae`). */
  saes: { folder: string; sources: ByteSource[] }[];
}

export interface InspectOptions {
  /** The activations' name, for files that hold several candidates. */
  tensor?: string;
  /** 2-byte values of numpy files without a float type are bf16: the answer to the question `words-are-bf16`. */
  wordsAreBf16?: boolean;
  /** Files with the rows of another one are used too: the answer to the question `duplicate-rows`. */
  allowDuplicates?: boolean;
}

/** Recognises files. Reads headers only (JSON whole). */
export async function inspectFiles(sources: readonly ByteSource[], options: InspectOptions = {}): Promise<Inspection> {
  const sorted = [...sources].sort((a, b) => naturalCompare(a.path, b.path));
  const examined = await mapLimited(sorted, CONCURRENCY, examine);
  const { reports: zarr, rest: entries } = takeZarr(examined);
  const result: Inspection = { reports: [], shards: [], texts: [], tokens: [], saes: [] };
  const rest = takeSaes(entries, result);
  const { model, rest: others } = modelOf(rest);
  if (model) result.model = model;
  const modelFolders = new Set(entries.filter((e) => e.found.kind === 'json' && isModelConfig(e.found.value)).map((e) => e.folder));
  const units = await openUnits(others, options.wordsAreBf16 === undefined ? {} : { wordsAreBf16: options.wordsAreBf16 });
  const assigning: Assigning = { result, namesIn: namesByFolder(entries), modelFolders, options, indexed: indexCandidates(units) };
  for (const unit of units) assign(unit, assigning);
  agreeOnWidth(result, units);
  const settled = new Set<Entry>(others);
  const before = entries.filter((entry) => !settled.has(entry)).map((entry) => entry.report);
  result.reports = [...zarr, ...before, ...units.map((unit) => unit.report)].sort((a, b) => naturalCompare(a.path, b.path));
  return result;
}

async function examine(source: ByteSource): Promise<Entry> {
  const { path, size: bytes } = source;
  const entry = (found: Sniffed, report: Partial<FileReport>): Entry => ({
    source,
    folder: folderOf(path),
    found,
    report: { path, bytes, ok: false, ...report },
  });
  if (baseName(path).startsWith('.')) return entry({ kind: 'refused', format: 'unused', error: '' }, { ok: true, format: 'unused' });
  try {
    const found = await sniff(source);
    return entry(found, found.kind === 'refused' ? { format: found.format, error: found.error } : {});
  } catch (cause) {
    const error = withoutPath(cause, path);
    return entry({ kind: 'refused', format: 'safetensors', error }, { format: extension(path) || 'unknown', error });
  }
}

/** Files that belong to a model or SAE folder and that nobody needs: not worth a warning. */
const COMPANIONS =
  /^(readme.*|license.*|notice.*|merges\.txt|vocab\.(txt|json)|.*\.md|.*_config\.json|special_tokens_map\.json|added_tokens\.json|.*runner_cfg\.json|dataset_info\.json|state\.json|trainer_state\.pt)$/i;
const isCompanion = (entry: Entry): boolean => COMPANIONS.test(baseName(entry.source.path));

/** Saved SAEs: SAELens weights, with whatever cfg.json and companions lie in their folder. */
function takeSaes(entries: Entry[], result: Inspection): Entry[] {
  const namesIn = namesByFolder(entries);
  const weights = entries.filter(
    ({ found, folder }) => found.kind === 'container' && saeFormatOf(found.container, namesIn(folder)) === SAELENS,
  );
  const folders = new Set(weights.map((e) => e.folder));
  const SIDE = new Set(['cfg.json', 'activation_scaler.json', 'sparsity.safetensors']);
  const taken = new Set<Entry>();
  for (const folder of folders) {
    const own = weights.filter((e) => e.folder === folder);
    const side = entries.filter((e) => e.folder === folder && SIDE.has(baseName(e.source.path)));
    for (const entry of [...own, ...side]) {
      accept(entry, 'sae');
      taken.add(entry);
    }
    // Several weights in one folder are single files; cfg.json could belong to any of them.
    if (own.length > 1) result.saes.push(...own.map((e) => ({ folder: e.source.path, sources: [e.source] })));
    else result.saes.push({ folder, sources: [...own, ...side].map((e) => e.source) });
  }
  for (const entry of entries) {
    if (taken.has(entry) || entry.found.kind !== 'json' || !isSaelensCfg(entry.found.value)) continue;
    taken.add(entry);
    if (folders.has(entry.folder)) accept(entry, 'unused');
    else
      refuse(entry, 'sae', 'the cfg.json of a saved SAE without its weights. Drop the whole folder (cfg.json, sae_weights.safetensors).');
  }
  return entries.filter((e) => !taken.has(e));
}

/** Base names of the files of each folder. */
function namesByFolder(entries: readonly Entry[]): (folder: string) => readonly string[] {
  const names = new Map<string, string[]>();
  for (const { folder, source } of entries) {
    const list = names.get(folder) ?? [];
    list.push(baseName(source.path));
    names.set(folder, list);
  }
  return (folder) => names.get(folder) ?? [];
}

interface Assigning {
  result: Inspection;
  /** Base names of the files of a folder. */
  namesIn: (folder: string) => readonly string[];
  modelFolders: ReadonlySet<string>;
  options: InspectOptions;
  /** Names to choose from, for each folder with an index of which a file holds several. */
  indexed: ReadonlyMap<string, string[]>;
}

/** An index spreads the tensors of one set over files: a choice is between all of them. */
function indexCandidates(units: readonly Unit[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const sets = units.filter((unit) => unit.group?.layout === 'safetensors-index' && unit.opened);
  for (const folder of new Set(sets.map((unit) => unit.group?.folder as string))) {
    const lists = sets
      .filter((unit) => unit.group?.folder === folder)
      .map((unit) => activationCandidates((unit.opened as Opened).container));
    if (lists.some((list) => list.length > 1)) found.set(folder, lists.flat().sort(naturalCompare));
  }
  return found;
}

function assign(unit: Unit, assigning: Assigning): void {
  const { entry, report, opened, problem } = unit;
  if (report.format === 'unused') return;
  if (opened) return assignContainer(unit, opened, assigning);
  if (problem !== undefined) return refuseProblem(unit, problem);
  if (!entry) return;
  if (isCompanion(entry)) return accept(entry, 'unused');
  if (entry.found.kind === 'text') {
    accept(entry, 'text');
    assigning.result.texts.push(entry.source);
  } else if (entry.found.kind === 'json') {
    const isSidecar = looksLikeSidecar(entry.found.value);
    const what = isSidecar
      ? `JSON that describes raw values, without them. Drop ${baseName(entry.source.path).replace(/(\.bin)?\.json$/, '.bin')} too.`
      : 'JSON that is no config.json of a model, tokenizer or saved SAE. It is not needed.';
    refuse(entry, 'json', what);
  }
}

/** Why a file or folder could not be opened. */
function refuseProblem({ report, entry }: Unit, cause: unknown): void {
  const found = entry?.found;
  const title = found?.kind === 'format' ? found.format.title : (report.format ?? 'unknown');
  const ending = extension(report.path);
  const zipped = ending === 'npz' ? '.npz' : /^(pt|pth|bin)$/.test(ending) ? 'PyTorch .pt' : title;
  const error = withoutPath(cause, report.path);
  const question = cause instanceof WordsQuestion ? ({ question: 'words-are-bf16' } as const) : {};
  refuse({ report }, title === 'zip' ? zipped : title, cause instanceof WordsQuestion ? `${error} ${WORDS_OPTION}` : error, question);
}

const WORDS_OPTION = '(--words-are-bf16 on the command line)';

function assignContainer(unit: Unit, opened: Opened, { result, namesIn, modelFolders, options, indexed }: Assigning): void {
  const { report, group, entry } = unit;
  const { container } = opened;
  const { format } = container;
  if (isModelWeights(container.arrays.keys())) {
    const isSafe = format === 'safetensors';
    // Many folders hold the same weights as pytorch_model.bin.
    if (!isSafe && entry && result.model && entry.folder === result.model.folder) return accept(unit, 'unused');
    if (!isSafe)
      return refuse(unit, 'model', 'weights of a language model, which are read as safetensors only: model.save_pretrained(folder).');
    const why =
      modelFolders.size > 0
        ? 'another model is in use already: drop one model at a time'
        : 'drop the whole folder: config.json, tokenizer.json and the weights';
    return refuse(unit, 'model', `weights of a language model, not activations; ${why}.`);
  }
  const sae = saeFormatOf(container, namesIn(folderOf(container.path)));
  if (sae !== undefined) return refuse(unit, 'sae', `weights of a saved SAE, not activations. Its format: ${sae}. ${CONVERT}`);
  const { tensor } = options;
  const holder = tensor === undefined ? undefined : group?.tensors?.get(tensor);
  if (holder !== undefined && holder !== report.path) return accept(unit, 'unused');
  try {
    const candidates = group && tensor === undefined ? indexed.get(group.folder) : undefined;
    if (candidates && group?.layout === 'safetensors-index') throw new AmbiguousTensorError(report.path, candidates);
    const { recipe, files } = opened;
    const shard = ShardSource.from(container, { tensor, recipe, files, hookName: group?.hookName });
    accept(unit, format, factsOf(shard, unit));
    result.shards.push(shard);
  } catch (cause) {
    const ids = findTokens(container);
    const hasFloats = [...container.arrays.values()].some((array) => array.dtype.includes('f'));
    if (ids && !hasFloats && entry && !ids.shape.includes(0)) {
      accept(unit, 'tokens', { rows: ids.shape[0] as number, dtype: ids.dtype.toUpperCase(), hasTokens: true });
      result.tokens.push(entry.source);
      return;
    }
    const error = withoutPath(cause, report.path);
    const isWords = !options.wordsAreBf16 && mayBeWords(opened) && !(cause instanceof AmbiguousTensorError);
    refuse(unit, format, isWords ? `${error} If its 2-byte values are bf16, say so ${WORDS_OPTION}.` : error, {
      ...(cause instanceof AmbiguousTensorError && { candidates: cause.candidates }),
      ...(isWords && { question: 'words-are-bf16' }),
    });
  }
}

/** numpy has no bf16, so that some save its bits as integers. */
const mayBeWords = ({ container: { format, arrays } }: Opened): boolean =>
  (format === '.npy' || format === '.npz') &&
  [...arrays.values()].some(
    ({ name, dtype, shape }) =>
      (dtype === 'u16' || dtype === 'i16') && shape.length >= 2 && !(TOKEN_NAMES as readonly string[]).includes(name),
  );

function factsOf(shard: ShardSource, { group }: Unit): Partial<FileReport> {
  const { hookName } = shard;
  const { label, rows, d, hasTokens, hasMask, sequence } = shard.facts;
  const isFirst = group === undefined || group.reader !== undefined || group.files[0] === label;
  const assumptions = [...new Set([...(isFirst && group ? group.assumptions : []), ...shard.assumptions])];
  return {
    rows,
    d,
    dtype: shard.storedDtype.toLowerCase(),
    hasTokens,
    ...(hasMask && { hasMask }),
    ...(sequence > 1 && { sequence }),
    ...(hookName !== undefined && { hookName }),
    ...(assumptions.length > 0 && { assumptions }),
  };
}

/** Keeps the shards of the commonest width (the first among equals) and refuses the others. */
function agreeOnWidth(result: Inspection, units: readonly Unit[]): void {
  const files = new Map<number, number>();
  for (const { facts } of result.shards) files.set(facts.d, (files.get(facts.d) ?? 0) + 1);
  if (files.size < 2) return;
  const [width] = [...files].reduce((best, next) => (next[1] > best[1] ? next : best));
  const reports = new Map(units.map(({ report }) => [report.path, report]));
  for (const { facts } of result.shards) {
    if (facts.d === width) continue;
    const error = `its rows are ${facts.d} wide; the other files' are ${width}. One SAE takes rows of one width: drop them separately.`;
    Object.assign(reports.get(facts.label) as FileReport, { ok: false, error });
  }
  result.shards = result.shards.filter(({ facts }) => facts.d === width);
}
