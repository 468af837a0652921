/** What options of architectures mean: contradictions in sentences, recipes, groups, when p changes, selection and its ties. */
import { describe, expect, it } from 'vitest';
import { largest, leastKept, select, selectDead, sinceFired } from '../../../src/reference/sae';
import { allOptions, architecture, architectures, type OptionValues, recipeOf, traitsOf } from '../../../src/sae/architectures';

const problems = (arch: string, o: OptionValues, width = 70, knob = 4): string[] =>
  architecture(arch).problems?.(allOptions(architecture(arch), o), { width, knob, d: 24 }) ?? [];
const recipe = (arch: string, o: OptionValues = {}) => recipeOf(architecture(arch), allOptions(architecture(arch), o));

describe('options that contradict each other', () => {
  it.each<[string, OptionValues, RegExp]>([
    ['gated', { weighted: 'frozen' }, /weighted=frozen does nothing where decoder rows are held at norm 1/],
    ['gated', { encoders: 'untied', r_mag: 'none' }, /untied has no r_mag/],
    ['gated', { 'penalty-constant': 3 }, /penalty=l1 has no constant/],
    ['baseline', { 'p-end': 0.5 }, /p-end belong to penalty=p, and the penalty is l1/],
    ['baseline', { penalty: 'p', 'p-steps': 2.5 }, /p-steps must be a whole number, not 2\.5/],
    ['jumprelu', { loss: 'target', 'target-l0': 71 }, /target-l0=71 is more than the 70 latents/],
    ['jumprelu', { 'target-l0': 5 }, /target-l0 belongs to loss=target, and the loss is l0/],
    ['jumprelu', { loss: 'frequency', through: 'z' }, /frequency reaches thresholds alone/],
    ['jumprelu', { through: 'z', 'window-of': 'f' }, /through=z has no meaning/],
    ['jumprelu', { loss: 'tanh', 'window-of': 'f' }, /loss=tanh counts none/],
    ['topk', { 'k-aux': 71 }, /k-aux=71 is more than the 70 latents/],
    ['batchtopk', { 'dead-after': 1.5 }, /dead-after must be a whole number/],
    ['matryoshka', { groups: '7,14,21,27' }, /add up to 69; they must add up to the 70 latents/],
    ['matryoshka', { groups: '0.5,0.4' }, /add up to 0\.9; shares of the latents must add up to 1/],
    ['matryoshka', { groups: '1/2,x' }, /every group must be a positive number/],
    ['matryoshka', { groups: '-7,77' }, /every group must be a positive number/],
    ['matryoshka', { groups: '' }, /groups is empty/],
    ['matryoshka', { groups: '1/1000,999/1000' }, /a group would be left without any/],
    ['matryoshka', { groups: new Array(9).fill('1/9').join(',') }, /9 groups; there may be 8 at most/],
    ['matryoshka', { groups: '1/2,1/2', 'group-weights': '1,2,3' }, /group-weights=1,2,3 are 3 for 2 groups/],
    ['matryoshka', { groups: '1/2,1/2', 'group-weights': '0,0' }, /one at least is above 0/],
  ])('%s %o', (arch, o, message) => {
    expect(problems(arch, o)).toEqual([expect.stringMatching(message)]);
  });

  it('k above the width is one of them; the defaults of every architecture are none, nor are the recipes that it knows', () => {
    expect(problems('topk', {}, 3)).toEqual(['k = 4 is more than the 3 latents that there are.']);
    for (const { id } of architectures()) expect(problems(id, {}), id).toEqual([]);
  });

  it('a number outside its bounds is refused before that', () => {
    expect(() => traitsOf(architecture('jumprelu'), { window: 0 })).toThrow(/window must be a number from/);
    expect(() => traitsOf(architecture('gated'), { penalty: 'l2' })).toThrow(/penalty must be one of l1, tanh, sqrt, log, p/);
  });
});

