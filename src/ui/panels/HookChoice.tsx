import { useState } from 'react';
import type { HookVerdict, ModelInfo } from '../../lab/protocol';
import { messageOf } from '../../util/errors';
import { useServices } from '../context';
import { isLive, useLab } from '../store';

const CHECKED: Record<HookVerdict, string> = {
  rows: 'checked row by row',
  moments: 'checked by moments',
  computed: 'computed by this model',
  mismatch: 'not what the rows are',
  trusted: 'on your word',
  unknown: 'not to be checked',
  unchecked: 'not checked',
};

/** Where the rows come from: who says so and how that was checked, or the question. What contradicts is asked again before it is taken. */
export function HookChoice({ model }: { model: ModelInfo }) {
  const { lab } = useServices();
  const live = useLab(isLive);
  const shards = useLab((s) => s.data.shards);
  const [refused, setRefused] = useState<{ hook: string; why: string }>();
  const d = shards?.source === 'shards' ? shards.d : undefined;
  const { hook, hookFrom, hookCheck, contradiction, among } = model;
  const fitting = model.hooks.filter(({ width }) => d === undefined || width === d);
  if (fitting.length === 0) return null;
  const choose = async (name: string, insist = false) => {
    setRefused(undefined);
    try {
      await lab.ask({ type: 'choose-hook', hook: name, insist });
    } catch (error) {
      setRefused({ hook: name, why: messageOf(error) });
    }
  };
  const why = live ? 'Stop the runs first' : undefined;
  return (
    <div className="hook-choice">
      <label className="field">
        <span>{among ? <strong className="warn-text">Which hook do these rows come from?</strong> : 'Hook'}</span>
        <select value={hook ?? ''} disabled={live} title={why} onChange={(e) => void choose(e.target.value)}>
          {hook === undefined && (
            <option value="" disabled>
              choose…
            </option>
          )}
          {fitting.map((h) => (
            <option key={h.name} value={h.name}>
              {h.name} ({h.width})
            </option>
          ))}
        </select>
      </label>
      {hook !== undefined && hookFrom !== undefined && (
        <p className="muted small break">
          {hookFrom}
          {hookCheck && (
            <>
              {'; '}
              <span title={hookCheck.found}>{CHECKED[hookCheck.verdict]}</span>
            </>
          )}
        </p>
      )}
      {contradiction !== undefined && !among && <p className="problem warn-text">{contradiction}</p>}
      {refused && <Insist why={refused.why} live={live} onInsist={() => void choose(refused.hook, true)} />}
      {hook !== undefined && hookCheck?.verdict === 'mismatch' && !refused && (
        <Insist why="" live={live} onInsist={() => void choose(hook, true)} />
      )}
    </div>
  );
}

function Insist({ why, live, onInsist }: { why: string; live: boolean; onInsist: () => void }) {
  return (
    <p className="problem">
      {why}{' '}
      <button
        type="button"
        disabled={live}
        title={live ? 'Stop the runs first' : 'The next runs are measured there, on your word'}
        onClick={onInsist}
      >
        Measure there all the same
      </button>
    </p>
  );
}
