import { useEffect, useId, useState } from 'react';
import { type ArmField, type ArmForm, armFields, armKey, armTitles, type ParsedSettings, type SettingKey } from '../../lab/settings';
import { architectures, isArchitecture } from '../../sae/architectures';
import { useLooks } from '../looks';
import { Swatch } from '../Swatch';
import { setArms, useLab } from '../store';
import { Field } from './Field';

/** The arms of the sweep, a card each: architecture, widths, values of its knob, and in a drawer what else it may have of its own. */
export function ArmList({ errors, runs }: { errors: ParsedSettings['errors']; runs: number }) {
  const arms = useLab((s) => s.form.arms);
  const titles = armTitles(arms);
  return (
    <div className="arms">
      <ul aria-label="Arms">
        {arms.map((arm, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: arms have no identity but their place
          <Arm key={i} arm={arm} i={i} title={titles[i] as string} errors={errors} />
        ))}
      </ul>
      <div className="arms-foot">
        <button type="button" className="link" onClick={() => setArms((list) => [...list, another(list)])}>
          Add an arm
        </button>
        <span className="muted">
          {runs} {runs === 1 ? 'run' : 'runs'}
        </span>
      </div>
      {errors.arms && <p className="problem">{errors.arms}</p>}
    </div>
  );
}

/** The next architecture that has no arm, else the last arm once more. */
const another = (arms: readonly ArmForm[]): ArmForm => {
  const missing = architectures().find(({ id }) => arms.every(({ arch }) => arch !== id));
  return missing ? { arch: missing.id, texts: {} } : { ...(arms[arms.length - 1] as ArmForm) };
};

function Arm({ arm, i, title, errors }: { arm: ArmForm; i: number; title: string; errors: ParsedSettings['errors'] }) {
  const known = isArchitecture(arm.arch);
  const { form, of: looks } = useLooks();
  const look = looks.get(form[i]?.key ?? '');
  const fields = known ? armFields(arm.arch) : [];
  const [front, drawer] = [fields.filter(isFront), fields.filter((field) => !isFront(field))];
  const isWrong = drawer.some(({ word }) => errors[armKey(i, word)] !== undefined);
  // Opens by itself for what is wrong, and closes only by hand: what a person types into must not go away.
  const [isOpen, setOpen] = useState(isWrong);
  useEffect(() => {
    if (isWrong) setOpen(true);
  }, [isWrong]);
  const drawerId = useId();
  const own = drawer.flatMap(({ word, default: standard }) => {
    const text = arm.texts[word];
    return text === undefined || text === standard ? [] : [`${word} ${text}`];
  });
  const set = (word: string, text: string | undefined) =>
    setArms((list) => list.map((other, j) => (j === i ? { ...other, texts: withWord(other.texts, word, text) } : other)));
  const inputs = (list: readonly ArmField[], className: string) =>
    list.map((field) => (
      <ArmInput
        key={field.word}
        field={field}
        title={title}
        arm={arm}
        className={className}
        error={errors[armKey(i, field.word)]}
        onChange={set}
      />
    ));
  const error = errors[armKey(i, 'arch')];
  return (
    <li className="arm">
      <div className="arm-head">
        {look && <Swatch look={look} />}
        <select
          aria-label={`Architecture of arm ${i + 1}`}
          aria-invalid={error ? true : undefined}
          value={arm.arch}
          onChange={(e) => setArms((list) => list.map((other, j) => (j === i ? { arch: e.target.value, texts: {} } : other)))}
        >
          {!known && <option value={arm.arch}>{arm.arch}</option>}
          {architectures().map(({ id, title: name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
        <span className="muted own">{own.join(', ')}</span>
        {drawer.length > 0 && (
          <button
            type="button"
            className="quiet"
            aria-expanded={isOpen}
            aria-controls={drawerId}
            aria-label={`More of arm ${i + 1}, ${title}`}
            title={`Of its own: ${drawer.map(({ label }) => label).join(', ')}`}
            onClick={() => setOpen(!isOpen)}
          >
            ⋯
          </button>
        )}
        <button
          type="button"
          className="quiet"
          aria-label={`Remove arm ${i + 1}, ${title}`}
          title="Remove this arm"
          onClick={() => setArms((list) => list.filter((_, j) => j !== i))}
        >
          ×
        </button>
      </div>
      {error && <p className="problem">{error}</p>}
      <div className="fields">{inputs(front, 'inline')}</div>
      <div className="fields drawer" id={drawerId} hidden={!isOpen}>
        {isOpen && inputs(drawer, '')}
      </div>
    </li>
  );
}

const isFront = ({ place }: ArmField) => place === 'widths' || place === 'knob';

/** An empty text of a setting means the shared value; any other empty text is a mistake to be shown. */
function withWord(texts: ArmForm['texts'], word: string, text: string | undefined): ArmForm['texts'] {
  const { [word]: _, ...rest } = texts;
  return text === undefined ? rest : { ...rest, [word]: text };
}

interface ArmInputProps {
  field: ArmField;
  title: string;
  arm: ArmForm;
  className: string;
  error?: string;
  onChange: (word: string, text: string | undefined) => void;
}

function ArmInput({ field, title, arm, className, error, onChange }: ArmInputProps) {
  const isSetting = field.place === 'setting';
  const shared = useLab((s) => (isSetting ? s.form[field.key as SettingKey] : undefined));
  // Choices have no empty text to stand for the shared one.
  const value = arm.texts[field.word] ?? field.default ?? (field.spec.kind === 'choice' ? (shared ?? '') : '');
  return (
    <Field
      name={field.label}
      label={
        <>
          <span className="visually-hidden">{title} </span>
          {field.label}
        </>
      }
      spec={field.spec}
      value={value}
      placeholder={isSetting ? shared : undefined}
      help={field.help}
      className={className}
      error={error}
      onChange={(text) => onChange(field.word, isSetting && text.trim() === '' ? undefined : text)}
    />
  );
}
