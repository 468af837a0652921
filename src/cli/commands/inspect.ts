/** `inspect`: what each file was recognised as, or why it was refused; what was assumed; on request what the activations are like. No GPU. */

import { fingerprintOf } from '../../data/bytes/fingerprint';
import { listFiles } from '../../data/bytes/nodeFiles';
import { type Inspection, inspectFiles } from '../../data/dropped/classify';
import type { ModelFiles } from '../../data/dropped/modelFolder';
import { describePool } from '../../data/dropped/pooled';
import { refuseDuplicates, settleShards } from '../../data/dropped/settle';
import { type Profile, type Profiles, profileSources } from '../../data/rows/profile';
import { describeProfile, filterOptions, scaleOfLeft } from '../../data/rows/profileText';
import type { ShardSource } from '../../data/rows/shard';
import { describeModel } from '../../lab/loadedModel';
import type { FileReport } from '../../lab/protocol';
import { messageOf } from '../../util/errors';
import { readOptions, UsageError } from '../args';
import { assumedOf, namedNotes } from '../assumed';
import { checkTensor, READING_OPTIONS, readingOf } from '../engine';
import type { CommandUsage } from '../options';
import { finish, progress, table } from '../output';

export const inspectUsage = (): CommandUsage => ({
  summary: 'What each file was recognised as, or why it is refused; what was assumed. Opens no GPU.',
  words: 'PATH...',
  options: {
    profile: { kind: 'flag', help: 'What the activations are like, from a sample.' },
    ...READING_OPTIONS,
    json: { kind: 'flag', help: 'Prints one JSON object as the last line of stdout.' },
  },
});

export async function inspect(args: string[]): Promise<number> {
  const { options, words } = readOptions(args, inspectUsage().options, true);
  if (words.length === 0) throw new UsageError('give at least one file or folder');
  const reading = readingOf(options);
  const found = await inspectFiles(await listFiles(words), reading);
  // Without a profile nothing is unpacked, so that what is compressed is not compared either.
  if (options.flag('profile')) await settleShards(found, reading, (fraction) => progress(`unpacking ${(100 * fraction).toFixed(0)} %`));
  else if (found.shards.every(({ packed }) => packed.length === 0)) await refuseDuplicates(found, reading);
  const { shards } = found;
  checkTensor(shards, reading.tensor);
  const profiles = options.flag('profile') && shards.length > 0 ? await profileSources(shards) : undefined;
  const model = found.model && (await modelFacts(found.model));
  const pooled = describePool(shards);
  const result = {
    files: await describeFiles(found, profiles),
    ...(model && { model }),
    ...(shards.length > 0 && { fingerprint: await fingerprintOf(shards.flatMap(({ files }) => files)) }),
    ...(pooled !== undefined && { pooled }),
    ...(profiles?.total && { profile: profileJson(profiles.total) }),
  };
  finish(options.flag('json'), result, () =>
    [
      fileTable(found.reports),
      ...notes(found.reports),
      ...(pooled === undefined ? [] : ['', pooled]),
      ...modelLines(model),
      ...profileLines(profiles, shards),
    ].join('\n'),
  );
  return 0;
}

/** Keys of the JSON result: docs/cli.md. */
async function describeFiles({ reports, shards }: Inspection, profiles: Profiles | undefined): Promise<Record<string, unknown>[]> {
  const byPath = new Map(shards.map((shard, i) => [shard.facts.label, { shard, profile: profiles?.each[i] }]));
  const files: Record<string, unknown>[] = [];
  for (const report of reports) {
    const { path, ok, format, files: count, rows, d, dtype, hasTokens, hasMask, sequence, hookName, candidates, error } = report;
    const { assumptions, question } = report;
    const used = ok ? byPath.get(path) : undefined;
    files.push({
      path,
      ok,
      ...(format !== undefined && { format }),
      ...(count !== undefined && { files: count }),
      ...(rows !== undefined && { rows }),
      ...(d !== undefined && { d }),
      ...(dtype !== undefined && { dtype }),
      ...(hasTokens !== undefined && { tokens: hasTokens, has_tokens: hasTokens }),
      ...(hasMask && { mask: true }),
      ...(sequence !== undefined && { sequence }),
      ...(used && used.shard.tensor !== '' && { tensor: used.shard.tensor }),
      ...(hookName !== undefined && { hook: hookName }),
      ...(candidates !== undefined && { candidates }),
      ...(error !== undefined && { error }),
      ...(assumptions !== undefined && { assumptions }),
      ...(question !== undefined && { question }),
      ...(used?.profile && { profile: profileJson(used.profile) }),
      ...(used && { fingerprint: await fingerprintOf(used.shard.files) }),
    });
  }
  return files;
}

