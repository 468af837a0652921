/** (c) The step over its one irreducible product, x·W_encᵀ. */
import { REFERENCE, SUBJECT } from '../../src/sae/architectures';
import { type Case, leftOut, ratio } from '../context';
import { measure } from '../measure';
import { ourProduct, ourStep } from '../ours';
import { makeProblem } from '../problem';
import { stepSize } from './step';

export const overhead: Case = async (context) => {
  const { d, f, batch, l0 } = stepSize(context);
  const problems = [SUBJECT, REFERENCE].map((arch) => makeProblem(arch, d, f, batch, l0));
  const steps = [];
  for (const { x, weights } of problems) steps.push(await ourStep(context, `${weights.arch} step`, x, [weights]));
  const [first] = problems as [(typeof problems)[number]];
  const product = await ourProduct(context.gpu, 'encoder product', first.x, first.weights.wEnc, d);
  try {
    context.say('the step beside its encoder product');
    const guessMs = (2 * batch * d * f) / context.flopsPerMs;
    const contenders = [{ ...product, guessMs }, ...steps.map((one) => ({ ...one, guessMs: 2 * guessMs }))];
    // The ratio of two short times: more rounds than usual, so that a moment's disturbance of one of them does not show.
    const rounds = 3 * context.effort.rounds;
    const timings = await measure(
      contenders,
      { ...context.effort, rounds, leastRounds: rounds, budgetMs: 3 * context.effort.budgetMs },
      context,
    );
    const [gated, baseline] = [`${SUBJECT} step`, `${REFERENCE} step`].map((name) => ratio(timings, name, 'encoder product'));
    return {
      title: 'overhead over the irreducible product',
      figures: { gated_over_encoder: gated },
      timings,
      notes: [
        `D ${d}, F ${f}, B ${batch}`,
        ...(baseline === undefined ? [] : [`baseline step over its encoder product: ${baseline.toFixed(2)}`]),
        ...leftOut(context, contenders, timings),
      ],
    };
  } finally {
    for (const one of [product, ...steps]) one.dispose();
  }
};
