/**
 * The rows of the last table of public/demo/README.md, one by one: what a PyTorch reference found of the paper's ablations and of the successors, against
 * what is trained here on batches of its own. A few rows a sweep; what was trained is kept beside the report, so that it may be interrupted.
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { Run } from '../../lab/experiment';
import { type ArmForm, readArm } from '../../lab/settings';
import type { Metrics } from '../../metrics/types';
import { architecture, isArchitecture } from '../../sae/architectures';
import type { Options } from '../args';
import { adapterName } from '../engine';
import { say } from '../output';
import { type Check, cell, markdownTable, onDemo, type Reproduction, SETUP_WORDS } from './demo';
import { ROWS, type Row } from './demoTable';

const HOOK = 'blocks.0.hook_mlp_out';
const STEPS = 1500;
const BATCH = 256;
const WIDTH = 256;

/** Beside the row's own value of the knob, where L0 is another: for the loss recovered at the table's L0. */
const AROUND = [0.8, 1.25];

/** How near is near: of L0, as a share; of the loss recovered. */
export const NEAR = { l0: 0.12, recovered: 0.02 };

/** Whether the table of architectures has the arm with its options. */
function isKnown(arm: string): boolean {
  const [arch = '', ...words] = arm.split(' ');
  if (!isArchitecture(arch)) return false;
  const { options } = architecture(arch);
  return words.every((word) => options.some(({ key }) => key === word.split('=')[0]));
}

/** Rows that are trained together. */
const AT_ONCE = 4;

/** A run that was trained and measured. */
interface Kept {
  /** The row's arm, as people type it. */
  arm: string;
  knob: number;
  seed: number;
  steps: number;
  device: string;
  metrics: Metrics;
}

const archOf = (arm: string): string => arm.split(' ')[0] as string;

const knobOf = ({ arm }: Row) => architecture(archOf(arm)).knob;

const around = (one: Row): number[] =>
  AROUND.map((times) => (knobOf(one).whole ? Math.round(one.knob * times) : Number((one.knob * times).toPrecision(6))));

/** The row's arm with these values of its knob; of a second stage the arm of the first one, and behind it the stage, which has its width and knob. */
export function armsOf({ arm, after, ...one }: Row, knobs: readonly number[]): string[] {
  const values = `width=${WIDTH} ${knobOf({ ...one, arm }).id}=${knobs.join(',')}`;
  return after === undefined ? [`${arm} ${values}`] : [`${after} ${values}`, arm];
}

/** Loss recovered of these runs at an L0: linear in log L0 between the two next to it; undefined outside of them. */
export function recoveredAt(runs: readonly { l0: number; recovered: number }[], l0: number): number | undefined {
  const sorted = runs.filter((run) => run.l0 > 0).sort((a, b) => a.l0 - b.l0);
  const above = sorted.findIndex((run) => run.l0 >= l0);
  const [lo, hi] = [sorted[above - 1], sorted[above]];
  if (hi && hi.l0 === l0) return hi.recovered;
  if (!lo || !hi) return undefined;
  const share = Math.log(l0 / lo.l0) / Math.log(hi.l0 / lo.l0);
  return lo.recovered + share * (hi.recovered - lo.recovered);
}

const sameOptions = (run: Run, form: ArmForm): boolean => {
  const { arch, options } = run.spec;
  if (arch !== form.arch) return false;
  return architecture(arch).options.every(
    ({ key, default: standard }) => String(options[key] ?? standard) === (form.texts[key] ?? String(standard)),
  );
};

/** A row with one seed. */
interface Found {
  row: Row;
  seed: number;
  m: Metrics | undefined;
  /** Loss recovered at the table's L0. */
  at: number | undefined;
  near: { l0: boolean; recovered: boolean };
}

function foundOf(one: Row, kept: readonly Kept[], seed: number): Found {
  const own = kept.filter((run) => run.arm === one.arm && run.seed === seed);
  const m = own.find(({ knob }) => knob === one.knob)?.metrics;
  const points = own.flatMap(({ knob, metrics: { l0, loss_recovered: recovered } }) =>
    [one.knob, ...around(one)].includes(knob) && recovered !== undefined ? [{ l0, recovered }] : [],
  );
  const at = recoveredAt(points, one.l0);
  return {
    row: one,
    seed,
    m,
    at,
    near: {
      l0: m !== undefined && Math.abs(m.l0 / one.l0 - 1) <= NEAR.l0,
      recovered: at !== undefined && Math.abs(at - one.recovered) <= NEAR.recovered,
    },
  };
}

const isMet = ({ near }: Found): boolean => near.l0 || near.recovered;

const shown = ({ row: one, seed, m, at, near }: Found): string[] => {
  const said = one.says === undefined ? String(one.knob) : `${one.knob} (table ${one.says})`;
  const why = [...(near.l0 ? ['L0'] : []), ...(near.recovered ? ['recovered at that L0'] : [])].join(', ');
  return [
    ...[one.name, said, String(seed)],
    ...[cell(m?.l0, 1), one.l0.toFixed(1), cell(m?.loss_recovered, 3), one.recovered.toFixed(3), cell(at, 3)],
    ...[
      cell(m?.gamma, 3),
      one.gamma.toFixed(3),
      cell(m?.r2, 3),
      one.r2.toFixed(3),
      cell(m?.latents_over_10_percent, 0),
      String(one.over10),
    ],
    why === '' ? '**no**' : why,
  ];
};

/** What was trained in an earlier call. A file that is not there is an empty one. */
async function readKept(path: string | undefined): Promise<Kept[]> {
  if (path === undefined) return [];
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return '[]';
    throw cause;
  });
  return JSON.parse(text) as Kept[];
}

