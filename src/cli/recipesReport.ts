/** docs/recipes.md and its figure, from the cells that were run. */
import { BATCH, BUDGETS, type Cell, EVALUATION_WINDOWS, LENGTHS, RATES, SEED, SITES, type Start, WIDTH } from '../lab/recipes/cells';
import { type Contest, contests, frontOf, isInOrder, ranked } from '../lab/recipes/scores';
import { frontierLine } from '../metrics/pareto';
import { QUALITIES } from '../metrics/quality';
import { architecture, architectureIds } from '../sae/architectures';
import { FAMILIES } from '../sae/architectures/families';
import {
  type Axis,
  axes,
  FILE_ATTRS,
  LIGHT_INK,
  label,
  line,
  linearTicks,
  logTicks,
  node,
  paper,
  polyline,
  type SvgNode,
  sheet,
  svgText,
  tickText,
} from '../util/svg';

export const FIGURE = 'recipes.svg';

const sorted = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
const startText = ({ encLength, lr }: Start): string => `length ${encLength}, lr ${lr}`;

/** Architectures that were run, in the table's order. */
const archesOf = (cells: readonly Cell[]) => architectureIds().filter((id) => cells.some(({ arch }) => arch === id));

function scoreTable({ arch, site, budget, range, entries }: Contest): string {
  const lengths = sorted(entries.map(({ cell }) => cell.encLength));
  const rates = sorted(entries.map(({ cell }) => cell.lr));
  const best = Math.max(...entries.flatMap(({ score }) => score ?? []));
  const cellText = (lr: number, encLength: number): string => {
    const entry = entries.find(({ cell }) => cell.lr === lr && cell.encLength === encLength);
    if (!entry) return '';
    if (entry.score !== undefined) return entry.score === best ? `**${entry.score.toFixed(3)}**` : entry.score.toFixed(3);
    if (!isInOrder(entry.cell)) return 'collapse';
    return entry.l0s ? `L0 ${entry.l0s.map((l0) => l0.toFixed(1)).join('–')}` : 'no frontier';
  };
  const over = range ? `L0 ${range.lo.toFixed(1)}–${range.hi.toFixed(1)}` : 'no common range of L0';
  return `${architecture(arch).title}, \`${site}\`, ${budget} steps, ${over}:

| lr \\ length | ${lengths.join(' | ')} |
|---|${lengths.map(() => '---|').join('')}
${rates.map((lr) => `| ${lr} | ${lengths.map((length) => cellText(lr, length)).join(' | ')} |`).join('\n')}
`;
}

function chosenTable(cells: readonly Cell[], all: readonly Contest[]): string {
  const rows = sorted(cells.map(({ budget }) => budget)).flatMap((budget) =>
    archesOf(cells).flatMap((arch) => {
      const order = ranked(all, arch, budget);
      const [best, second] = order;
      if (!best) return [];
      const old = order.find(({ encLength, lr }) => encLength === 1 && lr === 1e-3);
      const sites = `${best.sites} of ${SITES.length}`;
      return [
        `| ${architecture(arch).title} | ${budget} | ${best.encLength} | ${best.lr} | ${sites} | ${best.behind.toFixed(3)} | ${second ? `${startText(second)} (${second.behind.toFixed(3)})` : ''} | ${old ? old.behind.toFixed(3) : ''} |`,
      ];
    }),
  );
  return `| arm | steps | length | lr | sites | behind | next best | length 1, lr 1e-3 |
|---|---|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

/** @param cells all that were run. */
export function recipesReport(cells: readonly Cell[]): string {
  const all = contests(cells);
  const place = (site: string) => (SITES as readonly string[]).indexOf(site);
  const order = [...all].sort((a, b) => a.budget - b.budget || place(a.site) - place(b.site));
  const absent = BUDGETS.filter((budget) => !cells.some((cell) => cell.budget === budget));
  const whole = LENGTHS.length * RATES.length;
  return `# Where each arm starts

Made by \`npm run recipes\` (options: [cli.md](cli.md#recipes)) from the ${cells.length} cells in [recipes.json](recipes.json). \`lr\` and
\`enc-length\` of an arm are at these values where nobody types one (\`auto\`). The next call runs what is missing.

A **cell** is one start (length of the encoder's rows × lr of Adam) of one arm at one site of the demo model for one budget: a frontier over
the default values of the arm's knob. Batch ${BATCH}, ${WIDTH} latents (baseline 1.5 times as many: equal compute), rows scaled to mean square norm 1,
b_dec from the mean, β1 0, lr warm-up 5 % and decay 20 % of the steps, λ warm-up 10 %, seed ${SEED}, measured on ${EVALUATION_WINDOWS} windows of 128
tokens.

Its **score** is the mean ${QUALITIES.recovered.name} over log L0, along the frontier, in a range of L0 that all cells span (where it would be
narrower than a factor of 4, those that begin last or end first are left out of it). A frontier that does not span the range has no score
(its own range stands in its place): nothing is drawn on beyond what was trained. Runs that recover less than 0 are on no frontier. Where by
the knob L0 and loss recovered do not rise together a run diverged or collapsed, and the start is out (*collapse*), however good the other
runs are. Scores rank the starts of one arm at one site and budget; ranges differ, so that they say nothing between arms. The default of
an arm is the start that falls least **behind** the best one, as a mean over the sites that were run (in ${QUALITIES.recovered.name}), without
those whose lr made a run of any arm collapse anywhere: defaults are for data that nobody has tried. Between
the budgets it is that of the nearest one, by their ratio; of runs of more than 4 times the most steps that were tried nothing is said, and they
begin at length 1 with lr 1e-3. One seed: differences below about 0.005 are noise.
${absent.length > 0 ? `\nNot run yet: ${absent.join(', ')} steps.\n` : ''}
${chosenTable(cells, all)}
The last column is the earlier default. Frontiers at the best start and at length 1, lr 1e-3:

![Frontiers of each arm at its start and at the earlier one](${FIGURE})

## All scores

Of ${whole} starts of the grid, those that were run.

${order.map(scoreTable).join('\n')}`;
}

