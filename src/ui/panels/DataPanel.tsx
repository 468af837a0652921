import { lazy, Suspense } from 'react';
import type { ModelInfo, ShardsInfo, TextInfo } from '../../lab/protocol';
import { useServices } from '../context';
import { bytes, count, percent, short } from '../format';
import { isLive, useLab } from '../store';
import { Files } from './Files';
import { HookChoice } from './HookChoice';
import { Picks } from './Picks';

/** Loaded when there are rows: nothing of it is needed on the first screen. */
const RowsPanel = lazy(() => import('./RowsPanel'));
const SaveActivations = lazy(() => import('./SaveActivations'));

export function DataPanel() {
  const { lab } = useServices();
  const { files, shards, model, text, picked } = useLab((s) => s.data);
  const live = useLab(isLive);
  if (files.length === 0 && !shards && !model && !text) return null;
  return (
    <section className="data" aria-labelledby="data-heading">
      <div className="section-head">
        <h2 id="data-heading">Data</h2>
        <button type="button" className="link" disabled={live} onClick={() => void lab.clear()}>
          Clear
        </button>
      </div>
      <Replaced />
      {picked && <Picks picked={picked} />}
      {shards && (
        <>
          <ShardsCard shards={shards} tensor={picked?.tensor} />
          <Suspense fallback={null}>
            <RowsPanel />
          </Suspense>
        </>
      )}
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

/** Files of the person's own that the demo took the place of. */
function Replaced() {
  const { lab } = useServices();
  const name = useLab((s) => s.replaced);
  const live = useLab(isLive);
  if (name === undefined) return null;
  return (
    <p className="replaced small">
      <span className="muted break">The demo, in the place of {name}.</span>{' '}
      <button
        type="button"
        disabled={live}
        title={live ? 'Stop the runs first; they stay in the table' : 'Your files and settings as they were; the runs stay in the table'}
        onClick={() => void lab.putBack()}
      >
        Back to my files
      </button>
    </p>
  );
}

function ShardsCard({ shards, tensor }: { shards: ShardsInfo; tensor: string | undefined }) {
  return (
    <dl className="facts">
      <dt>{shards.source === 'harvest' ? 'Harvested' : 'From'}</dt>
      {/* A picked tensor stands above. */}
      <dd className="break">{tensor === undefined ? shards.label : shards.label.replace(`${tensor} of `, '')}</dd>
      {shards.pooled && (
        <>
          <dt>Pooled</dt>
          <dd className="warn-text break">{shards.pooled.replace(/^Pooled into one set: /, '')}</dd>
        </>
      )}
      <dt>Rows × d</dt>
      <dd>
        {count(shards.rows)} × {shards.d} {shards.dtype}
        {shards.bytes > 0 && `, ${bytes(shards.bytes)}`}
      </dd>
      <dt>Split</dt>
      <dd title="Every metric is measured on the held-out rows">
        {count(shards.trainRows)} train, {count(shards.heldOutRows)} held out
      </dd>
      {(shards.badRows > 0 || shards.dropped) && (
        <>
          <dt title="So far, each row once">Left out</dt>
          <dd>
            {shards.badRows > 0 && (
              <span className="warn-text">
                {count(shards.badRows)} {shards.badRows === 1 ? 'row' : 'rows'} with NaN or Inf ({percent(shards.badRows / shards.rows)})
              </span>
            )}
            {shards.badRows > 0 && shards.dropped && ', '}
            {shards.dropped}
          </dd>
        </>
      )}
    </dl>
  );
}

function ModelCard({ model }: { model: ModelInfo }) {
  const tokens = useLab((s) => s.data.text?.tokens);
  const hook = model.hooks.find(({ name }) => name === model.hook);
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
      <HookChoice model={model} />
      {model.notes && (
        <ul className="problems warn-text" aria-label="About the model">
          {model.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      {hook && tokens !== undefined && (
        <Suspense fallback={null}>
          <SaveActivations hook={hook.name} width={hook.width} tokens={tokens} />
        </Suspense>
      )}
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
      {text.overlap && (
        <>
          <dt>Overlap</dt>
          <dd className="break">{text.overlap}</dd>
        </>
      )}
    </dl>
  );
}
