import { describe, expect, it } from 'vitest';
import { SelfTests, selfTest } from '../../../src/lab/selfTest';
import { architectures, type OptionValues } from '../../../src/sae/architectures';
import { testGpu } from '../../gpu';

it('this device computes the training step as the float64 twin does', async () => {
  expect(await selfTest(await testGpu(), 1e9)).toBeLessThan(1e-2);
});

describe.each(architectures().map((entry) => [entry.id, entry] as const))('%s', (arch, { options }) => {
  it('trains as its float64 twin with every choice of its options, packed together', async () => {
    const others = options.flatMap((option): OptionValues[] =>
      option.kind === 'choice'
        ? option.choices.filter((choice) => choice !== option.default).map((choice) => ({ [option.key]: choice }))
        : [],
    );
    const runs = [{}, ...others].map((chosen) => ({ arch, options: chosen }));
    expect(await selfTest(await testGpu(), 1e9, runs)).toBeLessThan(2e-2);
  });
});

it('what a sweep trains is tested once', async () => {
  const tests = new SelfTests(await testGpu(), 1e9);
  expect(await tests.problem()).toBeUndefined();
  const [first] = architectures();
  if (!first) throw new Error('no architecture');
  const { backward } = first.twin;
  first.twin.backward = () => ({ u: 1, second: 0, norm: 0, vectors: [1, 1, 1] });
  try {
    expect(await tests.problem([{ arch: first.id }]), 'tested already').toBeUndefined();
    const fresh = new SelfTests(await testGpu(), 1e9);
    expect(await fresh.problem([{ arch: first.id }])).toMatch(new RegExp(`the ${first.id} training step is wrong on this GPU`));
    expect(await fresh.problem([{ arch: first.id }]), 'told once').toBeUndefined();
  } finally {
    first.twin.backward = backward;
  }
});