const profileJson = (profile: Profile): Record<string, unknown> => {
  const { rows, sampledRows, d, dtype, badRows, maskedRows, meanNorm, rootMeanSquareNorm, normPercentiles, outliers, proposal } = profile;
  const options = filterOptions(profile);
  const filtered = scaleOfLeft(profile);
  return {
    rows,
    sampled_rows: sampledRows,
    d,
    dtype,
    bad_rows: badRows,
    masked_rows: maskedRows,
    zero_rows: profile.zeroRows,
    ...(profile.zeroPlace?.from !== undefined && { zero_rows_from: profile.zeroPlace.from }),
    mean_norm: meanNorm,
    root_mean_square_norm: rootMeanSquareNorm,
    norm_percentiles: normPercentiles,
    mean_vector_norm: profile.meanVectorNorm,
    mean_vector_share: profile.meanVectorShare,
    constant_columns: profile.constantColumns,
    ...(profile.constantColumns > 0 && { constant_column_list: profile.constantColumnList }),
    outliers,
    proposed_scale: proposal.scale,
    proposed_normalize: 'mean-norm',
    ...(options !== '' && { proposed_filter: options, ...(filtered !== undefined && { proposed_scale_filtered: filtered }) }),
  };
};

/** Findings are long: they stand behind the table, which they would widen. */
function fileTable(reports: readonly FileReport[]): string {
  const lines = table(
    ['file', 'format', 'rows', 'd', 'dtype', 'tokens'],
    reports.map((f) => [
      f.path,
      f.files === undefined ? (f.format ?? '?') : `${f.format ?? '?'} (${f.files} files)`,
      String(f.rows ?? ''),
      String(f.d ?? ''),
      f.dtype ?? '',
      f.hasTokens ? 'yes' : '',
    ]),
  ).split('\n');
  const findings = ['finding', '-------', ...reports.map((f) => (f.ok ? 'ok' : (f.error ?? 'refused')))];
  return lines.map((line, i) => `${line}  ${findings[i]}`).join('\n');
}

/** What is to be confirmed, file by file; the same sentence of many files once. */
function notes(reports: readonly FileReport[]): string[] {
  const found = namedNotes(
    reports.flatMap((report) => [
      ...assumedOf(report),
      ...(report.ok && report.hasMask ? [['has a mask: masked rows are dropped unless --keep-masked is given', report.path] as const] : []),
    ]),
  );
  return found.length === 0 ? [] : ['', ...found];
}

type ModelFacts =
  | { error: string }
  | { label: string; family: string; layers: number; d_model: number; context: number; vocab: number; notes: readonly string[] };

/** What the language model among the files is, or why it cannot be used. Its weights are not read, only their names and shapes. */
async function modelFacts(files: ModelFiles): Promise<ModelFacts> {
  try {
    const { label, config, notes } = await describeModel(files);
    const { label: family, layers, dModel, context, vocab } = config;
    return { label, family, layers, d_model: dModel, context, vocab, notes };
  } catch (cause) {
    return { error: messageOf(cause) };
  }
}

function modelLines(model: ModelFacts | undefined): string[] {
  if (!model) return [];
  if ('error' in model) return ['', `language model: not usable: ${model.error}`];
  const { label, family, layers, d_model, context, vocab } = model;
  const size = `${layers} ${layers === 1 ? 'layer' : 'layers'} of ${d_model}, context ${context}, vocabulary ${vocab}`;
  return ['', `language model ${label} (${family}): ${size}`, ...model.notes.map((note) => `  ${note}`)];
}

function profileLines(profiles: Profiles | undefined, shards: readonly ShardSource[]): string[] {
  if (!profiles) return [];
  if (!profiles.total) return ['', 'profile: not one sampled row is finite and unmasked'];
  const title = shards.length === 1 ? shards[0]?.facts.label : `${shards.length} files together`;
  return ['', `profile of ${title}`, ...describeProfile(profiles.total).map((line) => `  ${line}`)];
}
