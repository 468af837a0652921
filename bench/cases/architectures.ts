/** (g) One step of every architecture with every choice among its options, at the size of case b, over the gated one; what the selections of the TopK family take; the field in one sweep. */
import { armsOfPreset, preset } from '../../src/lab/settings';
import {
  type Architecture,
  allOptions,
  architecture,
  architectures,
  type OptionValues,
  optionWords,
  REFERENCE,
  SUBJECT,
  traitsOf,
} from '../../src/sae/architectures';
import { groupRuns, layoutLimits } from '../../src/sae/layout';
import { floors, select } from '../../src/sae/step/select';
import { correction, encode } from '../../src/sae/step/shared';
import { messageOf } from '../../src/util/errors';
import { allRounds, type Case, type Context, leftOut, ratio, timeLeft } from '../context';
import type { Figure } from '../figures';
import { type Contender, measure, type Timing } from '../measure';
import { type OurStep, ourStep } from '../ours';
import { normalRows, sparseWeights } from '../problem';
import { stepSize } from './step';

/** An architecture with options. */
interface Arm {
  name: string;
  entry: Architecture;
  options: OptionValues;
  /** Which figure its time over the gated one's belongs to. */
  figure: Figure;
}

/** What counts it: the bounds differ by what an arm has to do. */
function figureOf(entry: Architecture, options: OptionValues): Figure {
  const { selects, prefixes, encoders } = traitsOf(entry, options);
  if (prefixes) return 'matryoshka_over_gated';
  if (selects !== 'none') return selects === 'row' ? 'topk_over_gated' : 'batchtopk_over_gated';
  if (encoders === 2) return 'untied_over_gated';
  if (entry.family === 'jumprelu') return 'jumprelu_over_gated';
  return entry.id === REFERENCE && optionWords(entry, options).length === 0 ? 'baseline_over_gated' : 'variants_over_gated';
}

/** Nested reconstructions of a Matryoshka SAE. */
const FIVE_GROUPS = '1/16,1/16,1/8,1/4,1/2';

/** Every architecture as it is by default, and (but in a quick run) with each other choice of each option, a free decoder where only that allows the choice. */
function arms(size: { width: number; d: number; knob: number }, quick: boolean): Arm[] {
  return architectures().flatMap((entry) => {
    const wanted: OptionValues[] = [{}];
    for (const option of entry.options) {
      if (option.kind !== 'choice' || quick) continue;
      for (const choice of option.choices) if (choice !== option.default) wanted.push({ [option.key]: choice });
    }
    if (entry.options.some(({ key }) => key === 'groups')) wanted.push({ groups: FIVE_GROUPS });
    const fits = (options: OptionValues) => (entry.problems?.(allOptions(entry, options), size) ?? []).length === 0;
    return wanted.flatMap((options): Arm[] => {
      const free = { ...options, decoder: 'free' };
      const own = fits(options) ? options : 'decoder' in allOptions(entry) && fits(free) ? free : undefined;
      if (!own) return [];
      return [{ name: [entry.id, ...optionWords(entry, own)].join(' '), entry, options: own, figure: figureOf(entry, own) }];
    });
  });
}

/**
 * How much more one takes than another: in processor time where a software GPU does the work in this process, for other programs disturb it less than they
 * do wall time, and here are many contenders and few rounds; in wall time on a GPU.
 */
function over(context: Context, timings: readonly Timing[], top: string, bottom: string): number | undefined {
  const [a, b] = [top, bottom].map((name) => timings.find((timing) => timing.name === name));
  const isTold = context.gpu.adapter.isSoftware && a?.cpuMs !== undefined && b?.cpuMs !== undefined;
  return isTold ? (a.cpuMs as number) / (b.cpuMs as number) : ratio(timings, top, bottom);
}

/** Of several arms each: a quick run, which has few of them, leaves them out. */
const OF_MANY: readonly Figure[] = ['variants_over_gated', 'jumprelu_over_gated'];

