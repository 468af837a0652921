/** Unpacking in Node: zlib, into one file of the system's temp folder that has no name there, so that it goes with the process however that ends. */
import { rmSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';
import { checkRange } from './byteSource';
import { fill } from './nodeFiles';
import { spareBuffers } from './spareBuffers';
import type { ByteSource } from './types';
import type { Scratch, UnpackPlatform } from './unpacking';

/** Bytes that come out at once. */
const PIECE = 2 ** 18;

let file: Promise<FileHandle> | undefined;
/** Bytes of the file that belong to someone. */
let used = 0;

/** Opened with the first use. Many members share it: a thousand must not hold a thousand descriptors. */
function scratchFile(): Promise<FileHandle> {
  file ??= make().catch((cause: unknown) => {
    file = undefined;
    throw cause;
  });
  return file;
}

async function make(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'gated-sae-lab-'));
  const handle = await open(join(folder, 'unpacked'), 'w+');
  // Without a name it is gone with the last descriptor. Where open files keep theirs (Windows), the process removes it as it ends.
  await rm(folder, { recursive: true }).catch(() => process.on('exit', () => rmSync(folder, { recursive: true, force: true })));
  return handle;
}

/** A part of the file. */
class Region implements ByteSource {
  constructor(
    readonly path: string,
    readonly size: number,
    private readonly handle: FileHandle,
    private readonly base: number,
  ) {}

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const bytes = spareBuffers.take(length);
    await this.readInto(bytes, offset);
    return bytes;
  }

  async readInto(bytes: Uint8Array, offset: number): Promise<void> {
    checkRange(this, offset, bytes.byteLength);
    await fill(this.handle, bytes, offset, this.path, this.base);
  }
}

async function create(_key: string, size: number): Promise<Scratch> {
  const handle = await scratchFile();
  const base = used;
  used += size;
  let at = base;
  return {
    async append(bytes) {
      for (let done = 0; done < bytes.byteLength; )
        done += (await handle.write(bytes, done, bytes.byteLength - done, at + done)).bytesWritten;
      at += bytes.byteLength;
    },
    finish: async (path) => new Region(path, size, handle, base),
    async discard() {
      // The last region gives its place back.
      if (used === base + size) {
        used = base;
        await handle.truncate(base);
      }
    },
  };
}

async function* inflateRaw(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let given = 0;
  async function* counted() {
    for await (const piece of packed) {
      given += piece.byteLength;
      yield piece;
    }
  }
  const inflate = createInflateRaw({ chunkSize: PIECE });
  pipeline(Readable.from(counted()), inflate, () => undefined); // an error of either side comes out of the loop
  for await (const piece of inflate) yield piece as Uint8Array;
  if (inflate.bytesWritten < given) throw new Error(`${given - inflate.bytesWritten} bytes follow its end`);
}

export const nodeUnpacking: UnpackPlatform = {
  inflateRaw,
  create,
  place: `in ${tmpdir()}`,
  async free() {
    const { bavail, bsize } = await statfs(tmpdir());
    return bavail * bsize;
  },
};
