import { useState } from 'react';
import type { ModelInfo } from '../../lab/protocol';
import { messageOf } from '../../util/errors';
import { useServices } from '../context';
import { isLive, useLab } from '../store';
import { CHECKED } from './MeasuredAt';

/**
 * Where the rows come from: who says so and how that was checked, or the question; and why loss recovered cannot be measured, if so. What
 * the shards contradict is asked again before it is taken.
 */
export function HookChoice({ model }: { model: ModelInfo }) {
  const { lab } = useServices();
  const live = useLab(isLive);
  const shards = useLab((s) => s.data.shards);
  const [refused, setRefused] = useState<{ hook: string; why: string }>();
  const d = shards?.source === 'shards' ? shards.d : undefined;
  const { hook, hookFrom, hookCheck, contradiction, among, problem } = model;
  const fitting = model.hooks.filter(({ width }) => d === undefined || width === d);
  if (fitting.length === 0) return problem === undefined ? null : <p className="problem">{problem}</p>;
  const choose = async (name: string, insist = false) => {
    setRefused(undefined);
    try {
      await lab.ask({ type: 'choose-hook', hook: name, insist });
    } catch (error) {
      setRefused({ hook: name, why: messageOf(error) });
    }
  };
  const button = (label: string, name: string, insist = false) => (
    <button type="button" disabled={live} title={live ? 'Stop the runs first' : undefined} onClick={() => void choose(name, insist)}>
      {label}
    </button>
  );
  const isElsewhere = hook !== undefined && hookCheck?.verdict === 'mismatch';
  return (
    <div className="hook-choice">
      <label className={among ? 'field asked' : 'field'}>
        <span>{among ? 'Which hook do these rows come from?' : 'Hook'}</span>
        <select
          value={hook ?? ''}
          disabled={live}
          title={live ? 'Stop the runs first' : undefined}
          onChange={(e) => void choose(e.target.value)}
        >
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
      {problem !== undefined && <p className={among ? 'muted small break' : 'problem'}>{problem}</p>}
      {isElsewhere && !refused && (
        <p className="row">
          {hookCheck.instead !== undefined && button(`Measure at ${hookCheck.instead}`, hookCheck.instead)}
          {button(INSIST, hook, true)}
        </p>
      )}
      {refused && (
        <>
          <p className="problem">{refused.why}</p>
          <p className="row">{button(INSIST, refused.hook, true)}</p>
        </>
      )}
    </div>
  );
}

const INSIST = 'Measure there all the same';
