/**
 * How each arm looks on this page: in form, chart, legend and table alike. Arms with runs come first, in the order of their runs, so that a change
 * of the form leaves them as they are.
 */
import type { ArmFacts, RunSummary } from '../lab/protocol';
import { armFacts, parseSettings, type SettingValues } from '../lab/settings';
import { type ArmLook, armLooks, armNames, distinctArms, widthFill, widthsOf } from '../metrics/arms';
import { type LabState, useLab } from './store';

/** Width that `2x` multiplies before there is data: the demo's default hook. */
const DEMO_WIDTH = 512;
export const widthOfRows = (s: LabState): number => s.data.shards?.d ?? DEMO_WIDTH;

export interface Looks {
  of: ReadonlyMap<string, ArmLook>;
  names: ReadonlyMap<string, string>;
  /** The form's arms in their order, as far as they are understood. */
  form: readonly (ArmFacts | undefined)[];
}

let made: { runs: readonly RunSummary[]; form: SettingValues; d: number; keys: string; looks: Looks } | undefined;

/** The same value for as long as the arms are the same. */
function looksOf(runs: readonly RunSummary[], form: SettingValues, d: number): Looks {
  if (made?.runs === runs && made.form === form && made.d === d) return made.looks;
  const { understood } = parseSettings(form, d);
  const ofForm = understood.arms.map((arm) => (arm.widths.length + arm.knob.length > 0 ? armFacts(understood, arm) : undefined));
  const arms = [...new Map([...distinctArms(runs), ...ofForm.flatMap((arm) => arm ?? [])].map((arm) => [arm.key, arm])).values()];
  const keys = JSON.stringify([arms.map(({ key }) => key), ofForm.map((arm) => arm?.key)]);
  const looks = made?.keys === keys ? made.looks : { of: armLooks(arms), names: armNames(arms), form: ofForm };
  made = { runs, form, d, keys, looks };
  return looks;
}

export const useLooks = (): Looks => useLab((s) => looksOf(s.runs, s.form, widthOfRows(s)));

/** Of a run: its arm's look, and how full its mark is for its width. */
export function useRunLook({ arm, dSae }: Pick<RunSummary, 'arm' | 'dSae'>): { look: ArmLook; fill: number } {
  const look = useLooks().of.get(arm.key) ?? (armLooks([arm]).get(arm.key) as ArmLook);
  return { look, fill: widthFill(dSae, widthsOf(arm)) };
}
