/** One run as a SAELens folder: into a folder of the person's choice where the browser can, else as two downloads. */
import { messageOf } from '../util/errors';
import type { Lab } from './controller';
import { download } from './download';
import { addNotice, isOpen, useLab } from './store';

/** Chromium only. */
interface PickerWindow {
  showDirectoryPicker?: (options: { mode: 'readwrite' }) => Promise<FileSystemDirectoryHandle>;
}

export const canPickFolder = () => typeof (globalThis as PickerWindow).showDirectoryPicker === 'function';

/** What was saved before its end is not yet safe. */
function noteSaved(id: string): void {
  const run = useLab.getState().runs.find((candidate) => candidate.id === id);
  if (run && !isOpen(run)) useLab.setState((s) => ({ savedRuns: [...new Set([...s.savedRuns, id])] }));
}

/** @param as the architecture in cfg.json; the run's own unless given. */
export async function saveRun(lab: Lab, run: string, as?: string): Promise<void> {
  const saved = await lab.attempt({ type: 'save-run', run, ...(as !== undefined && { as }) });
  for (const file of saved?.files ?? []) {
    download(
      file.name,
      file.bytes as Uint8Array<ArrayBuffer>,
      file.name.endsWith('.json') ? 'application/json' : 'application/octet-stream',
    );
    // Browsers drop a second download that starts in the same instant.
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  if (saved) noteSaved(run);
}

export async function saveRunToFolder(lab: Lab, run: string, as?: string): Promise<void> {
  const { showDirectoryPicker } = globalThis as PickerWindow;
  if (!showDirectoryPicker) return saveRun(lab, run, as);
  try {
    // Asked first: the browser shows its dialog only in answer to the click.
    const parent = await showDirectoryPicker.call(globalThis, { mode: 'readwrite' });
    const saved = await lab.attempt({ type: 'save-run', run, ...(as !== undefined && { as }) });
    if (!saved) return;
    const folder = await parent.getDirectoryHandle(saved.folder, { create: true });
    for (const file of saved.files) {
      const stream = await (await folder.getFileHandle(file.name, { create: true })).createWritable();
      await stream.write(file.bytes as Uint8Array<ArrayBuffer>);
      await stream.close();
    }
    noteSaved(run);
    addNotice('info', `Saved ${saved.files.map((f) => f.name).join(' and ')} in ${parent.name}/${saved.folder}.`);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    addNotice('error', `The run was not saved: ${messageOf(error)}`);
  }
}
