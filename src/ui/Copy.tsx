import { type ReactNode, useState } from 'react';
import { download } from './download';

/** Copies a text, or saves it as a file where the browser has no clipboard or refuses it. */
export function Copy({ text, children, fileName, type }: { text: string; children: ReactNode; fileName: string; type: string }) {
  const [done, setDone] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone('Copied');
    } catch {
      // No permission, or a browser without a clipboard: a file does as well.
      download(fileName, text, type);
      setDone('Saved as a file');
    }
    setTimeout(() => setDone(''), 2500);
  };
  return (
    <button type="button" onClick={() => void copy()}>
      <span aria-live="polite">{done || children}</span>
    </button>
  );
}
