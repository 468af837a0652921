import { useServices } from '../context';
import { useLab } from '../store';

/** A file that cannot be read while runs train: what happened and the three ways on. Nothing trained so far is lost. */
export function TroubleBanner() {
  const { lab } = useServices();
  const trouble = useLab((s) => s.session.trouble);
  const busy = useLab((s) => s.busy);
  if (!trouble) return null;
  const waiting = busy === 'retry-file' || busy === 'skip-file' || busy === 'stop';
  return (
    <div className="banner bad" role="alert">
      <p>
        <strong>The runs are paused at {trouble.path}:</strong> {trouble.message} Nothing trained so far is lost.
      </p>
      <fieldset className="row" aria-label="The file that cannot be read">
        <button
          type="button"
          disabled={waiting}
          title="Reads the file as it is now; or drop it on this page again"
          onClick={() => void lab.retryFile()}
        >
          {busy === 'retry-file' ? 'Reading…' : 'Retry'}
        </button>
        <button
          type="button"
          disabled={waiting || trouble.whyNoSkip !== undefined}
          title={trouble.whyNoSkip ? `Not possible: ${trouble.whyNoSkip}` : 'Goes on without the rows of this file; results say so'}
          onClick={() => lab.do({ type: 'skip-file' })}
        >
          Skip the file
        </button>
        <button type="button" disabled={waiting} onClick={() => lab.do({ type: 'stop' })}>
          {busy === 'stop' ? 'Stopping…' : 'Stop'}
        </button>
      </fieldset>
    </div>
  );
}
