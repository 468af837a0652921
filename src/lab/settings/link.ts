/** Settings in the link (URL hash): shared ones by their flags, arms as `arm=gated width=2x …`, or as `preset=field` where they are a preset's. */
import { architectureIds, isArchitecture } from '../../sae/architectures';
import { MAX_RUNS } from '../../sae/bounds';
import { armsOfPreset, presetOf, presets } from '../presets';
import { type ArmForm, defaultArchitectures, defaultArms, readArm, writeArm } from './arms';
import { defaultForm, type SettingValues } from './parse';
import { settings } from './table';
import { parts } from './values';

const LONGEST = 200;

/** The texts that differ from the defaults. */
export function settingsToParams(values: SettingValues): URLSearchParams {
  const params = new URLSearchParams();
  const arms = values.arms.map(writeArm);
  const isDefault = arms.join('\n') === defaultArms().map(writeArm).join('\n');
  const known = presetOf(values.arms);
  if (!isDefault && known) params.set('preset', known.id);
  else if (!isDefault) for (const arm of arms.length > 0 ? arms : ['']) params.append('arm', arm);
  for (const row of settings()) {
    const text = (values[row.key] ?? row.default).trim();
    if (text !== row.default) params.set(row.flag, text);
  }
  return params;
}

/** Unknown parameters are ignored; values are not checked here but by `parseSettings`. */
export function settingsFromParams(params: URLSearchParams): SettingValues {
  const values = defaultForm();
  for (const row of settings()) {
    const text = params.get(row.flag);
    if (text !== null) values[row.key] = text.slice(0, LONGEST);
  }
  const name = params.get('preset');
  if (name !== null && !params.has('arm')) return { ...values, arms: presetArms(name.slice(0, LONGEST)) };
  return { ...values, arms: params.has('arm') ? params.getAll('arm').slice(0, MAX_RUNS).flatMap(understood) : earlierArms(params) };
}

/** What is not understood is kept as an architecture's name, which the form then refuses by it. */
const understood = (text: string): ArmForm[] => {
  try {
    return text.trim() === '' ? [] : [readArm(text.slice(0, 5 * LONGEST))];
  } catch {
    return [{ arch: text.slice(0, LONGEST), texts: {} }];
  }
};

/** A preset that is not there is kept as an architecture's name, which the form then refuses. */
function presetArms(id: string): ArmForm[] {
  const found = presets().find((one) => one.id === id);
  return found ? armsOfPreset(found) : [{ arch: `preset ${id}`, texts: {} }];
}

/** Before there were arms, a link had each architecture at most once: `arch=gated,baseline`, `gated-width=`, `gated-lambda=`. */
function earlierArms(params: URLSearchParams): ArmForm[] {
  const listed = parts(params.get('arch') ?? defaultArchitectures().join());
  const known = architectureIds().filter((id) => listed.includes(id));
  return [...known, ...listed.filter((id) => !isArchitecture(id))].map((arch) => ({
    arch,
    texts: Object.fromEntries(
      ['width', 'lambda'].flatMap((word) => {
        const text = params.get(`${arch}-${word}`);
        return text === null ? [] : [[word, text.slice(0, LONGEST)]];
      }),
    ),
  }));
}
