/** The paper's claim on the demo model, checked: Gated SAEs need about half the L0 of baseline SAEs at equal loss recovered, and do not shrink. */
import type { Run } from '../../lab/experiment';
import { frontier, liesAtOrAbove, matchedRatios, median } from '../../metrics/pareto';
import { paretoSentence } from '../../metrics/paretoWords';
import { QUALITIES, UNBIASED } from '../../metrics/quality';
import type { Metrics } from '../../metrics/types';
import { REFERENCE, SUBJECT } from '../../sae/architectures';
import { type Options, UsageError } from '../args';
import { compared } from '../commands/sweep';
import { adapterName } from '../engine';
import type { TrainingSetup } from '../training';
import { type Check, checkTable, onDemo, type Reproduction } from './demo';

/** A site of the demo model with the sizes of the PyTorch reference (public/demo/README.md) and what it found, by kind and lambda. */
interface Site {
  hook: string;
  /** Arms of the sweep; more lambdas than the reference has: at least five a kind. */
  arms: { arch: string; width: number; lambdas: string }[];
  steps: number;
  batch: number;
  reference: { arch: string; lambda: number; l0: number; recovered: number; gamma: number }[];
}

const SITES: Record<string, Site> = {
  mlp_out: {
    hook: 'blocks.0.hook_mlp_out',
    arms: [
      { arch: 'baseline', width: 384, lambdas: '0.05,0.1,0.15,0.2,0.4' },
      { arch: 'gated', width: 256, lambdas: '0.1,0.2,0.3,0.4,0.8' },
    ],
    steps: 1500,
    batch: 256,
    reference: [
      { arch: 'gated', lambda: 0.1, l0: 49.1, recovered: 0.952, gamma: 1.003 },
      { arch: 'gated', lambda: 0.2, l0: 20.0, recovered: 0.866, gamma: 1.004 },
      { arch: 'gated', lambda: 0.4, l0: 5.9, recovered: 0.691, gamma: 1.003 },
      { arch: 'gated', lambda: 0.8, l0: 1.9, recovered: 0.293, gamma: 0.997 },
      { arch: 'baseline', lambda: 0.05, l0: 78.6, recovered: 0.939, gamma: 0.918 },
      { arch: 'baseline', lambda: 0.1, l0: 40.2, recovered: 0.857, gamma: 0.884 },
      { arch: 'baseline', lambda: 0.2, l0: 16.7, recovered: 0.677, gamma: 0.838 },
      { arch: 'baseline', lambda: 0.4, l0: 5.4, recovered: 0.304, gamma: 0.761 },
    ],
  },
  hook_post: {
    hook: 'blocks.0.mlp.hook_post',
    arms: [
      { arch: 'baseline', width: 1536, lambdas: '0.05,0.1,0.15,0.2,0.4' },
      { arch: 'gated', width: 1024, lambdas: '0.1,0.2,0.3,0.4,0.8' },
    ],
    steps: 2500,
    batch: 1024,
    reference: [
      { arch: 'gated', lambda: 0.1, l0: 49.7, recovered: 0.97, gamma: 1.001 },
      { arch: 'gated', lambda: 0.2, l0: 15.3, recovered: 0.933, gamma: 1.001 },
      { arch: 'gated', lambda: 0.4, l0: 4.6, recovered: 0.858, gamma: 1.002 },
      { arch: 'gated', lambda: 0.8, l0: 1.5, recovered: 0.635, gamma: 1.002 },
      { arch: 'baseline', lambda: 0.05, l0: 72.7, recovered: 0.965, gamma: 0.925 },
      { arch: 'baseline', lambda: 0.1, l0: 25.5, recovered: 0.929, gamma: 0.902 },
      { arch: 'baseline', lambda: 0.2, l0: 9.1, recovered: 0.85, gamma: 0.853 },
      { arch: 'baseline', lambda: 0.4, l0: 3.0, recovered: 0.55, gamma: 0.756 },
    ],
  },
};

export const siteNames = (): string[] => Object.keys(SITES);

