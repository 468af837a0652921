/** Selections (shaders/sae/select) on scores as the encoder leaves them, against sorting: what is kept, dead latents, thresholds, AuxK's choice. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Arena, readBytes } from '../../../src/gpu/buffers';
import { DEFAULT_MATMUL } from '../../../src/gpu/matmul';
import { shaderFile } from '../../../src/gpu/shaders';
import { constantIn } from '../../../src/gpu/struct';
import { FLAG, MAX_RUNS, SELECTION, STATE, STATE_AT } from '../../../src/sae/kernels';
import { type Layout, layoutOf } from '../../../src/sae/layout';
import type { SegmentBuffers, SharedBuffers } from '../../../src/sae/memory';
import { type Dispatch, StepContext } from '../../../src/sae/step/context';
import { floors, type Selections, select, selectRows } from '../../../src/sae/step/select';
import { poison, randoms, testGpu } from '../../gpu';
import * as twin from '../../reference/select';
import { type RunValues, runTable } from './scene';

const SELECTS = { row: FLAG.selectsRow, batch: FLAG.selectsBatch };
const STATE_FILE = shaderFile('sae/select/state');
/** Places of a run's words in `selection`. */
const FLOOR = constantIn(STATE_FILE, 'FLOOR');
const DEAD_FLOOR = constantIn(STATE_FILE, 'DEAD_FLOOR');

interface RunSpec {
  width: number;
  /** Selects nothing where absent. */
  by?: 'row' | 'batch';
  k?: number;
  live?: boolean;
  deadAfter?: number;
  kAux?: number;
}

interface Case {
  layout: Layout;
  specs: RunSpec[];
  /** Of each run, `[rows, width]`. */
  scores: twin.Scores[];
  x: Float32Array;
  /** b_enc and rows since firing, of all packed latents. */
  bias: Float32Array;
  since: Float32Array;
  /** Words that others leave in the active set, for runs that select nothing. */
  foreign: Uint32Array;
}

/** Scores by row and latent of each run. */
type ScoreOf = (row: number, latent: number, r: number) => number;

const D = 20;
const random = (seed: number): ScoreOf => {
  const values = randoms(1 << 16, seed);
  return (row, latent, r) => Math.max(0, 4 * (values[(row * 977 + latent * 31 + r * 7919) % values.length] as number));
};

function caseOf(rows: number, specs: RunSpec[], scoreOf: ScoreOf, { registers = false, lanes = 8 } = {}): Case {
  const packed = specs.map(({ width, by }) => ({ arch: by ? 'baseline' : 'gated', width }));
  const layout = layoutOf(D, rows, packed, { maxStorageBufferBindingSize: 2 ** 27, flopsPerMs: 1e9, lanes, registers });
  return {
    layout,
    specs,
    scores: specs.map(({ width }, r) => ({
      rows,
      width,
      values: Float32Array.from({ length: rows * width }, (_, j) => scoreOf(Math.floor(j / width), j % width, r)),
    })),
    x: randoms(rows * 4 * layout.quads, 3),
    bias: randoms(layout.latents, 4),
    since: randoms(layout.latents, 5).map((v) => Math.round(1000 + 1000 * v)),
    foreign: Uint32Array.from({ length: (layout.latents / 4) * layout.rowGroups }, (_, j) => (j * 40503) & 0xffff),
  };
}

const isOn = ({ live = true, by }: RunSpec) => live && by !== undefined;

/** Word and bit of a (row, latent) of a run, by rows and by latents. */
function placeOf({ layout }: Case, r: number, row: number, latent: number) {
  const i = (layout.runs[r]?.first ?? 0) + latent;
  const [g, column, columns] = [Math.floor(row / 4), Math.floor(i / 4), layout.latents / 4];
  return {
    byRow: g * columns + column,
    byLatent: layout.rowGroups * columns + column * layout.rowGroups + g,
    bit: 4 * (i % 4) + (row % 4),
  };
}

