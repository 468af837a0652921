/** (e) What a gated step costs as F, B and L0 grow, with the exponents of a power law fitted to it. */
import { allRounds, type Case } from '../context';
import { measure, type Timing } from '../measure';
import { type OurStep, ourStep } from '../ours';
import { makeProblem } from '../problem';
import { logLogSlope } from '../stats';

const D = 256;
const BASE = { f: 2048, batch: 256, l0: 32 };
const QUICK_BASE = { f: 1024, batch: 128, l0: 32 };
/** Multiples of the base; a quick run takes the ends of each. */
const GRID = [
  { axis: 'f', label: 'F', factors: [0.5, 1, 2] },
  { axis: 'batch', label: 'B', factors: [0.5, 1, 2] },
  { axis: 'l0', label: 'L0', factors: [0.25, 1, 4, 16] },
] as const;

export const scaling: Case = async (context) => {
  const timings: Timing[] = [];
  const base = context.quick ? QUICK_BASE : BASE;
  const notes: string[] = [`D ${D}; the others stay at F ${base.f}, B ${base.batch}, L0 ${base.l0}`];
  for (const { axis, label, factors } of GRID) {
    const values = factors.map((factor) => factor * base[axis]).filter((_, i) => !context.quick || i === 0 || i === factors.length - 1);
    context.say(`cost against ${label}`);
    const steps: OurStep[] = [];
    try {
      const xs: number[] = [];
      for (const value of values) {
        const size: Record<string, number> = { ...base };
        size[axis] = value;
        const { f, batch, l0 } = size as typeof base;
        const { x, weights } = makeProblem('gated', D, f, batch, l0);
        const one = await ourStep(context, `${label} ${value}`, x, [weights]);
        steps.push(one);
        // L0 is what it turns out to be, not what was asked for.
        xs.push(axis === 'l0' ? ((await one.log())[0]?.l0 ?? value) : value);
      }
      const times = await measure(steps, allRounds(context));
      timings.push(...times);
      const slope = logLogSlope(times.map(({ ms }, i) => ({ x: xs[i] as number, y: ms })));
      notes.push(`time ~ ${label}^${slope.toFixed(2)} over ${label} ${xs.map((x) => Math.round(x)).join(', ')}`);
    } finally {
      for (const one of steps) one.dispose();
    }
  }
  return { title: 'e  cost against F, B and L0', figures: {}, timings, notes };
};
