import { expect, it } from 'vitest';
import { isTuned, tuned } from '../../../src/lab/tuning';
import { type ArmFacts, plainArm } from '../../../src/metrics/arms';
import { tunedAlike } from '../../../src/metrics/tuning';

const arm = (arch: string, length: string, lr: string): ArmFacts => ({
  key: `${arch} ${length} ${lr}`,
  arch,
  words: { 'enc-length': length, lr },
});

it('tells arms tried on one grid from arms that were not', () => {
  expect(tunedAlike([arm('gated', '0.1, 1', '0.001, 0.003'), arm('baseline', '1, 0.1', '0.001, 0.003')])).toEqual({
    state: 'tuned',
    words: 'The arms were tuned alike, each at 4 starts: length 0.1, 1 and lr 0.001, 0.003.',
  });
  expect(tunedAlike([arm('gated', '0.1, 1', '0.001'), arm('baseline', '1', '0.001')])).toEqual({
    state: 'unlike',
    words: 'The arms were not tuned alike: Gated at length 0.1, 1 and lr 0.001; baseline at length 1 and lr 0.001.',
  });
});

it('an arm at the start found for it is not alike one that nobody tried', () => {
  expect(tunedAlike([arm('gated', 'auto', 'auto'), arm('baseline', '1', '0.001')])?.words).toBe(
    'The arms were not tuned alike: Gated at the start found for it; baseline at length 1 and lr 0.001.',
  );
});

it('arms at the starts that were found were tuned alike beforehand; arms at one start were not tuned', () => {
  expect(tunedAlike([arm('gated', 'auto', 'auto'), arm('baseline', 'auto', 'auto')])?.state).toBe('found');
  expect(tunedAlike([arm('gated', '1', '0.001'), arm('baseline', '1', '0.001')])?.state).toBe('same');
  expect(tunedAlike([arm('gated', 'auto', '0.001'), arm('baseline', 'auto', '0.001')])?.state).toBe('same');
});

it('says nothing of one arm, or of arms whose start nobody knows', () => {
  expect(tunedAlike([arm('gated', '1', '0.001')])).toBeUndefined();
  expect(tunedAlike([plainArm('gated'), plainArm('baseline')])).toBeUndefined();
});

it('every arm is put on the grid, in place of a start of its own', () => {
  const arms = tuned([
    { arch: 'gated', texts: { width: '2x', lr: '0.5' } },
    { arch: 'baseline', texts: {} },
  ]);
  expect(isTuned(arms)).toBe(true);
  expect(arms[0]?.texts).toEqual({ width: '2x', 'enc-length': '0.1, 0.3, 1', lr: '0.001, 0.003' });
  expect(isTuned([{ arch: 'gated', texts: {} }])).toBe(false);
});