/** @throws UsageError */
export async function reproduceClaim(options: Options): Promise<Reproduction> {
  const name = options.text('site') ?? 'mlp_out';
  const known = SITES[name];
  const isTuned = options.flag('tuned');
  if (!known) throw new UsageError(`--site must be ${siteNames().join(' or ')}, not "${name}"`);
  const wider = widened(known, options.count('wider', 1, 1));
  const site = isTuned ? { ...wider, reference: [] } : wider;
  const seed = options.text('seed') ?? '1';
  const steps = options.count('steps', site.steps, 1);
  const start = isTuned ? ' lr=auto enc-length=auto' : '';
  const arms = site.arms.map(({ arch, width, lambdas }) => `${arch} width=${width} lambda=${lambdas}${start}`);
  const { setup, minutes } = await onDemo({ hook: site.hook, arms, steps, batch: site.batch, seeds: seed });
  const checks = verify(setup);
  return { checks, runs: setup.runs, report: markdown({ name, site, setup, checks, minutes, steps, seed, isTuned }), drawings: {} };
}

/** The same sweep with dictionaries so many times as wide; the reference was not run at those. */
const widened = (site: Site, times: number): Site =>
  times === 1 ? site : { ...site, arms: site.arms.map((arm) => ({ ...arm, width: times * arm.width })), reference: [] };

const measured = (runs: readonly Run[], arch: string): { run: Run; m: Metrics }[] =>
  runs
    .flatMap((run) => (run.spec.arch === arch && run.metrics ? [{ run, m: run.metrics }] : []))
    .sort((a, b) => a.run.spec.schedule.lambda - b.run.spec.schedule.lambda);

/** The acceptance checks of the claim. */
export function verify(setup: TrainingSetup): Check[] {
  const { runs } = setup;
  const gated = measured(runs, SUBJECT);
  const baseline = measured(runs, REFERENCE);
  const { points } = compared(setup, QUALITIES.recovered);
  const fronts = {
    gated: frontier(points.filter(({ arch }) => arch === SUBJECT)),
    baseline: frontier(points.filter(({ arch }) => arch === REFERENCE)),
  };
  const moderate = gated.filter(({ m }) => m.l0 <= 200 && m.alive >= 0.5);
  const gammas = moderate.map(({ m }) => m.gamma ?? Number.NaN);
  const falling = baseline.map(({ m }) => m.gamma ?? Number.NaN);
  const ratios = matchedRatios(fronts.gated, fronts.baseline).map(({ ratio }) => ratio);
  const middle = median(ratios);
  const above = liesAtOrAbove(fronts.gated, fronts.baseline);
  const text = (values: number[]) => values.map((value) => value.toFixed(3)).join(', ');
  return [
    {
      claim: 'at least 5 lambdas a kind were measured',
      found: `${gated.length} gated, ${baseline.length} baseline`,
      holds: gated.length >= 5 && baseline.length >= 5,
    },
    {
      claim: `gated gamma lies in [${UNBIASED.join(', ')}] wherever L0 <= 200 and at least 50 % of the latents are alive`,
      found: text(gammas),
      holds: gammas.length > 0 && gammas.every((gamma) => gamma >= UNBIASED[0] && gamma <= UNBIASED[1]),
    },
    {
      claim: 'baseline gamma is below 1 and falls as lambda rises',
      found: text(falling),
      holds: falling.every((gamma, i) => gamma < 1 && (i === 0 || gamma < (falling[i - 1] as number))),
    },
    {
      claim: 'the median of L0(gated) / L0(baseline) at equal loss recovered is at most 0.65',
      found: `${middle === undefined ? 'no overlap' : middle.toFixed(3)} over ${ratios.length} matched points (${text(ratios)})`,
      holds: middle !== undefined && middle <= 0.65,
    },
    {
      claim: 'the gated frontier lies at or above the baseline frontier wherever they overlap',
      found: above ? `compared at ${above.places} runs of both` : 'no overlap',
      holds: above?.holds === true,
    },
    {
      claim: 'L0 and loss recovered fall as lambda rises, for both kinds',
      found: `gated L0 ${gated.map(({ m }) => m.l0.toFixed(1)).join(', ')}; baseline L0 ${baseline.map(({ m }) => m.l0.toFixed(1)).join(', ')}`,
      holds: [gated, baseline].every((kind) =>
        kind.every(
          ({ m }, i) => i === 0 || (m.l0 < (kind[i - 1]?.m.l0 ?? 0) && (m.loss_recovered ?? 0) < (kind[i - 1]?.m.loss_recovered ?? 0)),
        ),
      ),
    },
  ];
}

