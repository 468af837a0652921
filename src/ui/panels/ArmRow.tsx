/** An arm: mark, architecture, widths, values of its knob, chips of what differs from its defaults, and in a drawer the rest. */
import { type KeyboardEvent, useEffect, useId } from 'react';
import {
  type ArmField,
  type ArmForm,
  armFields,
  armKey,
  foundWords,
  OPTIONS,
  type ParsedSettings,
  parts,
  type SettingKey,
} from '../../lab/settings';
import { architecture, isArchitecture, recipeOf } from '../../sae/architectures';
import { byFamily } from '../../sae/architectures/families';
import { useLooks } from '../looks';
import { Swatch } from '../Swatch';
import { useLab } from '../store';
import { Field } from './Field';

export interface ArmDeeds {
  replace(arm: ArmForm): void;
  open(isOpen: boolean): void;
  duplicate(): void;
  move(by: -1 | 1): void;
  remove(): void;
}

interface ArmRowProps {
  arm: ArmForm;
  i: number;
  title: string;
  isLast: boolean;
  isOpen: boolean;
  errors: ParsedSettings['errors'];
  deeds: ArmDeeds;
}

export function ArmRow({ arm, i, title, isLast, isOpen, errors, deeds }: ArmRowProps) {
  const known = isArchitecture(arm.arch);
  const { form, of: looks } = useLooks();
  const look = looks.get(form[i]?.key ?? '');
  const fields = known ? armFields(arm.arch) : [];
  // What follows from another arm is not to be typed; what a preset or link says of it may still be wrong.
  const shown = fields.filter(({ follows }) => !follows);
  const front = shown.filter(({ place }) => place === 'widths' || place === 'knob' || place === 'from');
  // What makes the architecture another one comes first.
  const drawer = ['option', 'setting'].flatMap((kind) => shown.filter(({ place }) => place === kind));
  const isWrong = drawer.some(({ word }) => errors[armKey(i, word)] !== undefined);
  const { open } = deeds;
  // Opens by itself for what is wrong, and closes only by hand: what a person types into must not go away.
  // biome-ignore lint/correctness/useExhaustiveDependencies: when it becomes wrong, not whenever the list changes.
  useEffect(() => {
    if (isWrong) open(true);
  }, [isWrong]);
  const drawerId = useId();
  const set = (word: string, text: string | undefined) => deeds.replace({ ...arm, texts: withWord(arm.texts, word, text) });
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
  const own = [...drawer, ...shown.filter(({ place }) => place === 'without')];
  const unseen = ['arch', OPTIONS, 'without', ...fields.flatMap(({ follows, word }) => (follows ? [word] : []))];
  const wrong = unseen.map((word) => errors[armKey(i, word)]).filter((error) => error !== undefined);
  return (
    <li className="arm" onKeyDown={(event) => moveByKey(event, i, isLast, deeds)}>
      <div className="arm-head">
        {look && <Swatch look={look} />}
        <select
          data-on="architecture"
          aria-label={`Architecture of arm ${i + 1}`}
          aria-invalid={errors[armKey(i, 'arch')] ? true : undefined}
          value={arm.arch}
          onChange={(e) => deeds.replace({ arch: e.target.value, texts: {} })}
        >
          {!known && <option value={arm.arch}>{arm.arch}</option>}
          {byFamily().map(([family, entries]) => (
            <optgroup key={family} label={family}>
              {entries.map(({ id, title: name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
        <button
          type="button"
          className="quiet"
          data-on="more"
          aria-expanded={isOpen}
          aria-controls={drawerId}
          aria-label={`More of arm ${i + 1}, ${title}`}
          title={`Of its own: ${drawer.map(({ label }) => label).join(', ')}; duplicate, move`}
          onClick={() => open(!isOpen)}
        >
          ⋯
        </button>
        <button type="button" className="quiet" aria-label={`Remove arm ${i + 1}, ${title}`} title="Remove this arm" onClick={deeds.remove}>
          ×
        </button>
      </div>
      <div className="fields">{inputs(front, 'inline')}</div>
      <Chips arm={arm} i={i} fields={own} onRemove={(word) => set(word, undefined)} />
      {wrong.map((error) => (
        <p key={error} className="problem">
          {error}
        </p>
      ))}
      <div className="drawer" id={drawerId} hidden={!isOpen}>
        {isOpen && (
          <>
            <RecipeChoice arm={arm} title={title} onPick={(texts) => deeds.replace({ ...arm, texts })} />
            <div className="fields">{inputs(drawer, '')}</div>
            <p className="row">
              <button type="button" className="link" onClick={deeds.duplicate}>
                Duplicate
              </button>
              <button type="button" className="link" data-on="up" disabled={i === 0} onClick={() => deeds.move(-1)} title="Alt and ↑">
                Move up
              </button>
              <button type="button" className="link" data-on="down" disabled={isLast} onClick={() => deeds.move(1)} title="Alt and ↓">
                Move down
              </button>
            </p>
          </>
        )}
      </div>
    </li>
  );
}

/** Whose loss and parameters these are; another one sets the options that differ, and leaves settings alone. */
function RecipeChoice({ arm, title, onPick }: { arm: ArmForm; title: string; onPick: (texts: ArmForm['texts']) => void }) {
  const id = useId();
  const entry = architecture(arm.arch);
  const { recipes = [] } = entry;
  if (recipes.length === 0) return null;
  const typed = Object.fromEntries(
    entry.options.map(({ key, kind, default: standard }) => {
      const text = arm.texts[key] ?? String(standard);
      return [key, kind === 'number' ? Number(text) : text];
    }),
  );
  const now = recipeOf(entry, typed) ?? '';
  const pick = (name: string) => {
    const recipe = recipes.find(([other]) => other === name);
    if (!recipe) return;
    const rest = Object.entries(arm.texts).filter(([word]) => !entry.options.some(({ key }) => key === word));
    const own = Object.entries(recipe[1]).map(([key, value]) => [key, String(value)]);
    onPick(Object.fromEntries([...rest, ...own]));
  };
  return (
    <div className="field recipe">
      <label htmlFor={id}>
        <span className="visually-hidden">{title} </span>Loss and parameters as in
      </label>
      <select id={id} value={now} onChange={(e) => pick(e.target.value)}>
        {now === '' && <option value="">nobody’s recipe</option>}
        {recipes.map(([name]) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </div>
  );
}

function moveByKey(event: KeyboardEvent, i: number, isLast: boolean, { move }: ArmDeeds): void {
  const by = event.altKey && event.key === 'ArrowUp' ? -1 : event.altKey && event.key === 'ArrowDown' ? 1 : 0;
  if (by === 0 || (by < 0 ? i === 0 : isLast)) return;
  event.preventDefault();
  move(by);
}

/** What differs from the defaults, each with a way back. */
function Chips({ arm, i, fields, onRemove }: { arm: ArmForm; i: number; fields: readonly ArmField[]; onRemove: (word: string) => void }) {
  const own = fields.flatMap(({ word, label, default: standard, help }) => {
    const text = arm.texts[word];
    return text === undefined || text.trim() === standard ? [] : [{ word, label, text: parts(text).join(', '), help }];
  });
  if (own.length === 0) return null;
  return (
    <ul className="arm-chips" aria-label={`Arm ${i + 1} differs in`}>
      {own.map(({ word, label, text, help }) => (
        <li key={word}>
          <button
            type="button"
            className="arm-chip"
            aria-label={`${label} ${text}: back to the default`}
            title={help}
            onClick={() => onRemove(word)}
          >
            {label} <b>{text}</b>
            <span aria-hidden="true"> ×</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

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
  const steps = useLab((s) => Number(s.form.steps) || 1);
  const hasAuto = field.spec.kind === 'numbers' && field.spec.auto === true;
  const standing = hasAuto && shared !== undefined ? foundWords(arm.arch, steps, field.key, shared) : shared;
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
      placeholder={isSetting ? standing : undefined}
      help={field.help}
      className={className}
      error={error}
      onChange={(text) => onChange(field.word, isSetting && text.trim() === '' ? undefined : text)}
    />
  );
}
