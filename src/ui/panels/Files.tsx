import { useMemo } from 'react';
import type { FileReport } from '../../lab/protocol';
import { useServices } from '../context';
import { bytes, count } from '../format';
import { useLab } from '../store';
import { useGrowing } from '../useWindow';

/** What was dropped and what became of it. @param quiet leaves the list of good files folded. */
export function Files({ files, quiet }: { files: readonly FileReport[]; quiet: boolean }) {
  // Before the first run there is room, and the files are what has just been done.
  const fresh = useLab((s) => s.runs.length === 0);
  const good = files.filter(isGood);
  const open = files.filter(isQuestion);
  const bad = files.filter((f) => !isGood(f) && !isQuestion(f));
  if (files.length === 0) return null;
  return (
    <>
      {good.length > 0 && (
        <details open={!quiet && (fresh || good.length <= 6)}>
          <summary>
            {good.length} {good.length === 1 ? 'file' : 'files'} in use
          </summary>
          <FileList files={good} />
        </details>
      )}
      {open.length > 0 && (
        <details open>
          <summary>To be answered ({open.length})</summary>
          <FileList files={open} />
        </details>
      )}
      {bad.length > 0 && (
        <details open={fresh || bad.length <= 4}>
          <summary>Ignored ({bad.length})</summary>
          <FileList files={bad} />
        </details>
      )}
    </>
  );
}

const isGood = (file: FileReport): boolean => file.ok && file.format !== 'unused';

/** Files of which a person has to say how they are read. */
const isQuestion = (file: FileReport): boolean => !file.ok && (file.question !== undefined || (file.candidates?.length ?? 0) > 1);

/** Drawn at once; the rest follow as the list is scrolled. */
const STEP = 60;

function FileList({ files }: { files: readonly FileReport[] }) {
  const [shown, end] = useGrowing<HTMLLIElement>(files.length, STEP);
  const asks = useMemo(() => firstOfEachQuestion(files), [files]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling list must be reachable by keyboard.
    <ul className="files" tabIndex={0} aria-label="Files">
      {files.slice(0, shown).map((file) => (
        <li key={file.path}>
          <Mark file={file} />
          <span className="break">{file.path}</span>
          <span className="meta">{facts(file)}</span>
          <Badges file={file} />
          {file.assumptions?.map((assumption) => (
            <span key={assumption} className="assumed">
              assumed: {assumption}
            </span>
          ))}
          {file.error && <span className={isQuestion(file) ? 'meta' : 'reason'}>{file.error}</span>}
          {asks.has(file) && <Question file={file} />}
        </li>
      ))}
      {shown < files.length && (
        <li key={shown} ref={end} className="muted">
          {count(files.length - shown)} more
        </li>
      )}
    </ul>
  );
}

/** An answer counts for all files, so it is asked for once. */
function firstOfEachQuestion(files: readonly FileReport[]): Set<FileReport> {
  const first = new Map<string, FileReport>();
  for (const file of files) {
    const question = JSON.stringify([file.question, file.candidates]);
    if (!first.has(question)) first.set(question, file);
  }
  return new Set(first.values());
}

function Mark({ file }: { file: FileReport }) {
  const [mark, word, className] = isQuestion(file)
    ? ['?', 'to be answered: ', 'ask']
    : file.format === 'unused'
      ? ['–', 'not needed: ', 'ok']
      : file.ok
        ? ['✓', 'in use: ', 'ok']
        : ['✗', 'ignored: ', 'no'];
  return (
    <span className={className}>
      <span aria-hidden="true">{mark}</span>
      <span className="visually-hidden">{word}</span>
    </span>
  );
}

function Badges({ file }: { file: FileReport }) {
  const { hasTokens, hasMask, sequence, files, hookName } = file;
  const badges: [string, string][] = [];
  if (files !== undefined) badges.push([`${count(files)} files`, 'Files that one reader takes together']);
  if (hasTokens) badges.push(['tokens', 'Token ids beside the rows']);
  if (hasMask) badges.push(['mask', 'A mask says which rows are padding']);
  if (sequence !== undefined) badges.push([`sequences of ${sequence}`, 'Rows are whole sequences of this length']);
  if (hookName !== undefined) badges.push([hookName, 'Hook that the activations were taken at, as the file or its folder says']);
  if (badges.length === 0) return null;
  return (
    <span className="badges">
      {badges.map(([text, title]) => (
        <span key={text} className="badge" title={title}>
          {text}
        </span>
      ))}
    </span>
  );
}

function Question({ file }: { file: FileReport }) {
  const { lab } = useServices();
  const { candidates = [], question } = file;
  return (
    <>
      {candidates.length > 1 && (
        <label className="question field">
          <span>Activations</span>
          <select defaultValue="" onChange={(e) => lab.do({ type: 'choose', choices: { tensor: e.target.value } })}>
            <option value="" disabled>
              choose the tensor…
            </option>
            {candidates.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
      {question === 'words-are-bf16' && (
        <span className="question">
          <button
            type="button"
            title="numpy has no bf16, so that its bits are often saved as 2-byte integers"
            onClick={() => lab.do({ type: 'choose', choices: { wordsAreBf16: true } })}
          >
            Read as bf16
          </button>
        </span>
      )}
      {question === 'duplicate-rows' && (
        <span className="question">
          <button
            type="button"
            title="The same rows are then there twice, perhaps once to train on and once held out"
            onClick={() => lab.do({ type: 'choose', choices: { allowDuplicates: true } })}
          >
            Use it all the same
          </button>
        </span>
      )}
    </>
  );
}

function facts(file: FileReport): string {
  const { rows, d, dtype, format } = file;
  const shape = rows !== undefined && d !== undefined ? `${count(rows)} × ${d} ${dtype ?? ''}`.trim() : undefined;
  return [format === 'unused' ? 'not needed' : format, shape, bytes(file.bytes)].filter(Boolean).join(' · ');
}
