import type { FileReport, ModelInfo, ShardsInfo, TextInfo } from '../../lab/protocol';
import { useServices } from '../context';
import { bytes, count, percent, short } from '../format';
import { isLive, useLab } from '../store';

export function DataPanel() {
  const { lab } = useServices();
  const { files, shards, model, text } = useLab((s) => s.data);
  const live = useLab(isLive);
  if (files.length === 0 && !shards && !model && !text) return null;
  return (
    <section className="data" aria-labelledby="data-heading">
      <div className="section-head">
        <h2 id="data-heading">Data</h2>
        <button type="button" className="link" disabled={live} onClick={() => lab.do({ type: 'clear-data' })}>
          Clear
        </button>
      </div>
      {shards && <ShardsCard shards={shards} />}
      {model ? (
        <ModelCard model={model} />
      ) : (
        <p className="muted small">
          No language model: the chart shows variance recovered (R²). Drop the model’s folder (config.json, model.safetensors,
          tokenizer.json) and a text file to measure loss recovered.
        </p>
      )}
      {text && <TextCard text={text} />}
      <Files files={files} quiet={shards?.source === 'harvest'} />
    </section>
  );
}

function ShardsCard({ shards }: { shards: ShardsInfo }) {
  return (
    <dl className="facts">
      <dt>{shards.source === 'harvest' ? 'Harvested' : 'Shards'}</dt>
      <dd className="break">{shards.label}</dd>
      <dt>Rows × d</dt>
      <dd>
        {count(shards.rows)} × {shards.d} {shards.dtype}
        {shards.bytes > 0 && `, ${bytes(shards.bytes)}`}
      </dd>
      <dt>Split</dt>
      <dd title="Every metric is measured on the held-out rows">
        {count(shards.trainRows)} train, {count(shards.heldOutRows)} held out
      </dd>
      {shards.badRows > 0 && (
        <>
          <dt>Left out</dt>
          <dd className="warn-text">
            {count(shards.badRows)} rows with NaN or Inf ({percent(shards.badRows / shards.rows)})
          </dd>
        </>
      )}
    </dl>
  );
}

function ModelCard({ model }: { model: ModelInfo }) {
  const { lab } = useServices();
  const live = useLab(isLive);
  return (
    <div className="card">
      <dl className="facts">
        <dt>Model</dt>
        <dd className="break">{model.label}</dd>
        <dt>Family</dt>
        <dd>
          {model.family}, {model.layers} {model.layers === 1 ? 'layer' : 'layers'}, d_model {model.dModel}
        </dd>
        <dt>Size</dt>
        <dd>
          {short(model.parameters)} parameters, vocabulary {count(model.vocab)}, context {model.context}
        </dd>
      </dl>
      {model.hooks.length > 0 && (
        <label className="field">
          <span>Hook</span>
          <select value={model.hook ?? ''} disabled={live} onChange={(e) => lab.do({ type: 'choose-hook', hook: e.target.value })}>
            {model.hook === undefined && <option value="">none fits</option>}
            {model.hooks.map((h) => (
              <option key={h.name} value={h.name}>
                {h.name} ({h.width})
              </option>
            ))}
          </select>
        </label>
      )}
      {model.problem && <p className="problem">{model.problem}</p>}
    </div>
  );
}

function TextCard({ text }: { text: TextInfo }) {
  return (
    <dl className="facts">
      <dt>Text</dt>
      <dd className="break">{text.label}</dd>
      <dt>Evaluation</dt>
      <dd>
        {count(text.heldOutSequences)} sequences of {text.sequenceLength} held out of {short(text.tokens)} tokens
      </dd>
    </dl>
  );
}

/** @param quiet leaves the list of good files folded. */
function Files({ files, quiet }: { files: readonly FileReport[]; quiet: boolean }) {
  // Before the first run there is room, and the files are what has just been done.
  const fresh = useLab((s) => s.runs.length === 0);
  const good = files.filter((f) => f.ok && f.format !== 'unused');
  const bad = files.filter((f) => !good.includes(f));
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
      {bad.length > 0 && (
        <details open={fresh || bad.length <= 4}>
          <summary>Ignored ({bad.length})</summary>
          <FileList files={bad} />
        </details>
      )}
    </>
  );
}

function FileList({ files }: { files: readonly FileReport[] }) {
  const { lab } = useServices();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling list must be reachable by keyboard.
    <ul className="files" tabIndex={0} aria-label="Files">
      {files.map((file) => (
        <li key={file.path}>
          <span className={file.ok ? 'ok' : 'no'}>
            <span aria-hidden="true">{file.format === 'unused' ? '–' : file.ok ? '✓' : '✗'}</span>
            <span className="visually-hidden">{file.format === 'unused' ? 'not needed: ' : file.ok ? 'in use: ' : 'ignored: '}</span>
          </span>
          <span className="break">{file.path}</span>
          <span className="meta">{facts(file)}</span>
          {file.error && <span className="reason">{file.error}</span>}
          {file.candidates && file.candidates.length > 1 && (
            <label className="reason field">
              <span>Tensor</span>
              <select defaultValue="" onChange={(e) => lab.do({ type: 'choose-tensor', tensor: e.target.value })}>
                <option value="" disabled>
                  choose …
                </option>
                {file.candidates.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          )}
        </li>
      ))}
    </ul>
  );
}

function facts(file: FileReport): string {
  const shape =
    file.rows !== undefined && file.d !== undefined
      ? `${count(file.rows)} × ${file.d} ${file.dtype ?? ''}`.trim()
      : file.format === 'unused'
        ? 'not needed'
        : file.format;
  return [shape, file.hasTokens ? 'with tokens' : undefined, bytes(file.bytes)].filter(Boolean).join(' · ');
}
