import { type ChangeEvent, useRef } from 'react';
import { messageOf } from '../../util/errors';
import { useServices } from '../context';
import { collectInput } from '../drop';
import { filesBehind } from '../folders';
import { addNotice, useLab } from '../store';

/** Chromium only. */
interface PickerWindow {
  showDirectoryPicker?: (options: { mode: 'read' }) => Promise<FileSystemDirectoryHandle>;
}

/** Formats of activations, in the words of the tools that write them. The whole list: docs/formats.md. */
const FORMATS: readonly [string, string][] = [
  ['safetensors', 'f32, f16, bf16, f64, 8-bit floats'],
  ['NumPy', '.npy, .npz'],
  ['PyTorch', '.pt of tensors, dicts, lists; read as data, no code in it is run'],
  ['Arrow', 'streams, files, Hugging Face datasets folders, SAELens caches'],
  ['Parquet', 'lists of floats'],
  ['saev, raw values', 'with the JSON that describes them'],
];

export function DropZone() {
  const { lab } = useServices();
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const take = (event: ChangeEvent<HTMLInputElement>) => {
    const input = event.currentTarget;
    if (input.files) lab.addFiles({ files: collectInput(input.files), handles: [] });
    input.value = '';
  };
  const pickFolder = async () => {
    const { showDirectoryPicker } = globalThis as PickerWindow;
    if (!showDirectoryPicker) return folder.current?.click();
    try {
      const handle = await showDirectoryPicker.call(globalThis, { mode: 'read' });
      lab.addFiles({ files: await filesBehind([handle]), handles: [handle] });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') return;
      addNotice('error', `The folder could not be read: ${messageOf(error)}`);
    }
  };
  return (
    <div className="dropzone">
      <p>
        <strong>Drop activations</strong> anywhere on this page: safetensors, NumPy, PyTorch, Arrow, Parquet or raw values, files or folders
        of them. A Hugging Face model folder and a text file beside them turn on loss recovered.
      </p>
      <div className="row">
        <button type="button" onClick={() => files.current?.click()}>
          Choose files…
        </button>
        <button type="button" onClick={() => void pickFolder()}>
          Choose a folder…
        </button>
      </div>
      <Reconnect />
      <details className="formats">
        <summary>What is read</summary>
        <dl>
          {FORMATS.map(([name, what]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <p>
          Rows as [N, D] or [batch, sequence, D], recognised by content, not by name. Token ids and masks beside them are used. Only headers
          are read until training starts.
        </p>
      </details>
      <input
        ref={files}
        type="file"
        multiple
        className="visually-hidden"
        tabIndex={-1}
        aria-label="Choose files"
        data-testid="files"
        onChange={take}
      />
      <input
        ref={folder}
        type="file"
        multiple
        className="visually-hidden"
        tabIndex={-1}
        aria-label="Choose a folder"
        data-testid="folder"
        onChange={take}
        {...{ webkitdirectory: '' }}
      />
    </div>
  );
}

/** What was dropped before the page was loaded again, while nothing else is there. */
function Reconnect() {
  const { lab } = useServices();
  const names = useLab((s) => s.remembered);
  const unused = useLab((s) => s.data.files.length === 0);
  const ready = useLab((s) => s.device !== undefined);
  if (!unused || names.length === 0) return null;
  const more = names.length > 1 ? ` and ${names.length - 1} more` : '';
  return (
    <div className="row reconnect">
      <button
        type="button"
        disabled={!ready}
        title={`Dropped here before: ${names.join(', ')}. The browser may ask whether this page may read them.`}
        onClick={() => void lab.reconnect()}
      >
        Reconnect to {names[0]}
        {more}
      </button>
      <button type="button" className="link" aria-label="Forget what was dropped before" onClick={() => void lab.forget()}>
        Forget
      </button>
    </div>
  );
}
