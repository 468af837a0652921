/**
 * The paper's figures 8 and 9, and two questions of its successors, on the demo model: the arms of a preset, and which of the checks of a faithful
 * reproduction hold.
 */
import type { Run } from '../../lab/experiment';
import { summaryOf } from '../../lab/runSummary';
import { armsOfPreset, type Preset, preset, writeArm } from '../../lab/settings';
import { armNames, distinctArms } from '../../metrics/arms';
import { type Comparison, compare } from '../../metrics/comparison';
import { headline } from '../../metrics/headline';
import { median } from '../../metrics/pareto';
import { QUALITIES, UNBIASED } from '../../metrics/quality';
import type { Metrics } from '../../metrics/types';
import { architecture, optionWords, SUBJECT } from '../../sae/architectures';
import { type Options, UsageError } from '../args';
import { adapterName } from '../engine';
import { paretoSvg } from '../paretoSvg';
import { type Check, cell, checkTable, markdownTable, onDemo, type Reproduction, SETUP_WORDS } from './demo';
import { recoveredAt } from './rows';

const HOOK = 'blocks.0.hook_mlp_out';
const STEPS = 1500;
const BATCH = 256;

/** A measured run. */
interface Measured {
  run: Run;
  m: Metrics;
}

/** Runs of an arm: those of an architecture with these options, `aux=unfrozen`, and no others away from their defaults. */
type ArmOf = (arch: string, words?: string) => Measured[];

interface Figure {
  preset: string;
  /** Arms for the checks that the preset lacks. */
  more: readonly string[];
  checks: (of: ArmOf, all: readonly Measured[]) => Check[];
}

const FIGURES: Record<string, Figure> = {
  '8': { preset: 'fig8', more: ['gated width=2x aux=none lambda=0.1,0.4'], checks: ablations },
  '9': { preset: 'fig9', more: [], checks: rescaled },
  field: { preset: 'field', more: [], checks: field },
  frequency: { preset: 'frequency', more: [], checks: frequency },
};

export const figureNames = (): string[] => Object.keys(FIGURES);

const text = (values: readonly (number | undefined)[], places = 3): string => values.map((value) => cell(value, places)).join(', ');

const seedsOf = (runs: readonly Measured[]): number[] => [...new Set(runs.map(({ run }) => run.spec.seed))];

const ofSeed = (runs: readonly Measured[], seed: number): Measured[] => runs.filter(({ run }) => run.spec.seed === seed);

/** A metric of an arm at an L0, linear in log L0 between its runs; undefined outside of them. */
const at = (runs: readonly Measured[], l0: number, value: (m: Metrics) => number | undefined): number | undefined =>
  recoveredAt(
    runs.flatMap(({ m }) => {
      const found = value(m);
      return found === undefined ? [] : [{ l0: m.l0, recovered: found }];
    }),
    l0,
  );

/** How much more the first arm has of it than the second, at the L0 of each of the second's runs of the same seed: the median, by seed. */
function lead(
  a: readonly Measured[],
  b: readonly Measured[],
  value: (m: Metrics) => number | undefined = (m) => m.loss_recovered,
): number[] {
  return seedsOf(b).flatMap((seed) => {
    const differences = ofSeed(b, seed).flatMap(({ m }) => {
      const [here, there] = [value(m), at(ofSeed(a, seed), m.l0, value)];
      return here === undefined || there === undefined ? [] : [there - here];
    });
    const middle = median(differences);
    return middle === undefined ? [] : [middle];
  });
}

/** A lead in every seed of at least so much. */
const leads = (claim: string, values: readonly number[], least: number): Check => ({
  claim,
  found: values.length > 0 ? `${text(values)} (median by seed)` : 'no common range of L0',
  holds: values.length > 0 && values.every((value) => value >= least),
});

function unbiased(claim: string, runs: readonly Measured[]): Check {
  const gammas = runs.filter(({ m }) => m.l0 <= 200 && m.alive >= 0.5).map(({ m }) => m.gamma);
  const [lo, hi] = UNBIASED;
  return { claim, found: text(gammas), holds: gammas.length > 0 && gammas.every((g) => g !== undefined && g >= lo && g <= hi) };
}

