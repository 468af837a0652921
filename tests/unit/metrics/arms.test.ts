/** Arms beside each other: names and looks that tell them apart. */
import { describe, expect, it } from 'vitest';
import type { ArmFacts } from '../../../src/lab/protocol';
import { armLooks, armNames, widthFill } from '../../../src/metrics/arms';
import { architectures } from '../../../src/sae/architectures';

const arm = (arch: string, words: Record<string, string> = {}): ArmFacts => ({ key: `${arch} ${JSON.stringify(words)}`, arch, words });
const names = (...arms: ArmFacts[]) => [...armNames(arms).values()];

describe('names of arms', () => {
  it('are the architecture’s, and what tells several of it apart', () => {
    expect(names(arm('gated', { width: '64', lr: '0.001' }), arm('baseline', { width: '64' }))).toEqual(['Gated', 'Baseline']);
    expect(names(arm('gated', { width: '64', lr: '0.001' }), arm('gated', { width: '64', lr: '0.003' }))).toEqual([
      'Gated lr 0.001',
      'Gated lr 0.003',
    ]);
  });
  it('are numbered where nothing does', () => {
    const same = arm('gated');
    expect(names(same, { ...same, key: 'again' })).toEqual(['Gated', 'Gated (2)']);
  });
});

describe('looks of arms', () => {
  it('architectures have marks of their own, and dashes of their own in a family', () => {
    const all = architectures();
    expect(new Set(all.map(({ look }) => look.symbol)).size).toBe(all.length);
    expect(new Set(all.map(({ family, look }) => `${family} ${look.dash}`)).size).toBe(all.length);
  });
  const twelve = Array.from({ length: 12 }, (_, i) => arm(i % 3 === 0 ? 'baseline' : 'gated', { width: String(i) }));
  it('twelve arms have twelve marks', () => {
    expect(new Set([...armLooks(twelve).values()].map(({ symbol }) => symbol)).size).toBe(12);
  });
  it('the first of an architecture looks as its table says, and what comes later changes nothing', () => {
    const looks = [...armLooks(twelve).values()];
    expect(looks.slice(0, 2).map(({ symbol, dash }) => [symbol, dash])).toEqual([
      ['square', 'dot'],
      ['circle', 'solid'],
    ]);
    for (let n = 1; n < 12; n++) expect([...armLooks(twelve.slice(0, n)).values()]).toEqual(looks.slice(0, n));
  });
  it('lines of one colour have dashes of their own', () => {
    const gated = [...armLooks(twelve.filter(({ arch }) => arch === 'gated').slice(0, 6)).values()];
    expect(new Set(gated.map(({ dash }) => dash)).size).toBe(6);
  });
  it('the widest of an arm is full, the others the less the narrower', () => {
    expect(widthFill(64, [64])).toBe(1);
    expect([64, 128, 256].map((width) => Number(widthFill(width, [64, 256, 128]).toFixed(6)))).toEqual([0.2, 0.6, 1]);
  });
});
