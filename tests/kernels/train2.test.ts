/**
 * Steps of every architecture and ablation arm as dictionary_learning's own trainers, or float64 autograd of the published formula, take them
 * (tests/fixtures/train2), against the whole WGSL step: sparse and dense, alone and packed between runs of every architecture.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readCaseJson, readTensors } from '../../src/cli/parity/read';
import type { ExpectedTraining } from '../../src/lab/parity/expected';
import { worst } from '../../src/lab/parity/findings';
import { checkResampling, type ExpectedResampling } from '../../src/lab/parity/resample';
import { checkTraining, type Machine, machineOf, sameWeights, type TrainingCase, train } from '../../src/lab/parity/training';
import { fixturePath } from '../fixtures';
import { testGpu } from '../gpu';

const FLOPS_PER_MS = 1e9;
/** Products of a case's size are cut into some ten dispatches. */
const SLOW = 300;
const CASES = readdirSync(fixturePath('train2'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const TRAINING = CASES.filter((name) => !/^(ito|resample)/.test(name));

async function filesOf(name: string): Promise<TrainingCase> {
  const folder = fixturePath(`train2/${name}`);
  const read = (file: string) => readTensors(folder, `${file}.safetensors`);
  return {
    expected: await readCaseJson<ExpectedTraining>(folder, 'expected.json'),
    init: await read('init'),
    data: await read('data'),
    final: await read('final'),
  };
}

/** As a GPU does it, with workgroups of 32 and no rows in registers, and so slow that dispatches are cut. */
const slowGpu = ({ limits: { registers: _, ...limits }, gpu }: Machine): Machine => ({
  gpu,
  flopsPerMs: SLOW,
  limits: { ...limits, lanes: 32, flopsPerMs: SLOW },
});

describe.each(TRAINING)('%s', (name) => {
  it('loses and learns as expected in every form, with the same bits alone and in a mixed sweep, and twice', async () => {
    const machine = machineOf(await testGpu(), FLOPS_PER_MS);
    const files = await filesOf(name);
    const { findings } = await checkTraining(machine, files, ['sparse', 'dense']);
    expect(findings.length).toBeGreaterThan(100);
    expect(findings.filter(({ over }) => !(over <= 1))).toEqual([]);
    const twice = async () => train(machine, files, { form: 'sparse', mixed: true });
    const [one, other] = [await twice(), await twice()];
    expect(sameWeights(one.final, other.final)).toBe(true);
    expect(other.logs).toEqual(one.logs);
  });

  it('so it does with the kernels of a GPU, in pieces', async () => {
    const { findings } = await checkTraining(slowGpu(machineOf(await testGpu(), FLOPS_PER_MS)), await filesOf(name), ['sparse']);
    const most = worst(findings);
    expect(most?.over, most?.what).toBeLessThanOrEqual(1);
  });
});

it.each(CASES.filter((name) => name.startsWith('resample')))('%s begins anew as expected', async (name) => {
  const expected = await readCaseJson<ExpectedResampling>(fixturePath(`train2/${name}`), 'expected.json');
  const { findings } = await checkResampling(await testGpu(), FLOPS_PER_MS, expected, await filesOf(name));
  expect(findings.filter(({ over }) => !(over <= 1))).toEqual([]);
});