const PANEL = { width: 300, height: 220, left: 62, right: 12, top: 40, bottom: 44 };

/** A panel for each site and budget: every arm at its start, and dashed at length 1 and lr 1e-3. */
export function recipesFigure(cells: readonly Cell[]): string {
  const budgets = sorted(cells.map(({ budget }) => budget));
  const sites = SITES.filter((site) => cells.some((cell) => cell.site === site));
  const all = contests(cells);
  const panels = budgets.flatMap((budget, row) => sites.map((site, column) => panel(cells, all, { site, budget, row, column })));
  const width = Math.max(1, sites.length) * PANEL.width;
  const height = Math.max(1, budgets.length) * PANEL.height + 30;
  const title = 'Frontiers of each arm at the start that was found (solid) and at length 1, lr 1e-3 (dashed)';
  const key = archesOf(cells).map((arch, i) => {
    const { title: name, family } = architecture(arch);
    const x = 16 + i * 110;
    return node(
      'g',
      {},
      line(x, height - 14, x + 24, height - 14, { stroke: FAMILIES[family].colour.light, 'stroke-width': '2' }),
      label(x + 30, height - 10, name, { fill: LIGHT_INK.ink, 'font-size': '12' }),
    );
  });
  const root = sheet({ width, height, title }, FILE_ATTRS, paper({ fill: LIGHT_INK.background }), ...panels, ...key);
  return `${svgText(root)}\n`;
}

function panel(
  cells: readonly Cell[],
  all: readonly Contest[],
  { site, budget, row, column }: { site: string; budget: number; row: number; column: number },
): SvgNode {
  const here = cells.filter((cell) => cell.site === site && cell.budget === budget);
  const lines = archesOf(here).flatMap((arch) => {
    const [best] = ranked(all, arch, budget);
    const at = (start: Start | undefined) =>
      here.find((cell) => start && cell.arch === arch && cell.encLength === start.encLength && cell.lr === start.lr);
    return [
      { arch, cell: at(best), dash: undefined },
      { arch, cell: at({ encLength: 1, lr: 1e-3 }), dash: '4 3' },
    ].flatMap(({ cell, ...rest }) => (cell ? [{ ...rest, front: frontOf(cell) }] : []));
  });
  const points = lines.flatMap(({ front }) => front);
  const place = { transform: `translate(${column * PANEL.width} ${row * PANEL.height})` };
  const heading = label(PANEL.left, 22, `${site}, ${budget} steps`, { fill: LIGHT_INK.ink, 'font-size': '12', 'font-weight': '600' });
  if (points.length === 0) return node('g', place, heading);
  const [lo, hi] = [Math.min(...points.map(({ l0 }) => l0)) / 1.1, Math.max(...points.map(({ l0 }) => l0)) * 1.1];
  const x: Axis = { lo, hi, log: true, ticks: logTicks(lo, hi), title: 'L0 (log)', format: String };
  const levels = linearTicks(0, 1);
  const y: Axis = { lo: 0, hi: 1, ticks: levels, title: QUALITIES.recovered.name, format: tickText(levels) };
  const frame = { left: PANEL.left, right: PANEL.width - PANEL.right, top: PANEL.top, bottom: PANEL.height - PANEL.bottom };
  const small = { 'font-size': '11' };
  const made = axes(frame, x, y, {
    grid: { stroke: LIGHT_INK.grid },
    tick: { fill: LIGHT_INK.muted, ...small },
    title: { fill: LIGHT_INK.ink, ...small },
  });
  return node(
    'g',
    place,
    heading,
    ...made.nodes,
    ...lines.map(({ arch, front, dash }) =>
      polyline(
        frontierLine(front).map(([l0, quality]) => [made.x(l0), made.y(quality)] as const),
        { stroke: FAMILIES[architecture(arch).family].colour.light, 'stroke-width': '1.75', 'stroke-dasharray': dash },
      ),
    ),
  );
}
