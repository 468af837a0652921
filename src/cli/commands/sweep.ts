/** `sweep`: many SAEs in lockstep on the same batches. Writes results.json, pareto.svg and each run's SAELens folder. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '../../lab/experiment';
import { type ParetoPoint, paretoDetail, paretoSentence } from '../../metrics/pareto';
import { readOptions } from '../args';
import { adapterName, openEngine } from '../engine';
import { describeMemory, describeTime, finish, METRIC_HEADINGS, metricCells, table } from '../output';
import { paretoSvg } from '../paretoSvg';
import { LogFile, prepareTraining, runFacts, TRAINING_OPTIONS, trainToTheEnd, writeRun } from '../training';

export async function sweep(args: string[]): Promise<number> {
  const { options } = readOptions(args, {
    ...TRAINING_OPTIONS,
    'gated-d-sae': 'text',
    'baseline-d-sae': 'text',
    'gated-lambda': 'text',
    'baseline-lambda': 'text',
  });
  const out = options.required('out');
  const logEvery = options.count('log-every', 10, 1);
  const logs = new Map<string, LogFile>();
  const setup = await prepareTraining(options, openEngine, (run, values) => logs.get(run.id)?.write(values));
  const folder = (run: Run) =>
    join(out, `${run.id}_${run.spec.arch}_${run.spec.width}_lambda${run.spec.schedule.lambda}_seed${run.spec.seed}`);
  await mkdir(out, { recursive: true });
  for (const run of setup.runs) logs.set(run.id, await LogFile.create(folder(run)));
  const rowsPerSecond = await trainToTheEnd(setup, logEvery);
  for (const run of setup.runs) {
    await logs.get(run.id)?.close();
    if (run.state !== 'failed') await writeRun(folder(run), run, setup);
  }

  const { evaluation } = setup.experiment.data;
  const quality = evaluation.kind === 'model' ? 'loss recovered' : 'variance recovered (R²)';
  const points = paretoPoints(setup.runs);
  const sentence = paretoSentence(points, quality);
  const result = {
    quality: evaluation.kind === 'model' ? 'loss_recovered' : 'r2',
    sentence,
    adapter: adapterName(setup.engine.gpu),
    config: setup.config,
    ...(evaluation.kind === 'model' ? { model: setup.workspace.modelLabel, hook: evaluation.hook } : {}),
    runs: setup.runs.map((run) => ({ id: run.id, folder: folder(run), ...runFacts(run, setup, rowsPerSecond) })),
  };
  await writeFile(join(out, 'results.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  await writeFile(join(out, 'pareto.svg'), paretoSvg(points, quality, sentence));
  finish(options.flag('json'), result, () =>
    [
      table(
        ['run', 'arch', 'width', 'lambda', 'seed', 'state', ...METRIC_HEADINGS],
        setup.runs.map((run) => [
          run.id,
          run.spec.arch,
          String(run.spec.width),
          String(run.spec.schedule.lambda),
          String(run.spec.seed),
          run.state,
          ...metricCells(run.metrics),
        ]),
      ),
      '',
      sentence,
      paretoDetail(points),
      ...(setup.memory ? [`GPU memory: ${describeMemory(setup.memory)}`] : []),
      ...(setup.time ? [`time: ${describeTime(setup.time)}`] : []),
      `${rowsPerSecond.toFixed(0)} rows/s through ${setup.runs.length} runs on ${adapterName(setup.engine.gpu)} -> ${out}`,
    ].join('\n'),
  );
  return setup.runs.every((run) => run.state === 'done') ? 0 : 1;
}

/** Points of the measured runs: loss recovered where CE was measured, else R². */
export const paretoPoints = (runs: readonly Run[]): ParetoPoint[] =>
  runs.flatMap(({ spec, metrics }) => {
    const quality = metrics?.loss_recovered ?? metrics?.r2;
    return metrics && quality !== undefined ? [{ arch: spec.arch, l0: metrics.l0, quality }] : [];
  });
