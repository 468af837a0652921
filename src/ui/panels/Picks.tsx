import { useState } from 'react';
import type { Picked } from '../../lab/protocol';
import { useServices } from '../context';
import { isLive, useLab } from '../store';

/** What was answered where files left a choice, each with the way to answer it anew. Runs in the table stay. */
export function Picks({ picked: { tensor, among = [], wordsAreBf16, allowDuplicates } }: { picked: Picked }) {
  const { lab } = useServices();
  const live = useLab(isLive);
  const why = live ? 'Stop the runs first' : undefined;
  return (
    <dl className="facts picks">
      {tensor !== undefined && <Tensor tensor={tensor} among={among} live={live} why={why} />}
      {wordsAreBf16 && (
        <>
          <dt>2-byte values</dt>
          <dd>
            read as bf16{' '}
            <button
              type="button"
              className="link"
              disabled={live}
              title={why ?? 'Asks again how these values are read'}
              onClick={() => lab.do({ type: 'choose', choices: { wordsAreBf16: false } })}
            >
              Undo
            </button>
          </dd>
        </>
      )}
      {allowDuplicates && (
        <>
          <dt>The same rows twice</dt>
          <dd>
            used{' '}
            <button
              type="button"
              className="link"
              disabled={live}
              title={why ?? 'Leaves out files with the rows of another one'}
              onClick={() => lab.do({ type: 'choose', choices: { allowDuplicates: false } })}
            >
              Undo
            </button>
          </dd>
        </>
      )}
    </dl>
  );
}

function Tensor({ tensor, among, live, why }: { tensor: string; among: readonly string[]; live: boolean; why: string | undefined }) {
  const { lab } = useServices();
  const [isAsking, setAsking] = useState(false);
  const choose = (name: string) => {
    setAsking(false);
    if (name !== tensor) lab.do({ type: 'choose', choices: { tensor: name } });
  };
  return (
    <>
      <dt>Tensor</dt>
      <dd className="pick">
        {isAsking && !live ? (
          <>
            {/* biome-ignore lint/a11y/noAutofocus: it takes the place of the button that was pressed. */}
            <select autoFocus aria-label="Tensor" value={tensor} onChange={(e) => choose(e.target.value)}>
              {among.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
            <button type="button" className="link" onClick={() => setAsking(false)}>
              Keep
            </button>
          </>
        ) : (
          <>
            <span className="break">{tensor}</span>
            {among.length > 1 && (
              <button
                type="button"
                className="link"
                aria-label="Change the tensor"
                disabled={live}
                title={why ?? `Picked from ${among.join(', ')}. Runs in the table stay.`}
                onClick={() => setAsking(true)}
              >
                Change
              </button>
            )}
          </>
        )}
      </dd>
    </>
  );
}