/** The runs of these rows with these values of the knob. */
async function trainRows(rows: readonly Row[], knobs: (one: Row) => number[], steps: number, seeds: readonly number[]): Promise<Kept[]> {
  const arms = [...new Set(rows.flatMap((one) => armsOf(one, knobs(one))))];
  const { setup } = await onDemo({ hook: HOOK, arms, steps, batch: BATCH, seeds: seeds.join(',') });
  const device = adapterName(setup.engine.gpu);
  return [...new Set(rows.map(({ arm }) => arm))].flatMap((arm) => {
    const form = readArm(arm);
    return setup.runs.flatMap((run): Kept[] => {
      const { metrics, spec } = run;
      return metrics && sameOptions(run, form) ? [{ arm, knob: spec.schedule.lambda, seed: spec.seed, steps, device, metrics }] : [];
    });
  });
}

/** A few at a time; a second stage by itself, so that it is plain what it starts from. */
function chunks(rows: readonly Row[]): Row[][] {
  const plain = rows.filter(({ after }) => after === undefined);
  const few = Array.from({ length: Math.ceil(plain.length / AT_ONCE) }, (_, i) => plain.slice(i * AT_ONCE, (i + 1) * AT_ONCE));
  return [...few, ...rows.filter(({ after }) => after !== undefined).map((one) => [one])];
}

/**
 * Trains what has not been trained yet; with `--only TEXT`, rows with this in their name or arm, anew.
 * @param options `--report FILE`: runs are kept in the .json beside it.
 */
export async function reproduceRows(options: Options): Promise<Reproduction> {
  const seeds = (options.text('seed') ?? '1,2').split(',').map(Number);
  const steps = options.count('steps', STEPS, 1);
  const only = options.text('only');
  const path = options.text('report')?.replace(/\.md$/, '.json');
  const rows = ROWS.filter(({ arm }) => isKnown(arm));
  const isAsked = ({ name, arm }: Row) => only === undefined || `${name} ${arm}`.includes(only);
  if (!rows.some(isAsked)) throw new Error('none of these rows can be trained here');
  const again = new Set(only === undefined ? [] : rows.filter(isAsked).map(({ arm }) => arm));
  let kept = (await readKept(path)).filter(({ arm, steps: done }) => done === steps && !again.has(arm));
  const keep = async (more: readonly Kept[]) => {
    kept = [...kept, ...more];
    if (path !== undefined) await writeFile(path, `${JSON.stringify(kept, undefined, 1)}\n`);
  };
  const has = (one: Row, knob: number) =>
    seeds.every((seed) => kept.some((run) => run.arm === one.arm && run.knob === knob && run.seed === seed));
  const missing = rows.filter((one) => isAsked(one) && !has(one, one.knob));
  for (const some of chunks(missing)) {
    say(`training ${some.map(({ name }) => name).join('; ')}`);
    await keep(await trainRows(some, ({ knob }) => [knob], steps, seeds));
  }
  const judge = (one: Row) => seeds.map((seed) => foundOf(one, kept, seed));
  const off = rows.filter((one) => isAsked(one) && judge(one).some(({ near }) => !near.l0) && !around(one).every((knob) => has(one, knob)));
  for (const some of chunks(off)) {
    say(`L0 is another; training around ${some.map(({ name }) => name).join('; ')}`);
    await keep(await trainRows(some, around, steps, seeds));
  }
  const trained = rows.filter((one) => has(one, one.knob));
  const left = ROWS.filter((one) => !trained.includes(one));
  const found = trained.flatMap(judge);
  const checks = trained.map((one): Check => {
    const own = found.filter(({ row: other }) => other === one);
    return {
      claim: `${one.name}, ${knobOf(one).symbol} ${one.knob}`,
      found: own
        .map(({ m, at, near }) => `L0 ${cell(m?.l0, 1)}${near.l0 ? '' : `, recovered at the table's L0 ${cell(at, 3)}`}`)
        .join('; '),
      holds: own.every(isMet),
    };
  });
  const met = checks.filter(({ holds }) => holds).length;
  const report = `# The demo's table, row by row

Made by \`npm run reproduce -- --rows\` on ${[...new Set(kept.map(({ device }) => device))].join(' and ')}; every run is kept in
\`demo-rows.json\` beside this page, and a call trains what is missing.
\`${HOOK}\` of the demo model, F ${WIDTH} for every kind, ${steps} steps of ${BATCH}, ${SETUP_WORDS},
encoder rows of length 1, b_dec at the mean; seeds ${seeds.join(' and ')}, batches of our own. Columns marked (table) are the last table of
[public/demo/README.md](../public/demo/README.md), one seed of a PyTorch reference. A row is met with L0 within ±12 %; where L0
is another, with the loss recovered within 0.02 at the table's L0: interpolated, linear in log L0, between our runs at ${AROUND.join(', 1, ')} times the
knob. Gradient pursuit is left for later.

${markdownTable(HEADINGS, found.map(shown))}

${met} of ${checks.length} rows that were trained are met with every seed.${left.length > 0 ? ` Not trained yet: ${left.map(({ name }) => name).join('; ')}.` : ''}
`;
  return { checks: [...checks, ...left.filter(isAsked).map(notTrained)], runs: [], report, drawings: {} };
}

const notTrained = ({ name }: Row): Check => ({ claim: name, found: 'not trained', holds: false });

const HEADINGS = [
  ...['kind', 'knob', 'seed', 'L0', '(table)', 'recovered', '(table)', "at the table's L0"],
  ...['γ', '(table)', 'R²', '(table)', '>10 %', '(table)', 'met by'],
];
