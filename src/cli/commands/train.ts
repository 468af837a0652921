/** `train`: one SAE. Writes its SAELens folder, metrics.jsonl and result.json. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { countRuns } from '../../lab/settings';
import { architecture, isArchitecture } from '../../sae/architectures';
import { readOptions, UsageError } from '../args';
import { openEngine } from '../engine';
import { readInit } from '../init';
import type { CommandUsage } from '../options';
import { putAside } from '../outFolder';
import { describeMemory, describeMetrics, describeTime, finish } from '../output';
import { writeRun } from '../savedRuns';
import { sweepConfig } from '../sweepConfig';
import { LogFile, prepareTraining, runFacts, trainRows, trainToTheEnd } from '../training';

export const trainUsage = (): CommandUsage => ({
  summary:
    'One SAE. needs the SAE (--arch, --d-sae and its knob, --lambda or --k; or --arm) and activations: --data, or --model with --text (or --tokens).',
  options: trainRows(),
});

export async function train(args: string[]): Promise<number> {
  const rows = trainRows();
  const { options } = readOptions(args, rows);
  const isArm = options.list('arm').length > 0;
  const arch = options.text('arch');
  const entry = arch !== undefined && isArchitecture(arch) ? architecture(arch) : undefined;
  const needed = entry?.startsFrom ? ['init'] : ['d-sae', ...(entry ? [entry.knob.id] : [])];
  for (const name of ['arch', ...needed, 'out']) if (!isArm || name === 'out') options.required(name);
  const init = await readInit(options);
  if (countRuns(sweepConfig(options, 1024, init)) !== 1) {
    throw new UsageError('train makes one run: give one --arch, --d-sae, --lambda and --seed (sweep takes lists)');
  }
  const logEvery = options.count('log-every', 10, 1);
  const out = options.required('out');
  let log: LogFile | undefined;
  const setup = await prepareTraining(
    options,
    openEngine,
    (_, values) => log?.write(values),
    (_, event) => log?.resampled(event),
    init,
  );
  await putAside(out);
  log = await LogFile.create(out); // only now: a refused input leaves no folder behind
  const [run] = setup.runs;
  if (!run) throw new Error('no run was made');
  const rowsPerSecond = await trainToTheEnd(setup, logEvery);
  await log.close();
  const result = runFacts(run, setup, rowsPerSecond);
  if (run.state === 'failed') {
    await writeFile(join(out, 'result.json'), `${JSON.stringify(result, undefined, 2)}\n`);
    throw new Error(`the run failed: ${run.message}`);
  }
  await writeRun(out, run, setup);
  await writeFile(join(out, 'result.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  finish(options.flag('json'), result, () =>
    [
      `${run.spec.arch} SAE [${run.spec.width}, ${setup.experiment.data.d}], lambda ${run.spec.schedule.lambda}, ${run.step} steps -> ${out}`,
      run.metrics ? describeMetrics(run.metrics) : 'not measured',
      ...(setup.memory ? [`GPU memory         ${describeMemory(setup.memory)}`] : []),
      ...(setup.time ? [`time               ${describeTime(setup.time)}`] : []),
    ].join('\n'),
  );
  return 0;
}
