/** What is left of a training, told while it goes on, against what then came. */
import { describe, expect, it } from 'vitest';
import { Pace } from '../../../src/lab/timeEstimate';
import { durationRange } from '../../../src/util/duration';

/** Milliseconds of each step and of evaluations after some of them: the truth that the ranges are held against. */
interface Course {
  name: string;
  stepMs(step: number): number;
  evaluationMs?(step: number): number;
}

const STEPS = 600;
const courses: Course[] = [
  { name: 'steps that all take the same', stepMs: () => 40 },
  { name: 'steps that become four times faster as latents fall silent', stepMs: (t) => 100 * (0.25 + 0.75 * Math.exp(-t / 60)) },
  { name: 'a device that grows warm: half as slow again at the end', stepMs: (t) => 50 * (1 + (0.5 * t) / STEPS) },
  { name: 'slow steps of several seconds', stepMs: (t) => 4000 * (0.6 + 0.4 * Math.exp(-t / 40)) },
  { name: 'evaluations that take a third of the time', stepMs: () => 30, evaluationMs: (t) => (t % 40 === 20 ? 600 : 0) },
];

describe.each(courses)('the time that is left: $name', ({ stepMs, evaluationMs = () => 0 }) => {
  let now = 0;
  const pace = new Pace(() => now);
  const checks: { left: number; least: number; most: number; truth: number }[] = [];
  const times = Array.from({ length: STEPS }, (_, t) => stepMs(t) + evaluationMs(t));
  for (let t = 0; t < STEPS; t++) {
    now += stepMs(t);
    pace.step();
    const evaluation = evaluationMs(t);
    if (evaluation > 0) {
      now += evaluation;
      pace.evaluated(evaluation);
    }
    const left = STEPS - t - 1;
    const range = pace.remaining(left);
    if (range && left > 0) checks.push({ left, ...range, truth: times.slice(t + 1).reduce((a, b) => a + b, 0) / 1000 });
  }

  it('lies in the range, from a twentieth of the steps on', () => {
    const outside = checks.filter(({ left, least, most, truth }) => left < 0.95 * STEPS && !(least <= truth && truth <= most));
    expect(outside).toEqual([]);
  });

  it('is told more and more closely', () => {
    const width = ({ least, most }: { least: number; most: number }) => most - least;
    const at = (share: number) => checks[Math.floor(share * (checks.length - 1))] as (typeof checks)[number];
    const widths = [0.05, 0.25, 0.5, 0.75, 0.95].map((share) => width(at(share)));
    for (const [i, w] of widths.entries()) if (i > 0) expect(w).toBeLessThan(widths[i - 1] as number);
    expect(at(0.5).most / at(0.5).least).toBeLessThan(3.5);
  });
});

describe('a pace', () => {
  it('is not told of fewer than five steps, forgets pauses, and begins anew when runs are added', () => {
    let now = 0;
    const pace = new Pace(() => now);
    const steps = (n: number, ms: number) => {
      for (let i = 0; i < n; i++) {
        now += ms;
        pace.step();
      }
    };
    steps(4, 100);
    expect(pace.remaining(100)).toBeUndefined();
    steps(96, 100);
    now += 1e6;
    pace.restart();
    steps(100, 100);
    const { least, most } = pace.remaining(100) as { least: number; most: number };
    expect([least < 10, most > 10, most < 20]).toEqual([true, true, true]);
    pace.forget();
    expect(pace.remaining(100)).toBeUndefined();
    steps(50, 1000);
    expect(pace.remaining(100)?.least).toBeGreaterThan(50);
  });

  it('reads well', () => {
    expect([
      durationRange({ least: 3, most: 8 }),
      durationRange({ least: 40, most: 130 }),
      durationRange({ least: 190, most: 280 }),
      durationRange({ least: 100, most: 110 }),
    ]).toEqual(['3.0 to 8.0 s', '40 s to 2 min', '3 to 5 min', '2 min']);
  });
});
