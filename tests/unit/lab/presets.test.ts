/** Presets: arms that parse, links that name them, and nothing offered that the table does not have. */
import { describe, expect, it } from 'vitest';
import { everyPreset } from '../../../src/lab/presets';
import {
  armsOfPreset,
  countRuns,
  defaultArms,
  defaultForm,
  parseSettings,
  preset,
  presetOf,
  presets,
  type SweepConfig,
  settingsFromParams,
  settingsToParams,
} from '../../../src/lab/settings';
import { architectures, optionsOfRecipe, recipeOf } from '../../../src/sae/architectures';
import { MAX_RUNS } from '../../../src/sae/bounds';

describe('presets', () => {
  it('have names of their own', () => {
    expect(everyPreset().map(({ id }) => id)).toEqual(['paper', 'fig8', 'fig9', 'thread', 'field', 'frequency']);
    // The table has all that they ask for.
    expect(presets()).toEqual(everyPreset());
  });
  it.each(presets().map(({ id }) => id))('%s parses to a sweep that one Start may have, with two seeds too where there is room', (id) => {
    const { config, errors } = parseSettings({ ...defaultForm(), arms: armsOfPreset(preset(id)) }, 128);
    expect(errors).toEqual({});
    expect(countRuns(config as SweepConfig)).toBeLessThanOrEqual(MAX_RUNS);
  });
  it.each(presets().map(({ id }) => id))('%s is one short link, that opens it', (id) => {
    const arms = armsOfPreset(preset(id));
    const link = settingsToParams({ ...defaultForm(), arms });
    expect(link.toString()).toBe(id === 'paper' ? '' : `preset=${id}`);
    expect(settingsFromParams(new URLSearchParams(`preset=${id}&steps=7`))).toEqual({ ...defaultForm(), arms, steps: '7' });
    expect(presetOf(arms)?.id).toBe(id);
  });
  it('the paper is what a sweep has at first', () => {
    expect(armsOfPreset(preset('paper'))).toEqual(defaultArms());
    expect(defaultArms().map(({ arch }) => arch)).toEqual(['baseline', 'gated']);
  });
  it('one that is not there is refused by name, in the form too', () => {
    expect(() => preset('fields')).toThrow(/^"fields" is none of the presets paper/);
    const { errors } = parseSettings(settingsFromParams(new URLSearchParams('preset=fields')), 16);
    expect(errors['arms.0.arch']).toMatch(/"preset fields" is not one of /);
  });
});

describe('recipes', () => {
  const all = architectures().flatMap((entry) =>
    (entry.recipes ?? []).map((recipe) => ({ entry, recipe, name: `${entry.id}: ${recipe[0]}` })),
  );
  it.each(all)('$name: an arm with its options parses without contradiction, and is said to be of it', ({ entry, recipe }) => {
    const options = optionsOfRecipe(entry, recipe);
    expect(recipeOf(entry, options)).toBe(recipe[0]);
    const texts = Object.fromEntries(Object.entries(recipe[1]).map(([key, value]) => [key, String(value)]));
    // A second stage needs runs to start from.
    const arms = [
      { arch: 'baseline', texts: {} },
      { arch: entry.id, texts },
    ];
    const { errors, config } = parseSettings({ ...defaultForm(), arms }, 128);
    expect(errors).toEqual({});
    expect(config?.arms[1]?.options).toEqual(options);
  });
});
