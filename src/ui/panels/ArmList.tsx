/** The arms of the sweep, a row each, and what adds one. */
import { useLayoutEffect, useRef, useState } from 'react';
import { type ArmForm, armTitles, type ParsedSettings, renumbered } from '../../lab/settings';
import { setArms, useLab } from '../store';
import { offerUndo } from '../undo';
import { ArmPicker } from './ArmPicker';
import { type ArmDeeds, ArmRow } from './ArmRow';

/** Where the focus goes after a change of the list: an arm, and which of its buttons. */
interface Focus {
  arm: number;
  on: 'architecture' | 'up' | 'down' | 'more';
}

export function ArmList({ errors }: { errors: ParsedSettings['errors'] }) {
  const arms = useLab((s) => s.form.arms);
  const titles = armTitles(arms);
  // Arms have no identity but their place, so what is open moves with them.
  const [open, setOpen] = useState<readonly boolean[]>([]);
  const list = useRef<HTMLUListElement>(null);
  const next = useRef<Focus>(undefined);
  useLayoutEffect(() => {
    if (!next.current) return;
    const { arm, on } = next.current;
    next.current = undefined;
    const wanted = list.current?.children[arm]?.querySelector<HTMLElement>(`[data-on="${on}"]:not(:disabled)`);
    (wanted ?? list.current?.children[arm]?.querySelector<HTMLElement>('[data-on="more"]'))?.focus();
  });
  /** @param of does the same to the list of any of what arms have. */
  const change = (of: <T>(list: readonly T[], fresh: T) => readonly T[], arm: ArmForm, focus: Focus) => {
    next.current = focus;
    setOpen(
      of(
        arms.map((_, i) => open[i] ?? false),
        false,
      ),
    );
    setArms((all) => renumbered(of([...all.keys()], -1), of(all, arm)));
  };
  const insert = (at: number, arm: ArmForm) => change((list, fresh) => list.toSpliced(at, 0, fresh), arm, { arm: at, on: 'architecture' });
  const deeds = (i: number): ArmDeeds => {
    const own = arms[i] as ArmForm;
    return {
      replace: (arm) => setArms((all) => all.with(i, arm)),
      open: (isOpen) => setOpen(arms.map((_, j) => (j === i ? isOpen : (open[j] ?? false)))),
      duplicate: () => insert(i + 1, own),
      move: (by) =>
        change((list) => list.toSpliced(i, 1).toSpliced(i + by, 0, ...list.slice(i, i + 1)), own, {
          arm: i + by,
          on: by < 0 ? 'up' : 'down',
        }),
      remove: () => {
        change((list) => list.toSpliced(i, 1), own, { arm: Math.min(i, arms.length - 2), on: 'more' });
        offerUndo(`Arm ${i + 1}, ${titles[i]}, is taken off the list.`, () => setArms(() => arms));
      },
    };
  };
  return (
    <div className="arms">
      <ul aria-label="Arms" ref={list}>
        {arms.map((arm, i) => (
          <ArmRow
            // biome-ignore lint/suspicious/noArrayIndexKey: as above
            key={i}
            arm={arm}
            i={i}
            title={titles[i] as string}
            isLast={i === arms.length - 1}
            isOpen={open[i] ?? false}
            errors={errors}
            deeds={deeds(i)}
          />
        ))}
      </ul>
      <ArmPicker onPick={(arch) => insert(arms.length, { arch, texts: {} })} />
      {errors.arms && <p className="problem">{errors.arms}</p>}
    </div>
  );
}
