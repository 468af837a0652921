import { type ReactNode, useId } from 'react';
import type { Spec } from '../../lab/settings';

interface FieldProps {
  /** In words, before what is wrong with it. */
  name: string;
  /** The same as it is shown. */
  label: ReactNode;
  spec: Spec;
  value: string;
  /** What stands there while the text is empty, because empty has a meaning. */
  placeholder?: string;
  help: string;
  className?: string;
  error?: string;
  onChange: (text: string) => void;
}

/** A setting to type or to choose, with what is wrong with it. */
export function Field({ name, label, spec, value, placeholder, help, className = '', error, onChange }: FieldProps) {
  const id = useId();
  const meanings = spec.kind === 'choice' ? spec.meanings : undefined;
  const meaning = meanings?.[value];
  const describedBy = error ? `${id}-error` : meaning ? `${id}-meaning` : undefined;
  const common = { id, 'aria-invalid': error ? true : undefined, 'aria-describedby': describedBy, title: help } as const;
  return (
    <>
      <div className={`field ${className}`}>
        <label htmlFor={id} title={help}>
          {label}
        </label>
        {spec.kind === 'choice' ? (
          <select {...common} value={value} onChange={(e) => onChange(e.target.value)}>
            {spec.choices.map((choice) => (
              <option key={choice} value={choice}>
                {[choice, meanings?.[choice]?.holds].filter(Boolean).join(': ')}
              </option>
            ))}
          </select>
        ) : (
          <input
            {...common}
            type="text"
            inputMode={spec.kind === 'int' ? 'numeric' : undefined}
            spellCheck={false}
            autoComplete="off"
            value={value}
            placeholder={placeholder}
            onChange={(e) => onChange(e.target.value)}
          />
        )}
        {meaning && (
          <p id={`${id}-meaning`} className="muted small">
            {meaning.help}
          </p>
        )}
      </div>
      {/* Beside the field in the page's tree, under its row on the screen: a narrow field has no room for a sentence. */}
      {error && (
        <p id={`${id}-error`} className="problem field-problem">
          {name}: {error}
        </p>
      )}
    </>
  );
}
