/** (d) Eight runs in one packed sweep, and the same eight one after another, each as fast as it goes alone. */
import { allRounds, type Case, ratio } from '../context';
import { type Contender, measure } from '../measure';
import { type OurStep, ourStep } from '../ours';
import { normalRows, sparseWeights } from '../problem';

const D = 128;
const BATCH = 256;
const L0 = 24;
const RUNS = [...Array.from({ length: 4 }, () => ['gated', 256] as const), ...Array.from({ length: 4 }, () => ['baseline', 384] as const)];

export const sweep: Case = async (context) => {
  const x = normalRows(BATCH, D, 3);
  const weights = RUNS.map(([arch, width], i) => sparseWeights(arch, D, width, L0, x, i));
  const packed = await ourStep(context, '8 runs in a sweep', x, weights);
  const alone: OurStep[] = [];
  try {
    for (const [i, own] of weights.entries()) alone.push(await ourStep(context, `run ${i}`, x, [own]));
    const sequential: Contender = {
      name: '8 runs one after another',
      async run(times) {
        for (const run of alone) await run.run(times);
      },
    };
    context.say('timing a sweep');
    // Several steps a sample, so that a run alone is not charged with a wait for each of its steps.
    const effort = { ...allRounds(context), sampleMs: 4 * context.effort.sampleMs };
    const timings = await measure([packed, sequential], effort);
    return {
      title: 'd  sweep of 8',
      figures: { sweep8_over_sequential: ratio(timings, packed.name, sequential.name) },
      timings,
      notes: [`D ${D}, B ${BATCH}, 4 gated of 256 and 4 baseline of 384, L0 about ${L0}; one step of all eight`],
    };
  } finally {
    for (const run of [packed, ...alone]) run.dispose();
  }
};
