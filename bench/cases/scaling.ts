/** (e) What a gated step costs as F, B and L0 grow, with the exponents of a power law fitted to it. */
import { SUBJECT } from '../../src/sae/architectures';
import { allRounds, type Case, type Context, type Curve, leftOut, timeLeft } from '../context';
import { measure, type Timing } from '../measure';
import { type OurStep, ourStep } from '../ours';
import { makeProblem } from '../problem';
import { logLogSlope } from '../stats';

const BASE = { d: 256, f: 2048, batch: 256, l0: 32 };
const QUICK_BASE = { d: 256, f: 1024, batch: 128, l0: 32 };
const SMALL_BASE = { d: 128, f: 512, batch: 64, l0: 8 };
/** Multiples of the base; a quick run takes the ends of each. */
const GRID = [
  { axis: 'f', label: 'F', factors: [0.5, 1, 2] },
  { axis: 'batch', label: 'B', factors: [0.5, 1, 2] },
  { axis: 'l0', label: 'L0', factors: [0.25, 1, 4, 16] },
] as const;

export const scaling: Case = async (context) => {
  const base = context.small ? SMALL_BASE : context.quick ? QUICK_BASE : BASE;
  const timings: Timing[] = [];
  const curves: Curve[] = [];
  const notes: string[] = [`D ${base.d}; one size varies, the others stay at F ${base.f}, B ${base.batch}, L0 ${base.l0}`];
  const result = { title: 'cost against F, B and L0', figures: {}, timings, notes, curves };
  context.keep(() => result);
  for (const { axis, label, factors } of GRID) {
    const values = factors.map((factor) => factor * base[axis]).filter((_, i) => !context.quick || i === 0 || i === factors.length - 1);
    context.say(`cost against ${label}`);
    const { curve, times, missing } = await along(context, base, axis, label, values);
    timings.push(...times);
    curves.push(curve);
    notes.push(...missing);
    if (curve.slope !== undefined)
      notes.push(`time ~ ${label}^${curve.slope.toFixed(2)} over ${label} ${curve.points.map(({ x }) => Math.round(x)).join(', ')}`);
  }
  return result;
};

async function along(
  context: Context,
  base: typeof BASE,
  axis: (typeof GRID)[number]['axis'],
  label: Curve['axis'],
  values: readonly number[],
): Promise<{ curve: Curve; times: Timing[]; missing: string[] }> {
  const steps: OurStep[] = [];
  const names = values.map((value) => ({ name: `${label} ${value}` }));
  try {
    const xs = new Map<string, number>();
    for (const value of values) {
      if (timeLeft(context) <= 0) break;
      const size = { ...base };
      size[axis] = value;
      const { x, weights } = makeProblem(SUBJECT, size.d, size.f, size.batch, size.l0);
      const one = await ourStep(context, `${label} ${value}`, x, [weights]);
      steps.push(one);
      // L0 is what it turns out to be, not what was asked for.
      xs.set(one.name, axis === 'l0' ? ((await one.log())[0]?.l0 ?? value) : value);
    }
    const times = await measure(steps, allRounds(context), context);
    const points = times.map(({ name, ms }) => ({ x: xs.get(name) as number, ms }));
    const slope = points.length > 1 ? logLogSlope(points.map(({ x, ms }) => ({ x, y: ms }))) : undefined;
    return { curve: { axis: label, points, slope }, times, missing: leftOut(context, names, times) };
  } finally {
    for (const one of steps) one.dispose();
  }
}
