import { mkdtempSync, openAsBlob, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BlobSource } from '../../../src/data/bytes/byteSource';
import { DataError } from '../../../src/data/bytes/types';
import { inspectFiles } from '../../../src/data/dropped/classify';
import { ReaderClient, type ReaderPort } from '../../../src/data/reader/client';
import type { ReaderReply, ReaderRequest } from '../../../src/data/reader/messages';
import { ReaderServer } from '../../../src/data/reader/server';
import { blockToFloats } from '../../../src/data/rows/block';
import { cutBlocks } from '../../../src/data/rows/order';
import { BlockStream, type StreamBlock } from '../../../src/data/rows/stream';
import type { RowRange, RowSource } from '../../../src/data/rows/types';
import type { Numbered } from '../../../src/util/calls';
import { FORMATS, shard, wholeRange } from './helpers';

const blobOf = (path: string, name = path): BlobSource => new BlobSource(name, new Blob([readFileSync(`${FORMATS}/${path}`)]));

/**
 * Stands for the worker. Replies cross a real message channel: they are cloned and transferred as between threads. (Requests do not,
 * for Node cannot clone a Blob that lies in a file.)
 */
class Thread implements ReaderPort {
  onmessage: ReaderPort['onmessage'] = null;
  onmessageerror: ReaderPort['onmessageerror'] = null;
  onerror: ReaderPort['onerror'] = null;
  terminated = false;
  /** Reads asked for and not answered, and the most there ever were. */
  outstanding = 0;
  mostOutstanding = 0;
  private readonly channel = new MessageChannel();
  private readonly server = new ReaderServer();

  constructor(private readonly delay: () => Promise<unknown> = async () => undefined) {
    this.channel.port1.onmessage = (event: MessageEvent<Numbered<ReaderReply>>) => {
      this.outstanding--;
      this.onmessage?.(event);
    };
  }

  postMessage(request: Numbered<ReaderRequest>): void {
    this.mostOutstanding = Math.max(this.mostOutstanding, ++this.outstanding);
    void this.serve(request);
  }

  terminate(): void {
    this.terminated = true;
    this.channel.port1.close();
  }

  private async serve(request: Numbered<ReaderRequest>): Promise<void> {
    const { reply, transfer } = await this.server.answer(request);
    if (request.type === 'read') await this.delay();
    if (!this.terminated) this.channel.port2.postMessage(reply, transfer);
  }
}

/** The shards of these files, here and in a reader. */
async function open(files: BlobSource[], delay?: () => Promise<unknown>) {
  const threads: Thread[] = [];
  const reader = new ReaderClient(() => {
    threads.push(new Thread(delay));
    return threads.at(-1) as Thread;
  });
  const { shards } = await inspectFiles(files);
  const remote = await reader.open(files, shards);
  return { reader, shards, remote, threads, thread: threads[0] as Thread };
}

async function all(sources: readonly RowSource[], rows: number, withTokens = false): Promise<StreamBlock<RowRange>[]> {
  const stream = new BlockStream(
    sources,
    cutBlocks(wholeRange(sources), () => rows),
    { withTokens },
  );
  const blocks: StreamBlock<RowRange>[] = [];
  for (let next = await stream.next(); next; next = await stream.next()) blocks.push(next);
  return blocks;
}

const slowly = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
const GOOD = ['f32.safetensors', 'f16_tokens.safetensors', 'bf16_3d.safetensors', 'f64.safetensors'];