interface State {
  /** -1 unless given. */
  threshold?: number;
  /** Of rows and of the dead: as the step before left them. */
  floors?: [number, number];
  /** Of this step. */
  step?: number;
}

interface Left {
  /** By rows, by latents, and kept u. */
  words: Uint32Array;
  since: Float32Array;
  runState: Float32Array;
  selection: Uint32Array;
}

interface Options {
  states?: State[];
  /** Evaluation: only rows are selected. */
  evaluates?: boolean;
  decay?: number;
  start?: number;
}

let gpu: Awaited<ReturnType<typeof testGpu>>;
beforeAll(async () => {
  gpu = await testGpu();
});

/** One step's selection on the GPU. Bits are set as the encoder would: above the floor of the row. */
async function selected(c: Case, options: Options = {}): Promise<Left> {
  const { states = [], evaluates = false, decay = 0.9, start = 2 } = options;
  const { layout } = c;
  const { latents, rowGroups, batch: rows } = layout;
  const R = layout.runs.length;
  const columns = latents / 4;
  let tiles = 0;
  const table: NonNullable<RunValues['members']>[] = c.specs.map(({ by, k = 0, width, deadAfter = 1e9, kAux = 0 }, r) => {
    const own = {
      scores: tiles,
      flags: by ? SELECTS[by] : 0,
      k,
      k_aux: kAux,
      dead_after: deadAfter,
      decay,
      start,
      step: states[r]?.step ?? 0,
    };
    if (by) tiles += rowGroups * Math.ceil(width / 4);
    return own;
  });
  const scores = new Float32Array(16 * Math.max(1, tiles));
  const norms = Array.from({ length: rows }, (_, b) => Math.hypot(...c.x.subarray(4 * b * layout.quads, 4 * (b + 1) * layout.quads)));
  const words = new Uint32Array(columns * rowGroups * (layout.registers ? 3 : 2)).fill(0xffffffff, 2 * columns * rowGroups);
  words.set(c.foreign);
  c.specs.forEach((spec, r) => {
    if (!isOn(spec)) return;
    const { values, width } = c.scores[r] as twin.Scores;
    const { first } = layout.runs[r] as { first: number };
    for (let g = 0; g < rowGroups; g++) for (let k = 0; k < Math.ceil(width / 4); k++) words[g * columns + first / 4 + k] = 0;
    values.forEach((value, j) => {
      const [row, latent] = [Math.floor(j / width), j % width];
      const { byRow, byLatent, bit } = placeOf(c, r, row, latent);
      scores[16 * ((table[r]?.scores as number) + Math.floor(row / 4) * Math.ceil(width / 4) + Math.floor(latent / 4)) + bit] = value;
      const floor = Math.fround((states[r]?.floors?.[0] ?? 0) * (spec.by === 'row' ? (norms[row] as number) : 1));
      if (value > floor) for (const at of [byRow, byLatent]) words[at] = (words[at] as number) | (1 << bit);
    });
  });
  const latentParams = new Float32Array(4 * latents);
  layout.runs.forEach(({ first }, r) => {
    const end = layout.runs[r + 1]?.first ?? latents;
    for (let i = first; i < end; i++) latentParams.set([c.bias[i] as number, c.since[i] as number, 0.5, r], 4 * i);
  });
  const selection = new Uint32Array(R * SELECTION);
  const runState = poison(R * STATE);
  const asFloats = new Float32Array(selection.buffer);
  c.specs.forEach((_, r) => {
    runState[r * STATE + STATE_AT.threshold] = states[r]?.threshold ?? -1;
    runState[r * STATE + STATE_AT.kAux] = 0;
    asFloats[r * SELECTION + FLOOR] = states[r]?.floors?.[0] ?? 0;
    asFloats[r * SELECTION + DEAD_FLOOR] = states[r]?.floors?.[1] ?? 0;
  });
  const arena = new Arena(gpu, 'select');
  const upload = (name: string, data: Float32Array | Uint32Array) => arena.upload(name, data);
  const active = new Uint32Array(MAX_RUNS + words.length);
  active.set(words, MAX_RUNS);
  const shared = {
    x: upload('x', c.x),
    scores: upload('scores', scores),
    floors: upload('floors', poison((2 * R + 1) * 4 * rowGroups)),
    least: upload('least', new Float32Array(2 * R * 4 * rowGroups)),
    selection: upload('selection', selection),
    run_state: upload('run_state', runState),
  };
  const segment = {
    active_set: upload('active_set', active),
    latent_params: upload('latent_params', latentParams),
    dead: upload('dead', new Uint32Array(columns).fill(0)),
    runs: arena.uniform(
      'runs',
      runTable(layout, [], (r) => ({ live: c.specs[r]?.live ?? true, members: table[r] })),
    ),
  };
  const context = new StepContext(
    gpu,
    arena,
    layout,
    shared as unknown as SharedBuffers,
    [{ from: 0, count: latents, buffers: segment as unknown as SegmentBuffers }],
    false,
    DEFAULT_MATMUL,
  );
  const all: Selections = { row: true, batch: true, dead: true };
  const dispatches: Dispatch[] = [...floors(context, rows), ...(evaluates ? selectRows(context, rows) : select(context, all))];
  await context.compile(dispatches);
  const plan = context.plan('select', dispatches);
  await arena.ready();
  plan.submit();
  const read = async (buffer: GPUBuffer) => readBytes(gpu, buffer);
  const [w, p, s, sel] = await Promise.all([
    read(segment.active_set),
    read(segment.latent_params),
    read(shared.run_state),
    read(shared.selection),
  ]);
  gpu.check();
  arena.destroy();
  const params = new Float32Array(p);
  return {
    words: new Uint32Array(w).subarray(MAX_RUNS),
    since: Float32Array.from({ length: latents }, (_, i) => params[4 * i + 1] as number),
    runState: new Float32Array(s),
    selection: new Uint32Array(sel),
  };
}

