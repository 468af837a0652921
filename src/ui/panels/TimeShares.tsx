import type { TermId } from '../glossary';
import { useLab } from '../store';
import { Term } from '../Term';

/** Where the last seconds went: a bar of four parts, and each in percent with its definition. */
export function TimeShares() {
  const { dataShare: data, gpuShare: gpu, evalShare: evaluating } = useLab((s) => s.session);
  if (data === undefined || gpu === undefined || evaluating === undefined) return null;
  const parts: { id: TermId; label: string; share: number }[] = [
    { id: 'waitData', label: 'data', share: data },
    { id: 'waitGpu', label: 'GPU', share: gpu },
    { id: 'evaluating', label: 'evaluating', share: evaluating },
    { id: 'host', label: 'host', share: Math.max(0, 1 - data - gpu - evaluating) },
  ];
  return (
    <fieldset className="time" aria-label="Where the time goes">
      <span className="time-bar" aria-hidden="true">
        {parts.map(({ id, share }) => (
          <i key={id} className={id} style={{ flexGrow: share }} />
        ))}
      </span>
      <span className="muted time-words">waiting for</span>
      {parts.map(({ id, label, share }) => (
        <span key={id} className="time-part">
          <i className={id} aria-hidden="true" />
          <Term id={id}>{label}</Term>
          <span className="time-share">{`${Math.round(100 * share)}\u202f%`}</span>
        </span>
      ))}
    </fieldset>
  );
}
