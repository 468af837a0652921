/** The scale that a profile proposes, as a change of the form. */
import type { Profile } from '../lab/protocol';
import { type ArmForm, armFields, parts, type SettingValues } from '../lab/settings';
import { architecture, isArchitecture } from '../sae/architectures';

export interface ScaleProposal {
  /** Factors by which rows would be and are multiplied in training, by this sample. */
  factor: number;
  present: number;
  /** What λ must be multiplied with for the same balance of the loss: training on s·x with λ is training on x with λ/s. */
  lambdaFactor: number;
}

/** Undefined when the form has it already, or all sampled rows are zero. @param norms of the sampled rows that are trained on. */
export function scaleProposal(
  d: number,
  { meanNorm, rootMeanSquareNorm }: Pick<Profile, 'meanNorm' | 'rootMeanSquareNorm'>,
  normalize: SettingValues['normalize'],
): ScaleProposal | undefined {
  if (normalize === 'mean-norm' || !(meanNorm > 0)) return undefined;
  const factor = Math.sqrt(d) / meanNorm;
  const present = normalize === 'none' ? 1 : 1 / rootMeanSquareNorm;
  return { factor, present, lambdaFactor: factor / present };
}

/** The form with the proposal in it: the normalisation, and the knob of every arm as the factor asks for. */
export function withScale(form: SettingValues, { lambdaFactor }: ScaleProposal): SettingValues {
  return { ...form, normalize: 'mean-norm', arms: form.arms.map((arm) => scaledArm(arm, lambdaFactor)) };
}

function scaledArm(arm: ArmForm, factor: number): ArmForm {
  const knob = isArchitecture(arm.arch) ? armFields(arm.arch).find(({ place }) => place === 'knob') : undefined;
  if (!knob) return arm;
  const times = factor ** architecture(arm.arch).knob.power;
  if (times === 1) return arm;
  return { ...arm, texts: { ...arm.texts, [knob.word]: scaledLambdas(arm.texts[knob.word] ?? knob.default ?? '', times) } };
}

/** `0.1, 0.2` or `lo:hi:count` times a factor, to three digits; what is no number stays as it is, to be mended where it was typed. */
export function scaledLambdas(text: string, factor: number): string {
  const times = (part: string) => {
    const value = Number(part);
    return part === '' || !Number.isFinite(value) ? part : String(Number((value * factor).toPrecision(3)));
  };
  return parts(text)
    .map((part) => {
      const [lo, hi, ...count] = part.split(':');
      return [times(lo ?? ''), ...(hi === undefined ? [] : [times(hi)]), ...count].join(':');
    })
    .join(', ');
}