/** Places of a run whose bit is set, which both orders must agree on; and u of the lowest bit of each word. */
function keptOf(c: Case, left: Left, r: number): Set<number> {
  const { rows, width, values } = c.scores[r] as twin.Scores;
  const { latents, rowGroups } = c.layout;
  const { first } = c.layout.runs[r] as { first: number };
  const kept = new Set<number>();
  for (let row = 0; row < 4 * rowGroups; row++) {
    for (let latent = 0; latent < 4 * Math.ceil(width / 4); latent++) {
      const { byRow, byLatent, bit } = placeOf(c, r, row, latent);
      const on = ((left.words[byRow] as number) >> bit) & 1;
      if ((((left.words[byLatent] as number) >> bit) & 1) !== on) throw new Error(`row ${row}, latent ${latent}: ${on} by rows alone`);
      if (on && (row >= rows || latent >= width)) throw new Error(`row ${row}, latent ${latent} is padding and on`);
      if (!on) continue;
      kept.add(row * width + latent);
      if (c.layout.registers && (left.words[byRow] as number) % 2 ** bit === 0) {
        const at = (latents / 2) * rowGroups + byRow;
        const u = new Float32Array(left.words.buffer, left.words.byteOffset)[at] as number;
        expect(u, `kept u of row ${row}, latent ${latent}`).toBe(
          Math.fround((values[row * width + latent] as number) - (c.bias[first + latent] as number)),
        );
      }
    }
  }
  return kept;
}

