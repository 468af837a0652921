/**
 * PyTorch's .pt: a zip archive with a pickle (`data.pkl`) that describes tensors and a member for each storage. The pickle is read as
 * data and nothing in it is run (`pickle.ts`). Bare pickles and torch's older formats are refused by name.
 */
import { type ByteSource, DataError } from '../../bytes/types';
import type { Container, OpenFile } from '../container';
import { openZip, type ZipArchive, type ZipMember } from '../zip/archive';
import { makeArrays } from './arrays';
import { LIMITS, readPickle } from './pickle';
import { fileIn, saveAgain, saveTensors } from './remedies';
import { PickleError, shown, type Value } from './values';
import { findTensors } from './walk';

const FORMAT = 'PyTorch .pt';
/** 0x1950a86a20f9469cfc6c as the integer that a file from before torch 1.6 begins with (LONG1, 10 bytes). */
const LEGACY = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const HEAD_BYTES = 64;

/** True when the first bytes can be a pickle, torch's old format included. */
export const looksLikePickle = (head: Uint8Array): boolean => head[0] === 0x80 && (head[1] as number) >= 2 && (head[1] as number) <= 5;

/** True when an archive is torch's; a .npz is not. */
export const isTorchZip = (archive: ZipArchive): boolean => pickles(archive).length > 0 || isTorchScript(archive);

export const openTorch: OpenFile = async (source) => {
  const { path, size } = source;
  if (size === 0) throw new DataError(path, 'is empty (0 bytes). Copy or save it again.');
  const head = await source.read(0, Math.min(size, HEAD_BYTES));
  if (head[0] === 0x50 && head[1] === 0x4b) return openTorchZip(await openZip(source));
  if (looksLikePickle(head)) throw await barePickle(source, head);
  throw new DataError(path, `is no PyTorch file: it begins neither as a zip archive nor as a pickle. ${saveTensors(path)}`);
};

/** The same, of an archive that is open already. */
export async function openTorchZip(archive: ZipArchive): Promise<Container> {
  const { path, bytes } = archive;
  if (isTorchScript(archive))
    throw new DataError(path, `is a TorchScript archive, a program with its weights, which is not run. ${saveTensors(path)}`);
  const [data, ...others] = pickles(archive);
  if (!data) throw new DataError(path, `is a zip archive without data.pkl, so not from torch.save. ${saveTensors(path)}`);
  if (others.length > 0)
    throw new DataError(
      path,
      `is an archive of several: ${[data, ...others]
        .slice(0, 3)
        .map((m) => shown(m.name))
        .join(', ')}. Drop the files in it one by one.`,
    );
  const root = data.name.slice(0, -'data.pkl'.length);
  const isBigEndian = await readByteOrder(path, archive.members.get(`${root}byteorder`));
  if (data.size > LIMITS.bytes)
    throw new DataError(path, `its pickle has ${data.size} bytes; at most ${LIMITS.bytes} are read. ${saveTensors(path)}`);
  const { found, metadata } = await asData(path, async () => findTensors(readPickle(await data.readWhole())));
  const { arrays, assumptions } = makeArrays(found, { path, isBigEndian, member: (key) => archive.members.get(`${root}data/${key}`) });
  return { path, format: FORMAT, bytes, arrays, metadata, assumptions };
}

const pickles = ({ members }: ZipArchive): ZipMember[] => [...members.values()].filter(({ name }) => /(^|\/)data\.pkl$/.test(name));

const isTorchScript = ({ members }: ZipArchive): boolean =>
  [...members.keys()].some((name) => /^([^/]*\/)?(constants\.pkl|code\/.*)$/.test(name));

/** "little" or "big"; torch before 2.1 wrote none and meant little. */
async function readByteOrder(path: string, member: ZipMember | undefined): Promise<boolean> {
  if (!member) return false;
  const text = member.size <= 16 ? new TextDecoder().decode(await member.readWhole()).trim() : '';
  if (text !== 'little' && text !== 'big')
    throw new DataError(
      path,
      `its member ${shown(member.name)} says neither "little" nor "big". The file is damaged: copy or save it again.`,
    );
  return text === 'big';
}

/** What a pickle says, with refusals that name the file and what to do. */
async function asData<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof PickleError)) throw cause;
    throw new DataError(path, `${cause.message} ${cause.remedy?.replaceAll('FILE', `'${fileIn(path)}'`) ?? saveTensors(path)}`);
  }
}

/** Why a pickle that is no archive is refused. What it asks to run, if anything, comes first. */
async function barePickle(source: ByteSource, head: Uint8Array): Promise<DataError> {
  const { path, size } = source;
  if (indexOf(head, LEGACY) >= 0)
    return new DataError(path, `is in PyTorch's old format (before torch 1.6), which is not read. Nothing was run. ${saveAgain(path)}`);
  if (size <= LIMITS.bytes) {
    const bytes = await source.read(0, size);
    await asData<Value>(path, async () => readPickle(bytes));
  }
  return new DataError(
    path,
    `is a bare pickle, not from torch.save: it holds no tensors that could be read. Nothing was run. ${saveTensors(path)}`,
  );
}

function indexOf(bytes: Uint8Array, pattern: readonly number[]): number {
  for (let at = 0; at + pattern.length <= bytes.length; at++) if (pattern.every((byte, i) => bytes[at + i] === byte)) return at;
  return -1;
}
