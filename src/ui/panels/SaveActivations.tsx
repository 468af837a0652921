import { useId, useRef, useState } from 'react';
import { messageOf } from '../../util/errors';
import { useServices } from '../context';
import { bytes, count } from '../format';
import { saveActivations, savedWords } from '../saveActivations';
import { canPickFolder } from '../saveRun';
import { addNotice, isLive, useLab } from '../store';

/** Chromium only. */
interface PickerWindow {
  showDirectoryPicker?: (options: { mode: 'readwrite' }) => Promise<FileSystemDirectoryHandle>;
}

/** Undefined when none was chosen. */
async function pickFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  const { showDirectoryPicker } = globalThis as PickerWindow;
  try {
    return await showDirectoryPicker?.call(globalThis, { mode: 'readwrite' });
  } catch (error) {
    const isDismissed = error instanceof DOMException && error.name === 'AbortError';
    if (!isDismissed) addNotice('error', `The folder cannot be used: ${messageOf(error)}`);
    return undefined;
  }
}

/** The hook's activations on the text as shards that can be dropped here again. Loaded when there are a model and a text. */
export default function SaveActivations({ hook, width, tokens }: { hook: string; width: number; tokens: number }) {
  const { lab } = useServices();
  const id = useId();
  const live = useLab(isLive);
  const computed = useLab((s) => s.session.progress ?? 0);
  const [dtype, setDtype] = useState<'f16' | 'f32'>('f16');
  const [limit, setLimit] = useState('');
  const [written, setWritten] = useState<{ done: number; total: number }>();
  const cancel = useRef<AbortController>(undefined);
  const typed = limit.trim() === '' ? tokens : Number(limit);
  const isWrong = !(Number.isInteger(typed) && typed > 0);
  const rows = Math.min(tokens, isWrong ? tokens : typed);
  const save = async (pick: boolean) => {
    // Asked first: the browser shows its dialog only in answer to the click.
    const folder = pick ? await pickFolder() : undefined;
    if (pick && !folder) return;
    cancel.current = new AbortController();
    setWritten({ done: 0, total: rows });
    const saved = await saveActivations(lab, {
      dtype,
      maxRows: rows,
      folder,
      signal: cancel.current.signal,
      onProgress: (done, total) => setWritten({ done, total }),
    });
    setWritten(undefined);
    addNotice(saved.ended && !saved.ended.wasCancelled ? 'error' : 'info', savedWords(saved, folder?.name));
  };
  const stop = () => {
    cancel.current?.abort();
    lab.do({ type: 'cancel-harvest' });
  };
  return (
    <details className="save-activations">
      <summary>Save activations…</summary>
      <p className="muted small">
        {hook} of each token, as safetensors shards with the token ids. Dropped here again, they train without the model being run.
      </p>
      <div className="fields">
        <div className="field">
          <label htmlFor={`${id}-dtype`}>Values</label>
          <select
            id={`${id}-dtype`}
            title="f16 holds values up to 65 504; rows beyond are left out when the shards are dropped again. f32 keeps all."
            value={dtype}
            onChange={(e) => setDtype(e.target.value === 'f32' ? 'f32' : 'f16')}
          >
            <option>f16</option>
            <option>f32</option>
          </select>
        </div>
        <div className="field">
          <label htmlFor={`${id}-rows`}>
            Rows <span className="muted unit">at most</span>
          </label>
          <input
            id={`${id}-rows`}
            type="text"
            inputMode="numeric"
            autoComplete="off"
            placeholder={String(tokens)}
            value={limit}
            aria-invalid={isWrong || undefined}
            onChange={(e) => setLimit(e.target.value)}
          />
        </div>
      </div>
      {isWrong && <p className="problem">A whole number above 0, or nothing for all {count(tokens)}.</p>}
      {written ? (
        <p className="row">
          <progress value={Math.max(written.done / written.total, computed)} aria-label="Saving activations" />
          <span className="muted">
            {count(written.done)} of {count(written.total)} rows written
          </span>
          <button type="button" onClick={stop}>
            Cancel
          </button>
        </p>
      ) : (
        <>
          <p className="row">
            {canPickFolder() && (
              <button type="button" disabled={live || isWrong} onClick={() => void save(true)}>
                Save to folder…
              </button>
            )}
            <button type="button" disabled={live || isWrong} onClick={() => void save(false)}>
              Download
            </button>
          </p>
          <p className="muted small">
            About {bytes(rows * width * (dtype === 'f16' ? 2 : 4))} in shards of 32 MB.{live && ' Stop the runs first.'}
          </p>
        </>
      )}
    </details>
  );
}