/** What compiling an arm's kernels and a first step may take. */
const COMPILE_MS = 4000;

/** JumpReLU: latents of a row in the windows about the thresholds. */
const IN_WINDOW = 3;

/** Of the reference's size, five values an arm. */
const FIELD = { d: 128, batch: 256, width: 256 };
const FIELD_SMALL = { d: 64, batch: 64, width: 128 };

export const architectureSteps: Case = async (context) => {
  const { d, f, batch, l0 } = stepSize(context);
  const x = normalRows(batch, d, 17);
  const notes = [
    `D ${d}, F ${f}, B ${batch}, L0 about ${l0}; JumpReLU with ${IN_WINDOW} latents a row in the window; the TopK family with k ${l0}, half of the latents candidates, none dead`,
  ];
  const steps: { arm: Arm; step: OurStep }[] = [];
  const others: { dispose(): void }[] = [];
  const figures: Partial<Record<Figure, number>> = {};
  try {
    const all = arms({ width: f, d, knob: l0 }, context.quick);
    for (const arm of all) {
      if (timeLeft(context) < COMPILE_MS) break;
      context.say(`compiling ${arm.name}`);
      const weights = sparseWeights(arm.entry.id, d, f, l0, x, 5, arm.options, IN_WINDOW);
      try {
        const step = await ourStep(context, arm.name, x, [weights], { form: 'sparse', k: l0 });
        const [log] = await step.log();
        notes.push(`${arm.name}: mean L0 ${log?.l0.toFixed(1)}`);
        steps.push({ arm, step });
      } catch (cause) {
        context.problem(arm.name, cause);
      }
    }
    const selections = await Promise.all(
      steps
        .filter(({ arm }) => arm.figure === 'topk_over_gated' || arm.figure === 'batchtopk_over_gated')
        .map(({ arm, step }) => selectionOf(arm, step)),
    );
    context.say('timing the architectures');
    const contenders: Contender[] = [...steps.map(({ step }) => step), ...selections.flatMap(({ encode: one, both }) => [one, both])];
    const timings = await measure(contenders, context.effort, context);
    for (const { arm } of steps) {
      const times = over(context, timings, arm.name, SUBJECT);
      if (times === undefined || arm.name === SUBJECT) continue;
      notes.push(`${arm.name}: ${times.toFixed(2)} of the gated step`);
      if (!context.quick || !OF_MANY.includes(arm.figure)) figures[arm.figure] = Math.max(times, figures[arm.figure] ?? 0);
    }
    for (const { arm, encode: one, both } of selections) {
      const [alone, together] = [one, both].map(({ name }) => over(context, timings, name, arm.name));
      const share = alone === undefined || together === undefined ? undefined : Math.max(0, together - alone);
      const figure = arm.figure === 'topk_over_gated' ? 'topk_selection_share' : 'batchtopk_selection_share';
      if (share !== undefined && Object.keys(arm.options).length === 0) figures[figure] = share;
    }
    for (const { step } of steps) step.dispose();
    steps.length = 0;
    const field = context.quick ? undefined : await fieldSweep(context, others);
    const missing = all.filter(({ name }) => !contenders.some((one) => one.name === name)).map(({ name }) => ({ name }));
    notes.push(...(field?.notes ?? []), ...leftOut(context, [...contenders, ...missing], timings));
    if (context.quick) notes.push('a quick run measures each architecture as it is by default, and not the field');
    // What packing saves is waiting, which takes no processor time.
    const overField = field && ratio(field.timings, field.packed, field.alone);
    if (overField !== undefined) figures.field_sweep_over_sequential = overField;
    return { title: 'architectures', figures, timings: [...timings, ...(field?.timings ?? [])], notes };
  } finally {
    for (const { step } of steps) step.dispose();
    for (const other of others) other.dispose();
  }
};

