/** Options of the command line to a sweep: its arms, and the settings that they share. */

import {
  type ArmForm,
  armFields,
  armKey,
  armsOfPreset,
  defaultArchitectures,
  defaultForm,
  OPTIONS,
  optionOf,
  parseSettings,
  preset,
  readArchitectures,
  readArm,
  type SweepConfig,
  settings,
} from '../lab/settings';
import { SHORT_GRID, tuned } from '../lab/tuning';
import { architecture } from '../sae/architectures';
import { messageOf } from '../util/errors';
import { type Options, UsageError } from './args';
import { armFromInit, type Init } from './init';
import { knobIds } from './options';

/**
 * @param init weights that the one arm starts from.
 * @throws UsageError naming the option and what is wrong with it.
 */
export function sweepConfig(options: Options, d: number, init?: Init): SweepConfig {
  const { arms, named } = armsOf(options);
  const begun = arms.map((arm) => armFromInit(arm, arms, init));
  const values = { ...defaultForm('cli'), arms: options.flag('tune') ? tuned(begun) : begun };
  if (options.flag('tune'))
    for (const word of Object.keys(SHORT_GRID))
      if (options.text(word) !== undefined || arms.some(({ texts }) => texts[word] !== undefined))
        throw new UsageError(`--tune tries values of ${word} of its own: leave out --tune, or ${word}`);
  for (const setting of settings()) {
    const option = optionOf(setting);
    const given = option === undefined ? undefined : options.text(option);
    if (given !== undefined) values[setting.key] = given;
  }
  const { config, errors } = parseSettings(values, d);
  if (config) return config;
  const optionNamed = (key: string): string | undefined => {
    const setting = settings().find((candidate) => candidate.key === key);
    return setting ? `--${optionOf(setting) ?? setting.flag}` : undefined;
  };
  const lines = Object.entries(errors).map(([key, message]) => {
    const option = named.get(key) ?? optionNamed(key);
    return option ? `${option}: ${message}` : message;
  });
  throw new UsageError([...new Set(lines)].join('\n'));
}

/** The arms, and by the key of an error the option that its text came from. */
function armsOf(options: Options): { arms: ArmForm[]; named: Map<string, string> } {
  const named = new Map<string, string>();
  const { arms, said } = chosen(options);
  refuseOtherKnobs(options, arms);
  const filled = arms.map((arm, i): ArmForm => {
    const texts: Record<string, string> = { ...arm.texts };
    named.set(armKey(i, OPTIONS), said(i));
    for (const { word, place } of armFields(arm.arch)) {
      const key = armKey(i, word);
      if (texts[word] !== undefined) named.set(key, `${said(i)}: ${word}`);
      else if (place === 'widths' || place === 'knob') {
        const general = place === 'widths' ? 'd-sae' : architecture(arm.arch).knob.id;
        const own = `${arm.arch}-${general}`;
        const option = options.text(own) === undefined ? general : own;
        const text = options.text(option);
        named.set(key, `--${option}`);
        if (text !== undefined) texts[word] = text;
      }
    }
    return { arch: arm.arch, texts };
  });
  return { arms: filled, named };
}

/** @throws UsageError naming a knob's option that none of the arms reads. */
function refuseOtherKnobs(options: Options, arms: readonly ArmForm[]): void {
  const read = new Set(arms.map(({ arch }) => architecture(arch).knob.id));
  for (const id of knobIds())
    if (!read.has(id) && options.text(id) !== undefined)
      throw new UsageError(
        `--${id}: none of the arms has it; ${arms.map(({ arch }) => `${arch} has ${architecture(arch).knob.id}`).join(', ')}`,
      );
}

/** The arms that were asked for, in one of three ways, and how one of them is called. */
function chosen(options: Options): { arms: ArmForm[]; said: (i: number) => string } {
  const written = options.list('arm');
  const [archs, id] = [options.text('arch'), options.text('preset')];
  const given = [
    ...(written.length > 0 ? ['--arm'] : []),
    ...(archs === undefined ? [] : ['--arch']),
    ...(id === undefined ? [] : ['--preset']),
  ];
  if (given.length > 1) throw new UsageError(`give ${given.join(' or ')}, not ${given.length === 2 ? 'both' : 'all'}`);
  if (written.length > 0) return { arms: written.map(armOf), said: (i) => `--arm "${written[i]}"` };
  if (id !== undefined) return { arms: presetArms(id), said: (i) => `--preset ${id}, arm ${i + 1}` };
  return { arms: archesOf(archs).map((arch): ArmForm => ({ arch, texts: {} })), said: () => '--arch' };
}

function presetArms(id: string): ArmForm[] {
  try {
    return armsOfPreset(preset(id));
  } catch (error) {
    throw new UsageError(`--preset: ${messageOf(error)}`);
  }
}

function armOf(text: string): ArmForm {
  try {
    return readArm(text);
  } catch (error) {
    throw new UsageError(`--arm: ${messageOf(error)}`);
  }
}

function archesOf(text: string | undefined): string[] {
  if (text === undefined) return defaultArchitectures();
  try {
    return readArchitectures(text);
  } catch (error) {
    throw new UsageError(`--arch: ${messageOf(error)}`);
  }
}
