/** A form, which is texts, to a sweep or to what is wrong with it; and back. */
import { architecture, isArchitecture } from '../../sae/architectures';
import { MAX_RUNS } from '../../sae/bounds';
import { messageOf } from '../../util/errors';
import { type Arm, type ArmForm, armFields, armTitles, armValues, defaultArms, parseArm } from './arms';
import { combinations, follow, idleStrikes } from './product';
import { type Setting, type SettingKey, type SharedSettings, setting, settings } from './table';
import { isList, parseValue, type Relative, textOf, type Value } from './values';

/** A sweep: shared settings, and arms whose products are its runs. */
export interface SweepConfig extends SharedSettings {
  arms: Arm[];
}

/** A sweep as people type it. */
export type SettingValues = Record<SettingKey, string> & { arms: readonly ArmForm[] };

/** Where a sweep is set up: the two have defaults of their own. */
export type Face = 'page' | 'cli';

export const defaultText = (row: Setting, face: Face): string => (face === 'cli' && row.cli ? row.cli.default : undefined) ?? row.default;

export const defaultForm = (face: Face = 'page'): SettingValues => ({
  ...(Object.fromEntries(settings().map((row) => [row.key, defaultText(row, face)])) as Record<SettingKey, string>),
  arms: defaultArms(),
});

export interface ParsedSettings {
  /** Present when there is no error. */
  config?: SweepConfig;
  /** The same as far as it is understood. */
  understood: SweepConfig;
  /** By the setting's key, `arms` for all of them, or `armKey`. */
  errors: Readonly<Record<string, string>>;
  /** Runs the sweep would have. */
  runs: number;
}

/** Key of what is wrong with a word of the i-th arm. */
export const armKey = (i: number, word: string): string => `arms.${i}.${word}`;

/** Stands for all options of an arm together, in `armKey`. */
export const OPTIONS = 'options';

/** Options, widths and values of the knob that contradict each other in some run of the arm, by the architecture's own rules. */
function contradictions(shared: SharedSettings, arm: Arm, d: number): string[] {
  const entry = architecture(arm.arch);
  const found = combinations(shared, arm).flatMap(
    (one) => entry.problems?.(arm.options, { width: one.width as number, knob: one[entry.knob.id] as number, d }) ?? [],
  );
  return [...new Set(found)];
}

/** @param d width of the data, which `2x` multiplies. */
export function parseSettings(values: Partial<SettingValues>, d: number): ParsedSettings {
  const errors: Record<string, string> = {};
  const fail = (key: string, error: unknown) => {
    errors[key] = messageOf(error);
  };
  const relative: Relative = { d, steps: stepsOf(values) };
  const shared = settings().flatMap((row): [string, Value][] => {
    try {
      return [[row.key, parseValue(row, values[row.key] ?? row.default, relative)]];
    } catch (error) {
      fail(row.key, error);
      return isList(row) ? [[row.key, []]] : [];
    }
  });
  const arms = (values.arms ?? defaultArms()).map((arm, i) => parseArm(arm, relative, (word, error) => fail(armKey(i, word), error)));
  const config = { ...(Object.fromEntries(shared) as unknown as SharedSettings), arms };
  arms.forEach((arm, i) => {
    if (isArchitecture(arm.arch)) follow(config, arm, (word, error) => fail(armKey(i, word), error));
  });
  arms.forEach((arm, i) => {
    const [idle] = errors[armKey(i, 'without')] || !isArchitecture(arm.arch) ? [] : idleStrikes(config, arm);
    if (idle !== undefined) fail(armKey(i, 'without'), new Error(`${idle} is none of this arm's runs: take it off.`));
    if (Object.keys(errors).some((key) => key.startsWith(armKey(i, '')))) return;
    const found = contradictions(config, arm, relative.d);
    if (found.length > 0) fail(armKey(i, OPTIONS), new Error(found.join(' ')));
  });
  const runs = countRuns(config);
  if (arms.length > 0 && runs === 0 && Object.keys(errors).length === 0) fail('arms', 'Every run is struck out.');
  if (arms.length === 0) fail('arms', 'Add at least one arm.');
  if (runs > MAX_RUNS) fail('arms', `${runs} runs are more than the ${MAX_RUNS} one sweep may have.`);
  return { ...(Object.keys(errors).length === 0 && { config }), understood: config, errors, runs };
}

/** Steps of the sweep, which shares are of; 1 while that text is wrong, which is said of it. */
function stepsOf(values: Partial<SettingValues>): number {
  const row = setting('steps');
  try {
    return parseValue(row, values.steps ?? row.default, { d: 1, steps: 1 }) as number;
  } catch {
    return 1;
  }
}

/** Runs of a sweep: of each arm the product of its lists, less those that are struck out. */
export const countRuns = (config: SweepConfig): number =>
  config.arms.reduce((sum, arm) => sum + (isArchitecture(arm.arch) ? combinations(config, arm).length : 0), 0);

/** A sweep as texts that parse back to exactly it. */
export function settingsFromConfig(config: SweepConfig): SettingValues {
  const text = (value: Value | undefined) => (value === undefined ? '' : textOf(value));
  return {
    ...(Object.fromEntries(settings().map(({ key }) => [key, text(config[key])])) as Record<SettingKey, string>),
    arms: config.arms.map((arm) => ({
      arch: arm.arch,
      texts: Object.fromEntries(
        armFields(arm.arch).flatMap((field) => {
          const value = armValues(arm, field);
          return value === undefined ? [] : [[field.word, textOf(value)]];
        }),
      ),
    })),
  };
}

/** The defaults as a sweep. @param change texts in their place. */
export function defaultConfig(d: number, change: Partial<SettingValues> = {}): SweepConfig {
  const { config, errors } = parseSettings({ ...defaultForm(), ...change }, d);
  if (!config) throw new Error(Object.values(errors).join(' '));
  return config;
}

/** What is wrong with a form, in sentences that name the setting. */
export function sentences(errors: ParsedSettings['errors'], arms: readonly { arch: string }[]): string[] {
  const titles = armTitles(arms);
  return Object.entries(errors).map(([key, message]) => {
    const [, i, word] = /^arms\.(\d+)\.(.*)$/.exec(key) ?? [];
    if (i !== undefined) return `${titles[Number(i)]} ${word}: ${message}`;
    return key === 'arms' ? message : `${setting(key).label}: ${message}`;
  });
}

/** What is wrong with a sweep that comes from outside, by the rules of the form; empty when nothing is. */
export function problems(config: SweepConfig): string[] {
  try {
    return sentences(parseSettings(settingsFromConfig(config), 1).errors, config.arms);
  } catch (error) {
    return [messageOf(error)];
  }
}