/** The encoder alone and with the selection behind it: their difference is what the selection takes. A selection alone would find its work done. */
async function selectionOf(arm: Arm, { trainer }: OurStep): Promise<{ arm: Arm; encode: Contender; both: Contender }> {
  const { context: c, layout, gpu } = trainer;
  const encoder = [...correction(c), ...floors(c, layout.batch), ...encode(c, layout.batch)];
  const made = async (name: string, dispatches: typeof encoder): Promise<Contender> => {
    await c.compile(dispatches);
    const plan = c.plan(name, dispatches);
    return {
      name,
      async run(times) {
        for (let i = 0; i < times; i++) plan.submit(trainer.options.flopsPerMs);
        await gpu.queue.onSubmittedWorkDone();
        gpu.check();
      },
    };
  };
  return {
    arm,
    encode: await made(`${arm.name}: encoder`, encoder),
    both: await made(`${arm.name}: encoder and selection`, [...encoder, ...select(c)]),
  };
}

/** All runs of the preset "the field" at the demo's size, packed, and one after another. */
async function fieldSweep(
  context: Context,
  others: { dispose(): void }[],
): Promise<{ timings: Timing[]; packed: string; alone: string; notes: string[] }> {
  const { d, batch, width } = context.small ? FIELD_SMALL : FIELD;
  const x = normalRows(batch, d, 3);
  const names = { packed: 'the field in a sweep', alone: 'the field one after another' };
  try {
    const runs = armsOfPreset(preset('field')).flatMap(({ arch, texts }, a) => {
      const entry = architecture(arch);
      const options = Object.fromEntries(
        entry.options.flatMap(({ key, kind }) =>
          texts[key] === undefined ? [] : [[key, kind === 'number' ? Number(texts[key]) : texts[key]]],
        ),
      );
      // As many runs as the arm has values of its knob; L0 is what k would make it.
      return [4, 8, 16, 32, 64].map((l0, i) => ({ weights: sparseWeights(arch, d, width, l0, x, 10 * a + i, options, IN_WINDOW), k: l0 }));
    });
    context.say(`a sweep of ${runs.length}`);
    // As an experiment packs them: a sweep for those that may choose the dense form, one for the others, step by step together.
    const groups = groupRuns(
      d,
      batch,
      runs.map((run) => ({ ...run, arch: run.weights.arch, width, options: run.weights.options ?? {} })),
      layoutLimits(context.gpu, context.flopsPerMs),
    );
    const sweeps: OurStep[] = [];
    for (const [i, group] of groups.entries()) {
      const form = group.form === 'sparse' ? { form: group.form } : {};
      const own = group.runs.map(({ weights }) => weights);
      const step = await ourStep(context, `sweep ${i}`, x, own, { ...form, ks: group.runs.map(({ k }) => k) });
      sweeps.push(step);
      others.push(step);
    }
    const slots = Uint32Array.from({ length: batch }, (_, i) => i);
    const packed: Contender = {
      name: names.packed,
      async run(times) {
        for (let i = 0; i < times; i++) for (const { trainer } of sweeps) await trainer.step(slots);
        await sweeps.at(-1)?.run(0); // waits for all
      },
    };
    const alone: OurStep[] = [];
    for (const [i, run] of runs.entries()) {
      const step = await ourStep(context, `run ${i}`, x, [run.weights], { k: run.k });
      alone.push(step);
      others.push(step);
    }
    const sequential: Contender = {
      name: names.alone,
      async run(times) {
        for (const run of alone) await run.run(times);
      },
    };
    const timings = await measure([packed, sequential], { ...allRounds(context), sampleMs: 4 * context.effort.sampleMs }, context);
    return {
      timings,
      ...names,
      notes: [
        `the field: D ${d}, F ${width}, B ${batch}, ${runs.length} runs with L0 4 to 64 in ${groups.length} packed sweeps; one step of all`,
      ],
    };
  } catch (cause) {
    context.problem(names.packed, messageOf(cause));
    return { timings: [], ...names, notes: [] };
  }
}
