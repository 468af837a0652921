import { useServices } from '../context';
import { mayComeBack } from '../controller';
import { dismissNotice, type Notice, useLab } from '../store';
import { takeBack } from '../undo';

/** Errors interrupt a screen reader, the rest wait their turn. */
export function Notices() {
  const notices = useLab((s) => s.notices);
  return (
    <div className="notices">
      <div role="status">
        {notices
          .filter((n) => n.level !== 'error')
          .map((n) => (
            <NoticeLine key={n.id} notice={n} />
          ))}
      </div>
      <div role="alert">
        {notices
          .filter((n) => n.level === 'error')
          .map((n) => (
            <NoticeLine key={n.id} notice={n} />
          ))}
      </div>
    </div>
  );
}

const MARK = { info: 'i', warning: '!', error: '✗' } as const;

function NoticeLine({ notice }: { notice: Notice }) {
  return (
    <div className={`notice ${notice.level}`} data-notice={notice.id}>
      <span className="mark" aria-hidden="true">
        {MARK[notice.level]}
      </span>
      <p>{notice.message}</p>
      {notice.canUndo && (
        <button type="button" onClick={() => void takeBack(notice.id)}>
          Undo
        </button>
      )}
      <button type="button" className="quiet dismiss" aria-label="Dismiss" onClick={() => dismissNotice(notice.id)}>
        ×
      </button>
    </div>
  );
}

/** What is wrong with the GPU, and what to do; nothing when all is well. */
export function GpuBanner() {
  const { lab } = useServices();
  const device = useLab((s) => s.device);
  const problem = useLab((s) => s.deviceProblem);
  const lost = useLab((s) => s.deviceLost);
  const note = useLab((s) => s.data.note);
  if (lost) {
    return (
      <div className="banner bad" role="alert">
        <p>
          <strong>The GPU was reset by the system.</strong> {lost} Charts and numbers measured so far stay; runs that were training are
          interrupted.
        </p>
        <button type="button" onClick={() => void lab.open()}>
          Open the GPU again
        </button>
      </div>
    );
  }
  if (problem) {
    return (
      <div className="banner bad" role="alert">
        <p>
          <strong>No usable GPU: this page can show results but not train.</strong> {problem.message}
          {mayComeBack(problem.reason) && ' It is asked for again whenever you come back to this tab.'}
        </p>
        <button type="button" onClick={() => void lab.open()}>
          Try again
        </button>
      </div>
    );
  }
  if (device?.adapter.isSoftware) {
    return (
      <section className="banner warn" aria-label="GPU">
        <details>
          <summary>
            <strong>Software GPU:</strong> everything works, about 100x slower
          </summary>
          <p>
            {note ?? 'The demo uses reduced sizes.'} {device.adapter.advice}
          </p>
        </details>
      </section>
    );
  }
  return note ? (
    <section className="banner" aria-label="Sizes">
      <p>{note}</p>
    </section>
  ) : null;
}
