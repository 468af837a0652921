/**
 * What was dropped: every file gets a report, good ones get a use. One bad file never stands in the way of a good one.
 *
 * Two passes: each file is recognised by its content, then by its neighbours (a folder with a model's config.json holds
 * a model; a folder with a SAELens cfg.json a saved SAE).
 */
import type { FileReport } from '../lab/protocol';
import { accept, type Entry, refuse } from './entry';
import { isModelConfig, isModelWeights, type ModelFiles, modelOf } from './modelFolder';
import { naturalCompare } from './naturalSort';
import { isSaelensCfg, isSaelensWeights } from './saeFiles';
import { AmbiguousTensorError, ShardSource } from './shard';
import { baseName, extension, folderOf, type Sniffed, sniff, withoutPath } from './sniff';
import { findTokens } from './tokensFile';
import type { ByteSource } from './types';

export interface Inspection {
  /** One report a file, in natural order of the paths. */
  reports: FileReport[];
  /** Files of activations of one width, in natural order. */
  shards: ShardSource[];
  model?: ModelFiles;
  texts: ByteSource[];
  /** Pre-tokenised text (`readTokens`). */
  tokens: ByteSource[];
  /** Saved SAEs, one a folder (`loadSae`). */
  saes: { folder: string; sources: ByteSource[] }[];
}

/** Files read at once: headers are small, and browsers slow down above a few. */
const CONCURRENCY = 8;

/**
 * Recognises files. Reads headers only (JSON whole).
 * @param tensor the activations' name, for files that hold several candidates.
 */
export async function inspectFiles(sources: readonly ByteSource[], { tensor }: { tensor?: string } = {}): Promise<Inspection> {
  const sorted = [...sources].sort((a, b) => naturalCompare(a.path, b.path));
  const entries = await mapLimited(sorted, CONCURRENCY, examine);
  const result: Inspection = { reports: entries.map((e) => e.report), shards: [], texts: [], tokens: [], saes: [] };
  const rest = takeSaes(entries, result);
  const { model, rest: others } = modelOf(rest);
  if (model) result.model = model;
  const modelFolders = new Set(entries.filter((e) => e.found.kind === 'json' && isModelConfig(e.found.value)).map((e) => e.folder));
  for (const entry of others) assign(entry, result, modelFolders, tensor);
  agreeOnWidth(result);
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
  /^(readme.*|license.*|notice.*|merges\.txt|vocab\.(txt|json)|.*\.md|.*_config\.json|special_tokens_map\.json|added_tokens\.json|runner_cfg\.json|dataset_info\.json|state\.json|trainer_state\.pt)$/i;
const isCompanion = (entry: Entry): boolean => COMPANIONS.test(baseName(entry.source.path));

/** Saved SAEs: SAELens weights, with whatever cfg.json and companions lie in their folder. */
function takeSaes(entries: Entry[], result: Inspection): Entry[] {
  const weights = entries.filter((e) => e.found.kind === 'safetensors' && isSaelensWeights(e.found.file.tensors));
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

function assign(entry: Entry, result: Inspection, modelFolders: Set<string>, tensor: string | undefined): void {
  const { found, source } = entry;
  if (isCompanion(entry)) return accept(entry, 'unused');
  if (found.kind === 'text') {
    accept(entry, 'text');
    result.texts.push(source);
  } else if (found.kind === 'json') {
    refuse(entry, 'json', 'JSON that is no config.json of a model, tokenizer or saved SAE. It is not needed.');
  } else if (found.kind === 'safetensors') {
    assignTensors(entry, result, modelFolders, tensor);
  }
}

function assignTensors(entry: Entry, result: Inspection, modelFolders: Set<string>, tensor: string | undefined): void {
  if (entry.found.kind !== 'safetensors') return;
  const { file } = entry.found;
  if (isModelWeights(file.tensors.keys())) {
    const why =
      modelFolders.size > 0
        ? 'another model is in use already: drop one model at a time'
        : 'drop the whole folder: config.json, tokenizer.json and the weights';
    return refuse(entry, 'model', `weights of a language model, not activations; ${why}.`);
  }
  try {
    const shard = ShardSource.from(file, tensor);
    accept(entry, 'safetensors', { rows: shard.rows, d: shard.d, dtype: shard.storedDtype.toLowerCase(), hasTokens: shard.hasTokens });
    result.shards.push(shard);
  } catch (cause) {
    const ids = findTokens(file);
    const hasFloats = [...file.tensors.values()].some((t) => t.dtype.startsWith('F') || t.dtype === 'BF16');
    if (ids && !hasFloats && ids.count > 0) {
      accept(entry, 'tokens', { rows: ids.shape[0] as number, dtype: ids.dtype, hasTokens: true });
      result.tokens.push(entry.source);
    } else {
      refuse(
        entry,
        'safetensors',
        withoutPath(cause, entry.source.path),
        cause instanceof AmbiguousTensorError ? { candidates: cause.candidates } : {},
      );
    }
  }
}

/** Keeps the shards of the commonest width (the first among equals) and refuses the others. */
function agreeOnWidth(result: Inspection): void {
  const files = new Map<number, number>();
  for (const { d } of result.shards) files.set(d, (files.get(d) ?? 0) + 1);
  if (files.size < 2) return;
  const [width] = [...files].reduce((best, next) => (next[1] > best[1] ? next : best));
  const reports = new Map(result.reports.map((report) => [report.path, report]));
  for (const shard of result.shards) {
    if (shard.d === width) continue;
    const error = `its rows are ${shard.d} wide; the other files' are ${width}. One SAE takes rows of one width: drop them separately.`;
    Object.assign(reports.get(shard.label) as FileReport, { ok: false, error });
  }
  result.shards = result.shards.filter((shard) => shard.d === width);
}

/** `map` with at most `limit` calls under way; results in the order of the items. */
async function mapLimited<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
