/** Activation shards written row by row in Node, for harvests larger than memory. Never imported by the page. */

import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { messageOf } from '../../../util/errors';
import { DataError } from '../../bytes/types';
import { layoutSafetensors } from './write';

export interface ShardPlan {
  /** Rows the shard will have: known before, so that the header can be written first. */
  rows: number;
  d: number;
  dtype: 'F32' | 'F16' | 'BF16';
  withTokens: boolean;
  metadata?: Record<string, string>;
}

/** Writes `activations [rows, d]` (and `tokens [rows]`, I32). The file carries its name only once it is complete. */
export class ShardWriter {
  private written = 0;

  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    private readonly plan: ShardPlan,
    private readonly offsets: Map<string, number>,
  ) {}

  static async create(path: string, plan: ShardPlan): Promise<ShardWriter> {
    const { header, offsets, size } = layoutSafetensors(
      [
        { name: 'activations', dtype: plan.dtype, shape: [plan.rows, plan.d] },
        ...(plan.withTokens ? [{ name: 'tokens', dtype: 'I32', shape: [plan.rows] } as const] : []),
      ],
      plan.metadata,
    );
    const handle = await open(`${path}.partial`, 'w').catch((cause: Error) => {
      throw new DataError(path, `cannot be written (${cause.message}).`);
    });
    try {
      await writeAt(handle, header, 0);
      await handle.truncate(size);
    } catch (cause) {
      await handle.close();
      await rm(`${path}.partial`, { force: true });
      throw new DataError(path, `cannot be written (${messageOf(cause)}).`);
    }
    return new ShardWriter(path, handle, plan, offsets);
  }

  /** Appends rows `[n, d]` as stored in the plan's dtype, with their n token ids when the plan has them. */
  async append(rows: ArrayBufferView, tokens?: Int32Array): Promise<void> {
    const rowBytes = this.plan.d * (this.plan.dtype === 'F32' ? 4 : 2);
    const n = rows.byteLength / rowBytes;
    if (!Number.isInteger(n)) throw new Error(`${this.path}: ${rows.byteLength} bytes are no whole rows of ${rowBytes} bytes`);
    if (this.written + n > this.plan.rows) throw new Error(`${this.path}: more than the planned ${this.plan.rows} rows`);
    if (this.plan.withTokens && tokens?.length !== n) throw new Error(`${this.path}: ${tokens?.length ?? 0} tokens for ${n} rows`);
    await writeAt(this.handle, rows, (this.offsets.get('activations') as number) + this.written * rowBytes);
    if (this.plan.withTokens && tokens) await writeAt(this.handle, tokens, (this.offsets.get('tokens') as number) + this.written * 4);
    this.written += n;
  }

  /** Gives the file its name. @throws DataError, and removes it, when rows are missing. */
  async finish(): Promise<void> {
    if (this.written !== this.plan.rows) {
      await this.abort();
      throw new DataError(this.path, `only ${this.written} of ${this.plan.rows} rows were written; the unfinished file was removed.`);
    }
    await this.handle.close();
    await rename(`${this.path}.partial`, this.path);
  }

  async abort(): Promise<void> {
    await this.handle.close();
    await rm(`${this.path}.partial`, { force: true });
  }
}

async function writeAt(handle: FileHandle, data: ArrayBufferView, position: number): Promise<void> {
  let done = 0;
  while (done < data.byteLength) {
    const view = new Uint8Array(data.buffer, data.byteOffset + done, data.byteLength - done);
    done += (await handle.write(view, 0, view.byteLength, position + done)).bytesWritten;
  }
}