/** Everything that a step leaves, against sorting. */
async function check(c: Case, options: Options = {}): Promise<Left> {
  const { states = [], decay = 0.9, start = 2 } = options;
  const left = await selected(c, options);
  c.specs.forEach((spec, r) => {
    const scores = c.scores[r] as twin.Scores;
    const { first } = c.layout.runs[r] as { first: number };
    const { by, k = 0, deadAfter = 1e9, kAux = 0 } = spec;
    const before = c.since.subarray(first, first + spec.width);
    if (!isOn(spec) || !by) {
      // Nobody has touched it.
      for (let g = 0; g < c.layout.rowGroups; g++) {
        for (let column = first / 4; column < (first + spec.width) / 4; column++) {
          const at = g * (c.layout.latents / 4) + column;
          expect(left.words[at], `run ${r}: word ${at}`).toBe(c.foreign[at]);
        }
      }
      expect(left.since.subarray(first, first + spec.width)).toEqual(before);
      return;
    }
    const main = by === 'row' ? twin.ofRows(scores, k) : twin.ofBatch(scores, k);
    const since = twin.rowsSince(before, scores, main);
    const dead = since.map((n) => n >= deadAfter);
    const count = dead.filter(Boolean).length;
    const kDead = Math.min(kAux || Math.floor(D / 2), count);
    const aux = twin.ofRows(scores, kDead, (latent) => dead[latent] === true);
    const sorted = (set: Iterable<number>) => [...set].sort((a, b) => a - b);
    expect(sorted(keptOf(c, left, r)), `run ${r}: kept`).toEqual(sorted([...main, ...aux]));
    expect([...left.since.subarray(first, first + spec.width)], `run ${r}: rows since`).toEqual(since);
    const state = (place: number) => left.runState[r * STATE + place] as number;
    expect([state(STATE_AT.dead), state(STATE_AT.kAux)], `run ${r}: dead latents`).toEqual([count, kDead]);
    const { threshold = -1, step = 0 } = states[r] ?? {};
    const want = step > start ? twin.threshold(threshold, twin.leastKept(scores, main, by), decay) : threshold;
    expect(Math.abs(state(STATE_AT.threshold) - want), `run ${r}: threshold`).toBeLessThanOrEqual(1e-6 * Math.abs(want));
  });
  return left;
}

const MIXED: RunSpec[] = [
  { width: 70, by: 'row', k: 4, deadAfter: 1037, kAux: 3 },
  { width: 33 },
  { width: 70, by: 'batch', k: 4, deadAfter: 1037 },
  { width: 9, by: 'row', k: 9 },
  { width: 13, by: 'batch', k: 5, live: false },
  { width: 41, by: 'batch', k: 2, deadAfter: 1 },
  { width: 21, by: 'row', k: 1, live: false },
];
const steps = (step: number, threshold = -1): State[] => MIXED.map(() => ({ step, threshold }));

