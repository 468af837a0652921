import { type ReactNode, useId, useState } from 'react';
import type { FilterRequest } from '../../lab/protocol';
import { useServices } from '../context';
import { maxNormText, parseMaxNorm, parseTokens, tokensText } from '../filterForm';
import { useDisclosure } from '../hooks';
import { isLive, useLab } from '../store';
import { Term } from '../Term';

const NOTHING: FilterRequest = {};

/** Rows that are left out of training and of held-out rows. What the data has no word for is shown with what it would need. */
export function FilterControls() {
  const { lab } = useServices();
  const request = useLab((s) => s.data.filterRequest) ?? NOTHING;
  const shards = useLab((s) => s.data.shards);
  const files = useLab((s) => s.data.files);
  const live = useLab(isLive);
  const fresh = useLab((s) => s.runs.length === 0);
  const hasMasks = files.some((file) => file.ok && file.d !== undefined && file.hasMask);
  const isMasked = shards !== undefined && shards.source !== 'harvest' && hasMasks;
  const disclosure = useDisclosure(fresh && (isMasked || shards?.filter !== undefined));
  if (!shards) return null;
  const harvested = shards.source === 'harvest';
  const rows = files.filter((file) => file.ok && file.d !== undefined);
  const hasTokens = harvested || rows.every((file) => file.hasTokens);
  const hasSequences = harvested || rows.every((file) => file.sequence !== undefined);
  const ask = (change: FilterRequest) => lab.do({ type: 'filter', request: { ...request, ...change } });
  return (
    <details className="filter" {...disclosure}>
      <summary>
        Rows left out: <span className="muted">{shards.filter?.replace(/^without /, '') ?? 'none'}</span>
      </summary>
      <fieldset className="filter-fields">
        <legend className="visually-hidden">Rows left out</legend>
        {isMasked && (
          <Check checked={request.masked !== false} onChange={(masked) => ask({ masked: masked ? undefined : false })}>
            Padding <span className="muted">mask is 0</span>
          </Check>
        )}
        <Check disabled={!hasSequences} checked={request.bos === true} onChange={(bos) => ask({ bos: bos || undefined })}>
          First positions <span className="muted">{hasSequences ? 'BOS' : 'needs [batch, sequence, d]'}</span>
        </Check>
        <Check checked={request.zero === true} onChange={(zero) => ask({ zero: zero || undefined })}>
          Rows of zeros <span className="muted">never filled</span>
        </Check>
        <Typed
          label="Token ids"
          unit={hasTokens ? '0, 2' : 'needs tokens'}
          disabled={!hasTokens}
          start={tokensText(request)}
          fixed={live}
          apply={(text) => {
            const tokens = parseTokens(text);
            if (typeof tokens === 'string') return tokens;
            ask({ tokens });
          }}
        />
        <Typed
          label="Norm above"
          unit="50, or 10x the median"
          start={maxNormText(request)}
          fixed={live}
          apply={(text) => {
            const bound = parseMaxNorm(text);
            if (typeof bound === 'string') return bound;
            ask(bound);
          }}
        />
      </fieldset>
      <p className="muted small" aria-live="off">
        {shards.dropped ? `Left out so far: ${shards.dropped}.` : 'Counted as rows are read, each once.'}
        {live && ' Fixed while runs train.'} <Term id="filter">What this affects</Term>
      </p>
    </details>
  );
}

interface CheckProps {
  checked: boolean;
  disabled?: boolean;
  onChange(checked: boolean): void;
  children: ReactNode;
}

function Check({ checked, disabled = false, onChange, children }: CheckProps) {
  return (
    <label className="check">
      <input type="checkbox" checked={checked} disabled={disabled} onChange={(e) => onChange(e.target.checked)} />
      <span>{children}</span>
    </label>
  );
}

interface TypedProps {
  label: string;
  unit: string;
  disabled?: boolean;
  start: string;
  /** What is typed cannot be taken over now. */
  fixed: boolean;
  /** @returns what is wrong, if something is. */
  apply(text: string): string | undefined;
}

/** Taken over on Enter and on leaving the field. */
function Typed({ label, unit, disabled = false, start, fixed, apply }: TypedProps) {
  const id = useId();
  const [text, setText] = useState(start);
  const [problem, setProblem] = useState<string>();
  // What is asked for now is shown, in the same field: the person may be in it.
  const [shown, setShown] = useState(start);
  if (shown !== start) {
    setShown(start);
    setText(start);
    setProblem(undefined);
  }
  const commit = () => {
    setProblem(text.trim() === start ? undefined : apply(text));
    // It will be refused, with the reason; what holds stays on the screen.
    if (fixed) setText(start);
  };
  return (
    <div className="field typed">
      <label htmlFor={id}>
        {label} <span className="muted unit">{unit}</span>
      </label>
      <input
        id={id}
        type="text"
        spellCheck={false}
        autoComplete="off"
        disabled={disabled}
        value={text}
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? `${id}-problem` : undefined}
        onChange={(e) => setText(e.target.value)}
        onBlur={commit}
        onKeyDown={(e) => {
          if (e.key === 'Enter') commit();
        }}
      />
      {problem && (
        <p id={`${id}-problem`} className="problem">
          {problem}
        </p>
      )}
    </div>
  );
}
