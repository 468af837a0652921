/**
 * Questions that the lab answers with one click, one link (`?preset=field`) or one option (`--preset field`): each is a list of arms as people type
 * them. Knob values span about the same L0 on rows scaled to mean square norm 1 (public/demo/README.md). A preset that asks for what the table of
 * architectures does not have is not offered.
 */
import { isArchitecture } from '../sae/architectures';
import { type ArmForm, armFields, defaultArms, readArm, writeArm } from './settings/arms';

export interface Preset {
  /** In links and on the command line. */
  id: string;
  title: string;
  /** What it asks, a sentence. */
  line: string;
  /** The arms; none: what a sweep has at first. */
  arms: readonly string[];
}

const PRESETS: readonly Preset[] = [
  {
    id: 'paper',
    title: 'The paper',
    line: 'Gated against baseline at equal compute: a baseline of 1.5 times the width.',
    arms: [],
  },
  {
    id: 'fig8',
    title: 'Fig. 8',
    line: 'What each part of a Gated SAE does: the full one, the auxiliary decoder not frozen, no r_mag, encoders of their own.',
    arms: ['gated', 'gated aux=unfrozen', 'gated r_mag=none', 'gated encoders=untied'],
  },
  {
    id: 'fig9',
    title: 'Fig. 9',
    line: 'How much of the gain is the end of shrinkage: a baseline, the same rescaled and shifted, Gated, all of one width.',
    arms: ['baseline width=2x', 'rescale_shift', 'gated width=2x'],
  },
  {
    id: 'thread',
    title: 'The thread',
    line: 'What was asked under the paper: penalties weighted by decoder norms both ways, smooth penalties, and no Heaviside at all.',
    arms: [
      'gated',
      'gated decoder=free weighted=frozen',
      'gated aux=unfrozen decoder=free weighted=trained',
      'gated penalty=tanh lambda=0.025:0.2:4',
      'gated penalty=sqrt lambda=0.01:0.08:4',
      'gated penalty=log lambda=0.01:0.08:4',
      'no_heaviside width=2x',
    ],
  },
  {
    id: 'field',
    title: 'The field',
    line: 'Gated beside what is trained today, all of one width.',
    arms: [
      'gated width=2x lambda=0.05:0.8:5',
      'jumprelu width=2x lambda=0.001:0.016:5',
      'topk width=2x k=4,8,16,32,64',
      'batchtopk width=2x k=4,8,16,32,64',
      'matryoshka width=2x k=4,8,16,32,64',
      'baseline width=2x penalty=p lambda=0.025:0.4:5',
    ],
  },
  {
    id: 'frequency',
    title: 'High-frequency latents',
    line: 'Latents that fire on more than a tenth of the tokens: JumpReLU without and with the quadratic frequency loss, and Gated.',
    arms: [
      'gated width=2x',
      'jumprelu width=2x lambda=0.001:0.016:4',
      'jumprelu width=2x loss=frequency omega0=0.1 lambda=0.0005:0.008:4',
      'jumprelu width=2x loss=frequency omega0=0.01 lambda=0.0005:0.008:4',
    ],
  },
];

/** Whether the table has the architecture and every word of the arm. */
function isKnown(text: string): boolean {
  const [arch = '', ...words] = text.split(' ');
  if (!isArchitecture(arch)) return false;
  const fields = armFields(arch);
  return words.every((word) => {
    const [name, value = ''] = word.split('=');
    const field = fields.find((one) => one.word === name);
    return field !== undefined && (field.spec.kind !== 'choice' || field.spec.choices.includes(value));
  });
}

/** All of them; the page and the command line offer `presets()`. */
export const everyPreset = (): readonly Preset[] => PRESETS;

/** Those whose arms the table of architectures has. */
export const presets = (): Preset[] => PRESETS.filter(({ arms }) => arms.every(isKnown));

export const armsOfPreset = ({ arms }: Preset): ArmForm[] => (arms.length === 0 ? defaultArms() : arms.map(readArm));

/** @throws Error naming the ones that there are. */
export function preset(id: string): Preset {
  const found = presets().find((one) => one.id === id);
  if (!found)
    throw new Error(
      `"${id}" is none of the presets ${presets()
        .map((one) => one.id)
        .join(', ')}.`,
    );
  return found;
}

const written = (arms: readonly ArmForm[]): string => arms.map(writeArm).join('\n');

/** The preset whose arms these are. */
export const presetOf = (arms: readonly ArmForm[]): Preset | undefined => {
  const text = written(arms);
  return presets().find((one) => written(armsOfPreset(one)) === text);
};
