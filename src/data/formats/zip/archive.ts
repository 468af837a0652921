/**
 * Zip archives (.npz, PyTorch's .pt) read by ranges of their members. By hand, because the libraries (`@zip.js/zip.js`, `unzipit`) hand
 * out whole members only, and do not say where the bytes of a stored one lie.
 */
import { type ByteSource, DataError, type OnFraction } from '../../bytes/types';
import { crc32 } from './crc32';
import { Deflated } from './deflated';
import { type DirectoryEntry, LOCAL, LOCAL_SIZE, readDirectory, viewOf } from './directory';

export interface ZipMember {
  readonly name: string;
  /** Bytes, inflated. */
  readonly size: number;
  readonly compressedSize: number;
  readonly method: 'stored' | 'deflated';
  /**
   * `length` bytes from byte `from`. A stored member is read where it lies; its checksum is compared by `readWhole` alone, for that needs all of
   * it. A deflated one is unpacked once, whole and checked, and read from there; only of its first bytes a range is inflated by itself.
   * @throws DataError
   */
  read(from: number, length: number): Promise<Uint8Array>;
  /** Of a deflated member: unpacks it now, where that is not done yet. @throws DataError */
  unpack?(onFraction: OnFraction): Promise<void>;
  /**
   * All of it, its checksum compared. The caller bounds the size. A checksum of 0 is one that was not computed, as torch writes it with
   * `set_crc32_options(False)`.
   * @throws DataError
   */
  readWhole(): Promise<Uint8Array>;
}

export interface ZipArchive {
  readonly path: string;
  readonly bytes: number;
  /** In the order of the directory, folders included (names that end in "/"). */
  readonly members: ReadonlyMap<string, ZipMember>;
}

/** Reads the directory only. @throws DataError when it is not a zip archive, damaged, encrypted or compressed in another way. */
export async function openZip(source: ByteSource): Promise<ZipArchive> {
  const entries = await readDirectory(source);
  return { path: source.path, bytes: source.size, members: new Map(entries.map((entry) => [entry.name, new Member(source, entry)])) };
}

class Member implements ZipMember {
  readonly name: string;
  readonly size: number;
  readonly compressedSize: number;
  readonly method: 'stored' | 'deflated';
  private start?: Promise<number>;
  private deflated?: Deflated;
  readonly unpack?: (onFraction: OnFraction) => Promise<void>;

  constructor(
    private readonly source: ByteSource,
    private readonly entry: DirectoryEntry,
  ) {
    this.name = entry.name;
    this.size = entry.size;
    this.compressedSize = entry.compressedSize;
    this.method = entry.method === 0 ? 'stored' : 'deflated';
    if (this.method === 'deflated') this.unpack = async (onFraction) => (await this.inflated()).unpack(onFraction);
  }

  async read(from: number, length: number): Promise<Uint8Array> {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(length) || from < 0 || length < 0 || from + length > this.size)
      throw this.refuse(
        `bytes ${from} to ${from + length} were asked for, but it has ${this.size} bytes. The file is damaged: write it again.`,
      );
    if (this.method === 'stored') return this.source.read((await this.dataStart()) + from, length);
    return (await this.inflated()).read(from, length);
  }

  private async inflated(): Promise<Deflated> {
    const start = await this.dataStart();
    const { size, compressedSize, name } = this;
    this.deflated ??= new Deflated({
      size,
      compressedSize,
      crc: this.entry.crc,
      path: this.source.path,
      identity: [this.source.path, this.source.size, name, start],
      read: (offset, count) => this.source.read(start + offset, count),
      refuse: (message) => this.refuse(message),
    });
    return this.deflated;
  }

  async readWhole(): Promise<Uint8Array> {
    const bytes = await this.read(0, this.size);
    const { crc } = this.entry;
    // Of a deflated one it was compared on the way.
    if (this.method === 'stored' && crc !== 0 && crc32(bytes) !== crc)
      throw this.refuse('its checksum differs from the one in the archive. The file is damaged: copy or download it again.');
    return bytes;
  }

  private refuse(message: string): DataError {
    return new DataError(this.source.path, `member ${JSON.stringify(this.name)}: ${message}`);
  }

  /** Where its data begins; a failed read may be tried again. */
  private dataStart(): Promise<number> {
    this.start ??= this.readLocal().catch((cause: unknown) => {
      this.start = undefined;
      throw cause;
    });
    return this.start;
  }

  /** The local header repeats the directory; its own extra field says where the data begins. */
  private async readLocal(): Promise<number> {
    const { begin, limit, rawName, method, size, compressedSize, flags } = this.entry;
    const head = await this.source.read(begin, LOCAL_SIZE + rawName.length);
    const view = viewOf(head);
    const disagrees = (what: string) => this.refuse(`its header at byte ${begin} ${what}. The file is damaged: copy or download it again.`);
    if (view.getUint32(0, true) !== LOCAL) throw disagrees('is missing');
    const sameName = view.getUint16(26, true) === rawName.length && rawName.every((byte, i) => byte === head[LOCAL_SIZE + i]);
    if (!sameName || view.getUint16(8, true) !== method) throw disagrees('disagrees with the directory about its name or method');
    const isEncrypted = (view.getUint16(6, true) & 1) === 1;
    if (isEncrypted) throw disagrees('says that it is encrypted');
    // Bit 3: the sizes follow behind the data, so that here may be zeros. All ones: they are in a zip64 field.
    const agrees = (stated: number, known: number) => stated === known || stated === 0xffffffff || (flags & 8 && stated === 0);
    if (!agrees(view.getUint32(18, true), compressedSize) || !agrees(view.getUint32(22, true), size))
      throw disagrees('disagrees with the directory about its size');
    const start = begin + LOCAL_SIZE + rawName.length + view.getUint16(28, true);
    if (start + compressedSize > limit)
      throw disagrees(`puts its data at bytes ${start} to ${start + compressedSize}, over what begins at byte ${limit}`);
    return start;
  }
}