/** How the command was called. */
function flagsOf({ name, site, isTuned }: Pick<Reported, 'name' | 'site' | 'isTuned'>): string {
  const [own, known] = [site, SITES[name] as Site].map(({ arms }) => arms[0]?.width ?? 1) as [number, number];
  const times = own / known;
  const flags = [
    ...(name === 'mlp_out' ? [] : [`--site ${name}`]),
    ...(times === 1 ? [] : [`--wider ${times}`]),
    ...(isTuned ? ['--tuned'] : []),
  ];
  return flags.length > 0 ? ` -- ${flags.join(' ')}` : '';
}

interface Reported {
  name: string;
  site: Site;
  setup: TrainingSetup;
  checks: Check[];
  minutes: number;
  steps: number;
  seed: string;
  isTuned: boolean;
}

/** Where each arm began. */
const starts = ({ runs }: TrainingSetup): string =>
  [...new Set(runs.map(({ spec }) => `${spec.arch} at length ${spec.start.encLength} and lr ${spec.schedule.lr}`))].join(', ');

function markdown(report: Reported): string {
  const { site, setup, checks, minutes, steps, seed, isTuned } = report;
  const rows = setup.runs.map((run) => {
    const m = run.metrics;
    const ref = site.reference.find(({ arch, lambda }) => arch === run.spec.arch && lambda === run.spec.schedule.lambda);
    const cell = (value: number | undefined, places: number) => (value === undefined ? '–' : value.toFixed(places));
    return `| ${run.spec.arch} | ${run.spec.width} | ${run.spec.schedule.lambda} | ${cell(m?.l0, 1)} | ${ref ? ref.l0.toFixed(1) : ''} | ${cell(m?.loss_recovered, 3)} | ${ref ? ref.recovered.toFixed(3) : ''} | ${cell(m?.loss_recovered_mean, 3)} | ${cell(m?.ce_sae, 3)} | ${cell(m?.gamma, 3)} | ${ref ? ref.gamma.toFixed(3) : ''} | ${cell(m?.r2, 3)} | ${m ? `${(100 * m.alive).toFixed(0)} %` : '–'} |`;
  });
  const first = setup.runs[0]?.metrics;
  return `# Reproduction: ${site.hook} of the demo model

Made by \`npm run reproduce${flagsOf(report)}\` on ${adapterName(setup.engine.gpu)} in ${minutes.toFixed(1)} minutes.
${steps} steps of ${site.batch}, seed ${seed}, ${isTuned ? 'lr' : 'encoder rows of length 1, lr 1e-3'} (100 steps warm-up, linear to 0 over the last 20 %), lambda warm-up over the first 10 %, activations scaled
to mean square norm 1, Adam beta1 0. Baseline SAEs are 1.5x wider (equal compute, as in the paper). Evaluated on the first 300 windows
of 128 tokens of \`public/demo/stories.txt\`, which were not trained on: CE clean ${first?.ce_clean?.toFixed(4)}, zero-ablated ${first?.ce_zero?.toFixed(4)}, mean-ablated ${first?.ce_mean?.toFixed(4)} nats.
${
  site.reference.length > 0
    ? 'Columns marked (ref) are what a PyTorch reference found with one seed ([public/demo/README.md](../public/demo/README.md)).'
    : isTuned
      ? `Each arm began where it was found to do best at the nearest number of steps ([recipes.md](recipes.md)): ${starts(setup)}.\nThe reference began all at length 1 and lr 1e-3 ([reproduction.md](reproduction.md)).`
      : 'No reference was run at these widths.'
}

| kind | F | lambda | L0 | (ref) | loss recovered | (ref) | (mean abl.) | CE | gamma | (ref) | R² | alive |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
${rows.join('\n')}

${paretoSentence(compared(setup, QUALITIES.recovered).points)}

${checkTable(checks)}
`;
}
