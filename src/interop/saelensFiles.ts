/** Which of the given files are one saved SAE: weights, and what lies in the same folder. */
import { type ByteSource, DataError } from '../data/bytes/types';
import { CONVERT, SAELENS, saeFormatOf, type WeightsFile } from '../data/dropped/saeFiles';
import { extension } from '../data/formats/foreign';
import { openFile } from '../data/formats/open';
import { readHeader, type SafetensorsFile } from '../data/formats/safetensors/header';
import { naturalCompare } from '../util/naturalSort';
import { baseName, folderOf } from '../util/paths';

export interface SaelensFiles {
  weights: SafetensorsFile;
  cfg?: ByteSource;
  scaler?: ByteSource;
  /** What was not read, for people. */
  notes: string[];
}

const USUAL = 'sae_weights.safetensors';
const HOLDS_ARRAYS = new Set(['safetensors', 'pt', 'pth', 'bin', 'npz']);
/** Of a SAELens folder; no weights. */
const COMPANIONS = new Set(['sparsity.safetensors', 'activations_store_state.safetensors', 'trainer_state.pt', 'activations_store.pt']);

/**
 * @param sources the files of one folder in any order (others are ignored), or one weights file.
 * @throws DataError when there is no SAE, one of a format that is not read, or more than one.
 */
export async function saelensFiles(sources: readonly ByteSource[]): Promise<SaelensFiles> {
  const candidates = sources
    .filter(({ path }) => HOLDS_ARRAYS.has(extension(path)) && !COMPANIONS.has(baseName(path)))
    .sort((a, b) => naturalCompare(a.path, b.path));
  const opened = await Promise.all(candidates.map((source) => open(source, sources)));
  const saes = opened.filter(({ sae }) => sae !== undefined);
  const broken = opened.filter(({ problem }) => problem !== undefined);
  // Weights by their usual name that cannot be read are a SAE that may be meant.
  const damaged = broken.filter(({ source }) => baseName(source.path) === USUAL);
  const folders = [...new Set([...saes, ...damaged].map(({ source }) => folderOf(source.path)))];
  if (folders.length > 1) throw new DataError(commonFolder(folders), `holds ${folders.length} saved SAEs: name one of ${listed(folders)}.`);
  const unreadable = damaged[0] ?? (saes.length === 0 ? broken[0] : undefined);
  if (unreadable) throw unreadable.problem;
  const chosen = saes.find(({ source }) => baseName(source.path) === USUAL) ?? saes[0];
  if (!chosen) throw nothing(sources, opened);
  const { path } = chosen.source;
  if (saes.length > 1 && baseName(path) !== USUAL) {
    const files = saes.map(({ source }) => source.path);
    throw new DataError(folderOf(path) || path, `holds ${files.length} saved SAEs: name one of ${listed(files)}.`);
  }
  if (chosen.sae !== SAELENS) throw new DataError(path, `is a saved SAE of a format that is not read yet: ${chosen.sae}. ${CONVERT}`);
  const beside = (name: string) => sources.find((s) => folderOf(s.path) === folderOf(path) && baseName(s.path) === name);
  const [cfg, scaler] = [beside('cfg.json'), beside('activation_scaler.json')];
  const ignored = [
    ...saes.filter((other) => other !== chosen).map(({ source }) => `${source.path} is another SAE`),
    ...sources.filter((s) => s !== cfg && baseName(s.path) === 'cfg.json').map((s) => `${s.path} lies in another folder than the weights`),
  ];
  return {
    weights: await readHeader(chosen.source),
    ...(cfg && { cfg }),
    ...(scaler && { scaler }),
    notes: ignored.map((what) => `${what} and was not read.`),
  };
}

interface Candidate {
  source: ByteSource;
  file?: WeightsFile;
  /** Its format, when it holds a SAE. */
  sae?: string | undefined;
  problem?: unknown;
}

async function open(source: ByteSource, sources: readonly ByteSource[]): Promise<Candidate> {
  const folder = folderOf(source.path);
  try {
    const file = await openFile(source);
    const beside = sources.filter(({ path }) => folderOf(path) === folder).map(({ path }) => baseName(path));
    return { source, file, sae: saeFormatOf(file, beside) };
  } catch (problem) {
    return { source, problem };
  }
}

/** Why there is no SAE. */
function nothing(sources: readonly ByteSource[], [first, ...more]: readonly Candidate[]): DataError {
  if (first?.file && more.length === 0) {
    const names = [...first.file.arrays.keys()].slice(0, 8).join(', ');
    return new DataError(first.source.path, `is no saved SAE: it has no W_enc and W_dec; it has ${names || 'no tensors'}.`);
  }
  return new DataError(
    sources[0]?.path ?? 'no file',
    `no weights here: a saved SAE is a folder with cfg.json and sae_weights.safetensors.`,
  );
}

const SHOWN = 20;
const listed = (paths: readonly string[]): string =>
  paths.slice(0, SHOWN).join(', ') + (paths.length > SHOWN ? ` and ${paths.length - SHOWN} more` : '');

/** The folder that all of these lie in. */
function commonFolder(folders: readonly string[]): string {
  const parts = folders.map((folder) => folder.split('/'));
  const [first = []] = parts;
  const length = first.findIndex((part, i) => parts.some((other) => other[i] !== part));
  return first.slice(0, length < 0 ? first.length : length).join('/') || 'the folder';
}
