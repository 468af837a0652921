import type { HookVerdict, Provenance } from '../../lab/protocol';

/** How it is known that the rows come from the hook. */
export const CHECKED: Record<HookVerdict, string> = {
  rows: 'checked row by row',
  moments: 'checked by moments',
  computed: 'computed by this model',
  mismatch: 'not what the rows are',
  trusted: 'on your word',
  unknown: 'not to be checked',
  unchecked: 'not checked',
};

/** What a run's metrics rest on: its hook and how that was checked, what they were measured on, why loss recovered is not among them. */
export function MeasuredAt({ provenance: { hook, hookFrom, hookCheck, lossProblem, evalText } }: { provenance: Provenance }) {
  return (
    <>
      {hook !== undefined && (
        <p className="muted small break">
          {hook}, {hookFrom}
          {hookCheck && (
            <>
              {'; '}
              <span title={hookCheck.found}>{CHECKED[hookCheck.verdict]}</span>
            </>
          )}
        </p>
      )}
      {evalText !== undefined && <p className="muted small break">{evalText}</p>}
      {lossProblem !== undefined && <p className="problem">Loss recovered is not measured: {lossProblem}</p>}
    </>
  );
}
