/** `sweep`: many SAEs in lockstep on the same batches. Writes results.json, pareto.svg and each run's SAELens folder. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '../../lab/experiment';
import type { RunSummary } from '../../lab/protocol';
import { summaryOf } from '../../lab/runSummary';
import { runFolder } from '../../lab/saveRun';
import { tellingWords } from '../../lab/settings';
import { type Comparison, compare } from '../../metrics/comparison';
import { headline } from '../../metrics/headline';
import { QUALITIES, type Quality } from '../../metrics/quality';
import { readOptions } from '../args';
import { adapterName, openEngine } from '../engine';
import type { CommandUsage } from '../options';
import { putAside } from '../outFolder';
import { describeMemory, describeTime, finish, METRIC_HEADINGS, metricCells, table } from '../output';
import { paretoSvg } from '../paretoSvg';
import { writeRun } from '../savedRuns';
import { LogFile, prepareTraining, runFacts, sweepRows, type TrainingSetup, trainToTheEnd } from '../training';

export const sweepUsage = (): CommandUsage => ({
  summary: 'Many SAEs in lockstep on the same batches: arms, each with lists of widths, lambdas and seeds; at most 64 runs.',
  options: sweepRows(),
});

export async function sweep(args: string[]): Promise<number> {
  const { options } = readOptions(args, sweepRows());
  const out = options.required('out');
  const logEvery = options.count('log-every', 10, 1);
  const logs = new Map<string, LogFile>();
  const setup = await prepareTraining(
    options,
    openEngine,
    (run, values) => logs.get(run.id)?.write(values),
    (run, event) => logs.get(run.id)?.resampled(event),
  );
  const folder = (run: Run) => join(out, runFolder(run));
  await putAside(out);
  await mkdir(out, { recursive: true });
  for (const run of setup.runs) logs.set(run.id, await LogFile.create(folder(run)));
  const rowsPerSecond = await trainToTheEnd(setup, logEvery);
  for (const run of setup.runs) {
    await logs.get(run.id)?.close();
    if (run.state !== 'failed') await writeRun(folder(run), run, setup);
  }

  const { evaluation } = setup.experiment.data;
  const quality = QUALITIES[evaluation.kind === 'model' ? 'recovered' : 'r2'];
  const comparison = compared(setup, quality);
  const { points } = comparison;
  const { sentence, notes } = headline(comparison);
  const result = {
    quality: quality.key,
    sentence,
    compared: points.map(({ run }) => run.id),
    left_out: comparison.left.map(({ run, why }) => ({ id: run.id, why })),
    adapter: adapterName(setup.engine.gpu),
    config: setup.config,
    ...(evaluation.kind === 'model' ? { model: setup.workspace.modelLabel, hook: evaluation.hook } : {}),
    runs: setup.runs.map((run) => ({ id: run.id, folder: folder(run), ...runFacts(run, setup, rowsPerSecond) })),
  };
  await writeFile(join(out, 'results.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  await writeFile(join(out, 'pareto.svg'), paretoSvg(points, quality, [sentence, ...notes]));
  finish(options.flag('json'), result, () =>
    [
      table(
        ['run', 'arch', 'width', 'lambda', 'seed', 'state', ...METRIC_HEADINGS],
        setup.runs.map((run) => [
          run.id,
          [run.spec.arch, ...tellingWords(run.spec)].join(' '),
          String(run.spec.width),
          String(run.spec.schedule.lambda),
          String(run.spec.seed),
          run.state,
          ...metricCells(run.metrics),
        ]),
      ),
      '',
      sentence,
      ...notes,
      ...(setup.memory ? [`GPU memory: ${describeMemory(setup.memory)}`] : []),
      ...(setup.time ? [`time: ${describeTime(setup.time)}`] : []),
      `${rowsPerSecond.toFixed(0)} rows/s through ${setup.runs.length} runs on ${adapterName(setup.engine.gpu)} -> ${out}`,
    ].join('\n'),
  );
  return setup.runs.every((run) => run.state === 'done') ? 0 : 1;
}

/** The runs that are compared with each other; all are of the same data. */
export function compared({ runs, experiment }: TrainingSetup, quality: Quality): Comparison<RunSummary> {
  return compare(
    runs.map((run) => summaryOf(run, experiment)),
    quality,
  );
}