describe('recipes', () => {
  it.each<[string, OptionValues, RegExp]>([
    ['gated', {}, /^paper/],
    ['gated', { aux: 'unfrozen', weighted: 'trained', decoder: 'free' }, /^SAELens 6\.49 gated \(.*both unfrozen\)/],
    ['gated', { penalty: 'p' }, /GatedAnnealTrainer/],
    ['baseline', { weighted: 'trained', decoder: 'free' }, /Anthropic, April 2024/],
    [
      'jumprelu',
      { loss: 'target', 'target-l0': 33, 'window-of': 'f', theta0: 0.001, window: 0.001 },
      /dictionary_learning JumpReluTrainer/,
    ],
    ['topk', { 'dead-after': 10_000_000, 'threshold-decay': 0.999, 'threshold-start': 1000 }, /TopKTrainer/],
  ])('%s %o', (arch, o, said) => {
    expect(recipe(arch, o)).toMatch(said);
    expect(problems(arch, o)).toEqual([]);
  });

  it('are nobody’s where an option is another', () => {
    expect(recipe('gated', { aux: 'none', penalty: 'tanh' })).toBeUndefined();
    expect(recipe('jumprelu', { loss: 'target', window: 0.3 })).toBeUndefined();
  });
});

describe('groups of a Matryoshka SAE', () => {
  const prefixes = (o: OptionValues, width = 70) => traitsOf(architecture('matryoshka'), o).prefixes?.(width);
  it('are numbers of latents, or shares of them that end with all; their weights add up to 1', () => {
    expect(prefixes({ groups: '7,14,21,28' })?.map(({ end }) => end)).toEqual([7, 21, 42, 70]);
    expect(prefixes({ groups: '0.1 0.2 0.3 0.4' })?.map(({ end }) => end)).toEqual([7, 21, 42, 70]);
    expect(prefixes({ groups: '1/32,1/16,1/8,1/4,17/32' }, 65536)?.map(({ end }) => end)).toEqual([2048, 6144, 14336, 30720, 65536]);
    expect(prefixes({})?.map(({ weight }) => weight)).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(prefixes({ groups: '1,69', 'group-weights': '3,1' })?.map(({ weight }) => weight)).toEqual([0.75, 0.25]);
  });
});

it('p falls evenly from 1 to its end, the last value holding as long as the others', () => {
  const anneal = (o: OptionValues, steps: number) => architecture('baseline').anneal?.(allOptions(architecture('baseline'), o), steps);
  expect(anneal({}, 100)).toBeUndefined();
  const found = anneal({ penalty: 'p', 'p-end': 0.4, 'p-steps': 5, 'p-from': 0.5 }, 100);
  expect(found?.at).toEqual([50, 60, 70, 80, 90]);
  [1, 0.85, 0.7, 0.55, 0.4].forEach((p, i) => expect(found?.powers[i]).toBeCloseTo(p, 12));
});

describe('selection', () => {
  const values = Float64Array.of(3, 1, 3, 0, /* row 1 */ 3, 2, 0, -1);
  it('gives ties to the lowest index, and takes nothing that is not positive', () => {
    expect(largest(values, 2)).toEqual([0, 2]);
    expect([...select('row', values, 4, 1)]).toEqual([1, 0, 0, 0, 1, 0, 0, 0]);
    expect([...select('row', values, 4, 4)]).toEqual([1, 1, 1, 0, 1, 1, 0, 0]);
    expect([...select('batch', values, 4, 1)]).toEqual([1, 0, 1, 0, 0, 0, 0, 0]);
    expect([...select('batch', values, 4, 2)]).toEqual([1, 0, 1, 0, 1, 1, 0, 0]);
  });
  it('counts rows since a latent fired, and takes dead latents alone for AuxK', () => {
    const kept = select('row', values, 4, 1);
    expect([...sinceFired([5, 5, 0, 7], kept)]).toEqual([0, 7, 2, 9]);
    expect([...selectDead(values, [false, true, true, true], 1)]).toEqual([0, 0, 1, 0, 0, 1, 0, 0]);
  });
  it('knows the least that was kept: of the batch, or the mean over rows', () => {
    const kept = select('row', values, 4, 2);
    expect([leastKept('batch', values, kept, 4), leastKept('row', values, kept, 4)]).toEqual([2, 2.5]);
  });
});
