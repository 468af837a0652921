/** Which runs a sweep comes to: in a line, and opened as a table in which single runs can be struck out. */
import { type ReactNode, useMemo } from 'react';
import { type Arm, type Axis, armTitles, axes, type Combination, isStruck, possible, type SweepConfig, strikeOf } from '../../lab/settings';
import { count, general } from '../format';
import { useLooks } from '../looks';
import { Swatch } from '../Swatch';
import { setArms } from '../store';

const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** `5 arms × 5 values × 2 seeds = 50 runs`; where arms differ in their lists, only their number. */
export function planWords(config: SweepConfig, runs: number): string {
  const lists = config.arms.map((arm) => axes(config, arm).filter(({ values }) => values.length > 1));
  const shape = ([first = [], ...others]: Axis[][]): string[] | undefined =>
    others.every(
      (list) =>
        list.length === first.length &&
        list.every(({ key, values }, i) => key === first[i]?.key && values.length === first[i]?.values.length),
    )
      ? first.map(({ key, label, values }) =>
          key === 'knob' ? counted(values.length, 'value') : counted(values.length, label.toLowerCase().replace(/s$/, '')),
        )
      : undefined;
  const factors = shape(lists);
  const all = config.arms.reduce((sum, arm) => sum + possible(config, arm).length, 0);
  const struck = all > runs ? ` − ${all - runs} struck out` : '';
  return `${[counted(config.arms.length, 'arm'), ...(factors ?? [])].join(' × ')}${struck}${factors ? ' =' : ','} ${counted(runs, 'run')}`;
}

/** A run's values, of which the first names it and the others are shown where there are several. */
const valueText = (value: number | string | undefined): string =>
  typeof value !== 'number' ? String(value ?? '') : Number.isInteger(value) ? count(value) : general(value);

export function RunPlan({ config, children }: { config: SweepConfig; children?: ReactNode }) {
  const { form, of: looks } = useLooks();
  const titles = armTitles(config.arms);
  const plans = useMemo(() => config.arms.map((arm) => ({ arm, of: axes(config, arm), runs: possible(config, arm) })), [config]);
  // Width and knob always, of the others what varies somewhere.
  const more = [...new Map(plans.flatMap(({ of }) => of).map((axis) => [axis.word, axis])).values()].filter(
    ({ key, word }) =>
      key !== 'widths' && key !== 'knob' && plans.some(({ of }) => (of.find((axis) => axis.word === word)?.values.length ?? 0) > 1),
  );
  return (
    <>
      <div className="plan-scroll">
        <table className="plan">
          <thead>
            <tr>
              <th scope="col">
                <span className="visually-hidden">Trains</span>
              </th>
              <th scope="col">Arm</th>
              <th scope="col">Width</th>
              <th scope="col">Knob</th>
              {more.map(({ word, label }) => (
                <th key={word} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {plans.flatMap(({ arm, of, runs }, i) => {
              const look = looks.get(form[i]?.key ?? '');
              const knob = of.find(({ key }) => key === 'knob');
              return runs.map((one) => {
                const trains = !isStruck(one, arm);
                const words = `${titles[i]}, ${of
                  .filter(({ key, values }) => key === 'knob' || values.length > 1)
                  .map(({ label, word }) => `${label} ${valueText(one[word])}`)
                  .join(', ')}`;
                return (
                  <tr key={`${titles[i]} ${Object.values(one).join(' ')}`} className={trains ? undefined : 'struck'}>
                    <td>
                      <input type="checkbox" checked={trains} aria-label={words} onChange={() => strike(i, arm, of, runs, one)} />
                    </td>
                    <th scope="row">
                      {look && <Swatch look={look} />}
                      {titles[i]}
                    </th>
                    <td>{valueText(one.width)}</td>
                    <td>
                      {knob?.label} {valueText(one[knob?.word ?? ''])}
                    </td>
                    {more.map(({ word }) => (
                      <td key={word}>{valueText(one[word])}</td>
                    ))}
                  </tr>
                );
              });
            })}
          </tbody>
        </table>
      </div>
      {children}
    </>
  );
}

/** Strikes a run out of the i-th arm, or takes it in again; every struck run is written by its own values. */
function strike(i: number, arm: Arm, of: readonly Axis[], runs: readonly Combination[], one: Combination): void {
  const without = runs.filter((run) => isStruck(run, arm) !== (run === one)).map((run) => strikeOf(of, run));
  setArms((all) =>
    all.map((form, j) => {
      if (j !== i) return form;
      const { without: _, ...texts } = form.texts;
      return { ...form, texts: without.length > 0 ? { ...texts, without: without.join(', ') } : texts };
    }),
  );
}