describe('reader', () => {
  it.each(GOOD)('%s: the same rows, tokens and facts as without it', async (name) => {
    const { reader, shards, remote } = await open([blobOf(`good/${name}`)]);
    expect(remote).toHaveLength(1);
    expect(remote[0]?.facts).toEqual({ ...shards[0]?.facts, hasMask: false });
    expect(await all(remote, 7, true)).toEqual(await all(shards, 7, true));
    expect(await remote[0]?.read(1, 3)).toEqual(await shards[0]?.read(1, 3));
    reader.close();
  });

  it('leaves bad rows out and counts them where they are read; a plain read keeps them', async () => {
    const { reader, shards, remote } = await open([blobOf('bad/nan_rows.safetensors')]);
    const blocks = await all(remote, 20);
    expect(blocks).toEqual(await all(shards, 20));
    expect(blocks.reduce((sum, { bad }) => sum + bad, 0)).toBeGreaterThan(0);
    const plain = await remote[0]?.read(0, shards[0]?.facts.rows ?? 0);
    expect(plain?.rows).toBe(shards[0]?.facts.rows);
    reader.close();
  });

  it('gives blocks in the order asked for, at most three under way, whatever the order in which they come', async () => {
    const files = [0, 1, 2].map((i) => new BlobSource(`s${i}.safetensors`, bytesOf(shard('', 40, 2, (k) => 100 * i + k))));
    const { reader, shards, remote, thread } = await open(files, slowly);
    const values = (blocks: StreamBlock<RowRange>[]) => blocks.flatMap(({ block }) => [...blockToFloats(block)]);
    expect(values(await all(remote, 3))).toEqual(values(await all(shards, 3)));
    expect(thread.mostOutstanding).toBe(3);
    reader.close();
  });

  it('asks for nothing more once a stream is closed', async () => {
    const { reader, remote, thread } = await open([blobOf('good/f32.safetensors')], slowly);
    const stream = new BlockStream(
      remote,
      cutBlocks(wholeRange(remote), () => 2),
    );
    await stream.next();
    stream.close();
    expect(await stream.next()).toBeUndefined();
    const under = thread.outstanding;
    expect(under).toBeLessThanOrEqual(3);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(thread.outstanding).toBe(0);
    reader.close();
  });

  it('a file that changed since it was dropped fails as it would without the reader: class, name, path and words', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lab-'));
    const path = join(folder, 'a.safetensors');
    const bytes = Buffer.from(await bytesOf(shard('', 40, 2)).arrayBuffer());
    writeFileSync(path, bytes);
    const { reader, shards, remote } = await open([new BlobSource('data/a.safetensors', await openAsBlob(path))]);
    writeFileSync(path, bytes.subarray(0, 100));
    const here = await all(shards, 10).catch((error: unknown) => error);
    const there = await all(remote, 10).catch((error: unknown) => error);
    rmSync(folder, { recursive: true });
    expect(there).toBeInstanceOf(DataError);
    expect(there).toMatchObject({ name: 'DataError', path: 'data/a.safetensors' });
    expect((there as Error).message).toMatch(/^data\/a\.safetensors: cannot be read any more .*drop it again/);
    expect((there as Error).message).toBe((here as Error).message);
    reader.close();
  });

  it('refuses what is not what was dropped, with the file’s name and why', async () => {
    const files = [blobOf('good/f32.safetensors', 'a.safetensors')];
    const { shards } = await inspectFiles(files);
    const reader = new ReaderClient(() => new Thread());
    const other = [blobOf('good/bf16_3d.safetensors', 'a.safetensors')];
    await expect(reader.open(other, shards)).rejects.toThrow(/^a\.safetensors: its header changed since/);
    const cut = [new BlobSource('a.safetensors', new Blob([readFileSync(`${FORMATS}/good/f32.safetensors`).subarray(0, 300)]))];
    await expect(reader.open(cut, shards)).rejects.toThrow(/^a\.safetensors: .*(truncated|bytes)/);
    reader.close();
  });

  it('close ends the worker and what is under way; opening again starts another', async () => {
    const files = [blobOf('good/f32.safetensors')];
    const { reader, shards, remote, threads, thread } = await open(files, slowly);
    const under = all(remote, 10);
    reader.close();
    await expect(under).rejects.toThrow(/f32\.safetensors: rows 0 to \d+ could not be read: the files were closed/);
    expect(thread.terminated).toBe(true);
    const again = await reader.open(files, shards);
    expect(threads).toHaveLength(2);
    expect(await all(again, 10)).toEqual(await all(shards, 10));
    expect(await reader.open(files, shards)).toBe(again);
    reader.close();
  });

  it('a worker that dies fails what it was asked for, with the file’s name; the next read has a new one', async () => {
    const { reader, shards, remote, threads, thread } = await open([blobOf('good/f32.safetensors')], slowly);
    const under = all(remote, 10);
    thread.onerror?.({ message: 'out of memory', preventDefault: () => undefined } as ErrorEvent);
    await expect(under).rejects.toThrow(/^good\/f32\.safetensors: .*worker that reads files failed.*out of memory/);
    expect(thread.terminated).toBe(true);
    expect(await all(remote, 10)).toEqual(await all(shards, 10));
    expect(threads).toHaveLength(2);
    reader.close();
  });
});

const bytesOf = (source: ReturnType<typeof shard>): Blob => {
  const { bytes } = source as unknown as { bytes: Uint8Array<ArrayBuffer> };
  return new Blob([bytes]);
};
