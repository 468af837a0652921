/** (d) Eight runs in one packed sweep, and the same eight one after another, each as fast as it goes alone. */
import { type ArchitectureId, architecture, REFERENCE, SUBJECT } from '../../src/sae/architectures';
import { allRounds, type Case, leftOut, ratio } from '../context';
import { type Contender, measure } from '../measure';
import { type OurStep, ourStep } from '../ours';
import { normalRows, sparseWeights } from '../problem';

/** `width`: of the subject; the reference's costs the same. */
const SIZE = { d: 128, batch: 256, l0: 24, width: 256 };
const SMALL = { d: 64, batch: 128, l0: 12, width: 128 };
const EACH = 4;
const RUNS = [SUBJECT, REFERENCE].flatMap((arch) => Array.from({ length: EACH }, () => architecture(arch)));

export const sweep: Case = async (context) => {
  const { d, batch, l0, width } = context.small ? SMALL : SIZE;
  const x = normalRows(batch, d, 3);
  const weights = RUNS.map(({ id, width: { equalCompute } }, i) => sparseWeights(id, d, width * equalCompute, l0, x, i));
  const packed = await ourStep(context, '8 runs in a sweep', x, weights);
  const alone: OurStep[] = [];
  const of = (arch: ArchitectureId) => `${EACH} ${arch} of ${width * architecture(arch).width.equalCompute}`;
  try {
    for (const [i, own] of weights.entries()) alone.push(await ourStep(context, `run ${i}`, x, [own]));
    const sequential: Contender = {
      name: '8 runs one after another',
      async run(times) {
        for (const run of alone) await run.run(times);
      },
    };
    context.say('a sweep of eight');
    const contenders = [packed, sequential];
    // Several steps a sample, so that a run alone is not charged with a wait for each of its steps.
    const effort = { ...allRounds(context), sampleMs: 4 * context.effort.sampleMs };
    const timings = await measure(contenders, effort, context);
    return {
      title: 'sweep of 8',
      figures: { sweep8_over_sequential: ratio(timings, packed.name, sequential.name) },
      timings,
      notes: [
        `D ${d}, B ${batch}, ${of(SUBJECT)} and ${of(REFERENCE)}, L0 about ${l0}; one step of all eight`,
        ...leftOut(context, contenders, timings),
      ],
    };
  } finally {
    for (const run of [packed, ...alone]) run.dispose();
  }
};