/** L0 falls as the knob rises, and so does the loss recovered, for every arm whose knob weighs a penalty. */
function falling(all: readonly Measured[]): Check {
  const groups = new Map<string, Measured[]>();
  for (const one of all) {
    const { arch, options, seed } = one.run.spec;
    const key = [arch, ...optionWords(architecture(arch), options), seed].join(' ');
    if (!architecture(arch).knob.whole) groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const wrong = [...groups].filter(([, runs]) => {
    const sorted = [...runs].sort((a, b) => a.run.spec.schedule.lambda - b.run.spec.schedule.lambda);
    return sorted.some(({ m }, i) => {
      const before = sorted[i - 1]?.m;
      return before !== undefined && !(m.l0 < before.l0 && (m.loss_recovered ?? 0) < (before.loss_recovered ?? 0));
    });
  });
  return {
    claim: '(15) L0 and loss recovered fall as lambda rises, for every arm and seed',
    found: wrong.length === 0 ? `${groups.size} arms and seeds` : `not for ${wrong.map(([key]) => key).join('; ')}`,
    holds: groups.size > 0 && wrong.length === 0,
  };
}

function ablations(of: ArmOf, all: readonly Measured[]): Check[] {
  const full = of(SUBJECT);
  const none = of(SUBJECT, 'aux=none');
  const kept = all.filter((one) => !none.includes(one));
  return [
    leads(
      '(13) at equal L0 the full Gated SAE recovers more than with an unfrozen auxiliary decoder',
      lead(full, of(SUBJECT, 'aux=unfrozen')),
      0,
    ),
    leads('(13) … and no less, up to 0.01, than without r_mag', lead(full, of(SUBJECT, 'r_mag=none')), -0.01),
    leads('(13) … and than with encoders of their own', lead(full, of(SUBJECT, 'encoders=untied')), -0.01),
    {
      claim: '(14) without the auxiliary loss the gate collapses: L0 below 1, or nothing recovered',
      found: none.map(({ m }) => `L0 ${cell(m.l0, 1)} at ${cell(m.loss_recovered, 3)}`).join(', '),
      holds: none.length > 0 && none.every(({ m }) => m.l0 < 1 || (m.loss_recovered ?? 1) <= 0.05),
    },
    unbiased(`(9) gamma of the full Gated SAE lies in [${UNBIASED.join(', ')}]`, full),
    falling(kept),
  ];
}

function rescaled(of: ArmOf, all: readonly Measured[]): Check[] {
  const baseline = of('baseline');
  const stage = of('rescale_shift');
  const pairs = stage.flatMap((one) => {
    const { seed, schedule } = one.run.spec;
    const from = baseline.find(({ run }) => run.spec.seed === seed && run.spec.schedule.lambda === schedule.lambda);
    return from ? [{ from: from.m, to: one.m }] : [];
  });
  return [
    unbiased(`(12) rescale & shift brings gamma into [${UNBIASED.join(', ')}]`, stage),
    {
      claim: '(9) gamma of the baseline itself is below 1',
      found: text(baseline.map(({ m }) => m.gamma)),
      holds: baseline.length > 0 && baseline.every(({ m }) => (m.gamma ?? 1) < 1),
    },
    {
      claim: '(8) what fires stays: L0 is that of its baseline, less what the shift leaves at 0 (2 % at most)',
      found: pairs.map(({ from, to }) => `${cell(from.l0, 1)} to ${cell(to.l0, 1)}`).join(', '),
      holds: pairs.length > 0 && pairs.every(({ from, to }) => to.l0 <= from.l0 && to.l0 >= 0.98 * from.l0),
    },
    {
      claim: '(12) FVU and CE are better than those of its baseline',
      found: pairs
        .map(({ from, to }) => `FVU ${cell(from.fvu, 3)} to ${cell(to.fvu, 3)}, CE ${cell(from.ce_sae, 3)} to ${cell(to.ce_sae, 3)}`)
        .join('; '),
      holds:
        pairs.length > 0 &&
        pairs.every(({ from, to }) => (to.fvu ?? 1) < (from.fvu ?? 0) && (to.ce_sae ?? Number.POSITIVE_INFINITY) < (from.ce_sae ?? 0)),
    },
    leads('(12) at equal L0 Gated still recovers no less', lead(of(SUBJECT), stage), 0),
    falling(all),
  ];
}

const often = (m: Metrics): number => m.latents_over_10_percent;

function field(of: ArmOf, all: readonly Measured[]): Check[] {
  const gated = of(SUBJECT);
  const kept = ['topk', 'batchtopk', 'matryoshka'].flatMap((arch) => of(arch));
  return [
    unbiased(`(9) gamma of Gated lies in [${UNBIASED.join(', ')}]`, gated),
    {
      claim: 'L0 of the TopK family is its k, within 10 %, as evaluated',
      found: kept.map(({ run, m }) => `${run.spec.arch} ${run.spec.schedule.lambda}: ${cell(m.l0, 1)}`).join(', '),
      holds: kept.length > 0 && kept.every(({ run, m }) => Math.abs(m.l0 / run.spec.schedule.lambda - 1) <= 0.1),
    },
    ...['topk', 'jumprelu'].map((arch) =>
      leads(`(17) at equal L0 ${architecture(arch).title} has no fewer latents above 10 % than Gated`, lead(of(arch), gated, often), 0),
    ),
    falling(all),
  ];
}

function frequency(of: ArmOf, all: readonly Measured[]): Check[] {
  const plain = of('jumprelu');
  const mild = of('jumprelu', 'loss=frequency');
  const strict = of('jumprelu', 'loss=frequency omega0=0.01');
  const fvu = (m: Metrics) => m.fvu;
  return [
    leads(
      'the quadratic frequency loss, omega0 0.1: at equal L0 JumpReLU without it has more latents above 10 %',
      lead(plain, mild, often),
      0,
    ),
    {
      claim: 'with omega0 0.01 no latent fires on more than 10 % of the tokens',
      found: strict.map(({ m }) => `${m.latents_over_10_percent} at L0 ${cell(m.l0, 1)}`).join(', '),
      holds: strict.length > 0 && strict.every(({ m }) => m.latents_over_10_percent === 0),
    },
    leads('… and omega0 0.1 costs at most 0.03 of FVU at equal L0', lead(plain, mild, fvu), -0.03),
    leads('(17) at equal L0 JumpReLU has no fewer latents above 10 % than Gated', lead(plain, of(SUBJECT), often), 0),
    falling(all),
  ];
}

/** The arms that were asked for, each with its seeds, as people type them. */
const armTexts = (chosen: Preset, { more }: Figure): string[] => [...armsOfPreset(chosen).map((arm) => `${writeArm(arm)}`), ...more];

/** @throws UsageError */
export async function reproduceFigure(options: Options): Promise<Reproduction> {
  const name = options.text('figure') as string;
  const figure = FIGURES[name];
  if (!figure) throw new UsageError(`--figure must be ${figureNames().join(', ')}, not "${name}"`);
  const chosen = preset(figure.preset);
  const seeds = options.text('seed') ?? '1,2';
  const steps = options.count('steps', STEPS, 1);
  const { setup, minutes } = await onDemo({ hook: HOOK, arms: armTexts(chosen, figure), steps, batch: BATCH, seeds });
  const all = setup.runs.flatMap((run): Measured[] => (run.metrics ? [{ run, m: run.metrics }] : []));
  const of: ArmOf = (arch, words = '') =>
    all.filter(
      ({ run: { spec } }) =>
        spec.arch === arch && optionWords(architecture(arch), spec.options).sort().join(' ') === words.split(' ').sort().join(' '),
    );
  const checks = figure.checks(of, all);
  const summaries = setup.runs.map((run) => summaryOf(run, setup.experiment));
  const comparison: Comparison<(typeof summaries)[number]> = compare(summaries, QUALITIES.recovered);
  const { sentence, notes } = headline(comparison);
  const names = armNames(distinctArms(summaries));
  const table = markdownTable(
    ['arm', 'F', 'knob', 'seed', 'L0', 'loss recovered', 'CE', 'γ', 'R²', '> 1 %', '> 10 %', 'alive'],
    summaries.map(({ arm, arch, dSae, lambda, seed, metrics: m }) => [
      ...[names.get(arm.key) ?? arch, String(dSae), `${architecture(arch).knob.symbol} ${lambda}`, String(seed)],
      ...[cell(m?.l0, 1), cell(m?.loss_recovered, 3), cell(m?.ce_sae, 3), cell(m?.gamma, 3), cell(m?.r2, 3)],
      ...[cell(m?.latents_over_1_percent, 0), cell(m?.latents_over_10_percent, 0), m ? `${(100 * m.alive).toFixed(0)} %` : '–'],
    ]),
  );
  const drawing = paretoSvg(comparison.points, QUALITIES.recovered, [sentence, ...notes]);
  const report = `# ${chosen.title} on the demo model

${chosen.line}

Made by \`npm run reproduce -- --figure ${name}\` on ${adapterName(setup.engine.gpu)} in ${minutes.toFixed(1)} minutes.
\`${HOOK}\`, ${steps} steps of ${BATCH}, ${SETUP_WORDS},
encoder rows of length 1, b_dec at the mean; seeds ${seeds}. Numbers of checks in brackets are those of the checks that a faithful reproduction must
pass (docs/metrics.md says how each metric is formed).

![Loss recovered against L0](images/${drawingName(name)})

${sentence} ${notes.join(' ')}

${table}

${checkTable(checks)}
`;
  return { checks, runs: setup.runs, report, drawings: { '.svg': drawing } };
}

/** As `reproduce` calls the drawing of a report of the usual name. */
const drawingName = (name: string): string => `reproduction-figure-${name}.svg`;
