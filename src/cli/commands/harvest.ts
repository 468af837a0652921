/** `harvest`: activations of a language model on a text, written as safetensors shards with `activations` and `tokens`. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ShardWriter } from '../../data/formats/safetensors/nodeShardWriter';
import { harvestRows, shardMetadata } from '../../lab/harvesting';
import { HarvestSource } from '../../lm/harvest';
import { readOptions, UsageError } from '../args';
import { contextAdjusted, sayAdjusted, wholeSequences } from '../asked';
import { loadWorkspace, modelFacts, openEngine } from '../engine';
import type { CommandUsage } from '../options';
import { finish, progress } from '../output';
import { limitsOf, TEXT_ROWS } from '../training';

export const harvestUsage = (): CommandUsage => ({
  summary: 'Activations of a model as shards: safetensors files with activations and tokens.',
  options: {
    model: { kind: 'text', value: 'DIR', required: true, help: 'Hugging Face folder.' },
    hook: { kind: 'text', value: 'NAME', required: true, help: "The site, by TransformerLens' name." },
    out: { kind: 'text', value: 'DIR', required: true, help: 'Where the shards go.' },
    text: { kind: 'text', value: 'FILE', help: 'UTF-8 text; or' },
    tokens: { kind: 'text', value: 'FILE', help: 'a file of token sequences: one of the two.' },
    'rows-per-shard': { kind: 'text', value: 'N', default: '65536', help: 'Rows of a shard.' },
    dtype: { kind: 'text', value: 'f32|f16', default: 'f32', help: "A value beyond f16's range is an error, never infinity." },
    ...TEXT_ROWS,
    'max-tokens': { kind: 'text', value: 'N', default: 'all', help: 'Most tokens harvested.' },
    json: { kind: 'flag', help: 'Prints one JSON object as the last line of stdout.' },
  },
});

export async function harvest(args: string[]): Promise<number> {
  const { options } = readOptions(args, harvestUsage().options);
  const [model, hook, out] = [options.required('model'), options.required('hook'), options.required('out')];
  const [text, tokensFile] = [options.text('text'), options.text('tokens')];
  if ((text === undefined) === (tokensFile === undefined))
    throw new UsageError('give --text FILE or --tokens FILE.safetensors, one of them');
  const dtype = options.text('dtype') ?? 'f32';
  if (dtype !== 'f32' && dtype !== 'f16') throw new UsageError(`--dtype must be f32 or f16, not "${dtype}"`);
  const perShard = options.count('rows-per-shard', 65536, 1);
  const engine = await openEngine();
  const workspace = await loadWorkspace(engine, { model, text, tokens: tokensFile }, limitsOf(options));
  const sequences = workspace.sequences;
  if (!sequences || !workspace.model) throw new Error('there is no text to run the model on');
  const { tokens, T } = sequences;
  const { count, adjusted } = wholeSequences(options, 'max-tokens', sequences);
  const asked = sayAdjusted([...contextAdjusted(options, workspace, T), ...adjusted]);
  const source = new HarvestSource(engine.gpu, workspace.model, hook, { tokens, count, T });
  await mkdir(out, { recursive: true });
  const { rows: total, d } = source.facts;
  const shards: { path: string; rows: number }[] = [];
  const { maxTokens } = workspace.model;
  for (let start = 0; start < total; start += perShard) {
    const rows = Math.min(perShard, total - start);
    const path = join(out, `shard_${String(shards.length).padStart(5, '0')}.safetensors`);
    const writer = await ShardWriter.create(path, {
      rows,
      d,
      dtype: dtype === 'f16' ? 'F16' : 'F32',
      withTokens: true,
      metadata: shardMetadata(hook, workspace.modelLabel ?? '', T),
    });
    for await (const { at, count, values, tokens: own } of harvestRows(source, { start, rows }, dtype, { T, maxTokens })) {
      await writer.append(values, own);
      progress(`${at + count} of ${total} rows`);
    }
    await writer.finish();
    shards.push({ path, rows });
  }
  const result = { rows: total, d, dtype, hook, context: T, ...asked, ...modelFacts(workspace), shards };
  finish(options.flag('json'), result, () => `${total} rows of ${d} (${dtype}) in ${shards.length} shards -> ${out}`);
  return 0;
}