describe.each([
  ['on a processor, u of first bits kept', { registers: true, lanes: 8 }],
  ['as on a GPU', { registers: false, lanes: 32 }],
] as const)('selections %s', (_, device) => {
  it('of several runs of each kind, beside others', async () => {
    await check(caseOf(37, MIXED, random(1), device), { states: steps(3) });
    await check(caseOf(1, MIXED, random(2), device), { states: steps(2, 0.25) });
    await check(caseOf(8, MIXED, random(3), device), { states: steps(3, 0.25) });
  });

  it('of equal scores the first: few values, all equal, rows that share one', async () => {
    const few: ScoreOf = (row, latent, r) => ((row * 7 + latent * 13 + r) % 5) / 4;
    await check(caseOf(37, MIXED, few, device), { states: steps(3) });
    await check(
      caseOf(37, MIXED, () => 0.7, device),
      { states: steps(3) },
    );
    await check(
      caseOf(37, MIXED, (row) => (row % 3) / 2, device),
      { states: steps(3) },
    );
  });

  it('fewer positive scores than wanted: all of them; none: none', async () => {
    const rare: ScoreOf = (row, latent, r) => ((row * 7 + latent * 11 + r) % 29 === 0 ? 1 + latent / 64 : 0);
    await check(caseOf(37, MIXED, rare, device), { states: steps(3, 0.5) });
    await check(
      caseOf(37, MIXED, () => 0, device),
      { states: steps(3, 0.5) },
    );
  });

  it('candidates above a floor: low enough, too high for some rows, for all', async () => {
    for (const floor of [0.1, 0.5, 0.9, 1.5]) {
      const states: State[] = MIXED.map(({ by }) => ({ step: 3, floors: by === 'row' ? [floor, floor] : [2 * floor, floor] }));
      await check(caseOf(37, MIXED, random(4), device), { states });
    }
  });

  it('of many latents, of all of them, of more rows than latents', async () => {
    const specs: RunSpec[] = [
      { width: 1030, by: 'row', k: 100, deadAfter: 1037, kAux: 200 },
      { width: 1030, by: 'batch', k: 100, deadAfter: 1037, kAux: 7 },
      { width: 530, by: 'row', k: 530 },
      { width: 530, by: 'batch', k: 530 },
    ];
    await check(caseOf(10, specs, random(5), device), { states: specs.map(() => ({ step: 9, threshold: 0.5, floors: [0.2, 0.3] })) });
    const few: RunSpec[] = [
      { width: 3, by: 'batch', k: 1, deadAfter: 1 },
      { width: 5, by: 'row', k: 2, deadAfter: 1 },
    ];
    await check(caseOf(301, few, random(6), device), { states: few.map(() => ({ step: 9 })) });
  });

  it('of scores of every size, infinite ones too', async () => {
    const sizes: ScoreOf = (row, latent, r) => {
      const n = (row * 17 + latent * 5 + r) % 11;
      return n === 0 ? Number.POSITIVE_INFINITY : n === 1 ? 0 : 2 ** (n * 25 - 170) * (1 + latent / 128);
    };
    await check(caseOf(37, MIXED, sizes, device));
  });

  it('in evaluation rows alone, with no trace in what training keeps', async () => {
    const c = caseOf(37, MIXED, random(7), device);
    const states = steps(3, 0.25);
    const left = await selected(c, { states, evaluates: true });
    for (const r of [0, 3]) {
      const { k } = MIXED[r] as { k: number };
      expect(keptOf(c, left, r), `run ${r}`).toEqual(twin.ofRows(c.scores[r] as twin.Scores, k));
    }
    expect(left.since).toEqual(c.since);
    MIXED.forEach((_, r) => {
      expect(left.runState[r * STATE + STATE_AT.threshold]).toBe(0.25);
    });
  });

  it('gives the same bits twice, whatever the floors', async () => {
    const c = caseOf(37, MIXED, random(8), device);
    const all = await Promise.all(
      [0, 0, 0.3, 0.6].map((floor) => selected(c, { states: MIXED.map(() => ({ step: 3, floors: [floor, floor / 2] })) })),
    );
    for (const left of all.slice(1)) {
      expect(left.words).toEqual(all[0]?.words);
      expect(left.since).toEqual(all[0]?.since);
      expect(left.runState).toEqual(all[0]?.runState);
    }
  });

  it('the floors of the next step lie below nearly all of what a row keeps, and above most scores', async () => {
    const c = caseOf(37, MIXED.slice(0, 3), random(9), device);
    const left = await selected(c, { states: steps(3) });
    const floors = new Float32Array(left.selection.buffer);
    for (const [r, by] of [
      [0, 'row'],
      [2, 'batch'],
    ] as const) {
      const scores = c.scores[r] as twin.Scores;
      const kept = keptOf(c, left, r);
      const floor = floors[r * SELECTION + FLOOR] as number;
      if (by === 'batch') expect(floor / twin.leastKept(scores, twin.ofBatch(scores, 4), by)).toBeCloseTo(0.95, 5);
      else {
        const norms = Array.from({ length: 37 }, (_, b) => Math.hypot(...c.x.subarray(20 * b, 20 * (b + 1))));
        const ratios = twin.leastOfRows(scores, twin.ofRows(scores, 4)).map((least, b) => least / (norms[b] as number));
        const mean = ratios.reduce((sum, v) => sum + v, 0) / 37;
        const spread = Math.sqrt(ratios.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 37);
        expect(floor / (0.95 * (mean - 2.5 * spread))).toBeCloseTo(1, 4);
      }
      expect(kept.size).toBeGreaterThan(0);
    }
  });
});
