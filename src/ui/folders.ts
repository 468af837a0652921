/**
 * What was dropped, remembered between visits: handles to files and folders (Chromium only), never their contents. The browser asks
 * again before they are read. Where there are no handles, or no storage, nothing is kept and nothing fails.
 */

import { createStore, del, get, set } from 'idb-keyval';
import { messageOf } from '../util/errors';
import { type SourceFile, tidy, walkHandle } from './drop';

/** The part of File System Access that TypeScript's library leaves out. */
interface Permissions {
  queryPermission?(options: { mode: 'read' }): Promise<PermissionState>;
  requestPermission?(options: { mode: 'read' }): Promise<PermissionState>;
}

const KEY = 'dropped';
/** More than anyone drops one by one; each costs a question after a reload. */
const MOST = 64;

const store = () => createStore('gated-sae-lab-folders', 'handles');

/** What was kept; empty when nothing was, or it cannot be read. */
export async function rememberedHandles(): Promise<FileSystemHandle[]> {
  try {
    const kept = await get<unknown>(KEY, store());
    return Array.isArray(kept) ? kept.filter((handle): handle is FileSystemHandle => handle instanceof FileSystemHandle) : [];
  } catch {
    return [];
  }
}

/** Keeps these handles in place of those kept before. @returns what is kept now. */
export async function rememberHandles(handles: readonly FileSystemHandle[]): Promise<FileSystemHandle[]> {
  if (handles.length === 0 || handles.length > MOST) return [];
  try {
    await set(KEY, [...handles], store());
    return [...handles];
  } catch {
    return [];
  }
}

export async function forgetHandles(): Promise<void> {
  try {
    await del(KEY, store());
  } catch {
    // Without storage nothing was kept.
  }
}

/** These handles and the present ones, each once. */
export async function joined(before: readonly FileSystemHandle[], now: readonly FileSystemHandle[]): Promise<FileSystemHandle[]> {
  const out = [...before];
  for (const handle of now) {
    const same = await Promise.all(out.map((other) => other.isSameEntry(handle).catch(() => false)));
    if (!same.includes(true)) out.push(handle);
  }
  return out;
}

/** Asks the browser for permission where it is not given. Call from a click. */
export async function mayRead(handle: FileSystemHandle): Promise<boolean> {
  const { queryPermission, requestPermission } = handle as Permissions;
  if ((await queryPermission?.call(handle, { mode: 'read' })) === 'granted') return true;
  return requestPermission === undefined || (await requestPermission.call(handle, { mode: 'read' })) === 'granted';
}

/** All files behind handles, as if they were dropped again. @throws Error when one may not be read, or is gone. */
export async function filesBehind(handles: readonly FileSystemHandle[]): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const handle of handles) {
    if (!(await mayRead(handle))) throw new Error(`the browser was not allowed to read ${handle.name}.`);
    try {
      await walkHandle(handle, '', files);
    } catch (cause) {
      throw new Error(`${handle.name} cannot be read (${messageOf(cause)}). Was it moved or deleted?`);
    }
  }
  return tidy(files);
}
