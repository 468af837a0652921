/** Runs as folders: in which architecture's form, and what is said of it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { savingNotes } from '../interop/saelens';
import type { Experiment, Run } from '../lab/experiment';
import { formsOfRun, savedRun } from '../lab/saveRun';
import type { SweepConfig } from '../lab/settings';
import { messageOf } from '../util/errors';
import { type Options, UsageError } from './args';
import { say } from './output';

/** @throws UsageError for an architecture that no arm can be saved as. */
export function saveAsOf(options: Options, { arms }: SweepConfig): string | undefined {
  const wanted = options.text('save-as');
  if (wanted === undefined || arms.some((arm) => formsOfRun(arm).includes(wanted))) return wanted;
  const forms = arms.map((arm) => `${arm.arch} as ${formsOfRun(arm).join(' or ')}`);
  throw new UsageError(`--save-as ${wanted}: no run can be saved so. ${[...new Set(forms)].join(', ')}.`);
}

/** Writes a run's SAELens folder: as `--save-as` wants where the run can be saved so, else as its own architecture. */
export async function writeRun(
  folder: string,
  run: Run,
  { experiment, saveAs }: { experiment: Experiment; saveAs?: string | undefined },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const kept = await experiment.weights(run);
  for (const { name, bytes } of filesOf()) await writeFile(join(folder, name), bytes);

  function filesOf() {
    if (saveAs === undefined || !formsOfRun(run.spec).includes(saveAs)) return own();
    try {
      return savedRun(run, kept, experiment.origin, saveAs);
    } catch (error) {
      say(`run ${run.id} is saved as its own architecture: ${messageOf(error)}`);
      return own();
    }
  }

  function own() {
    for (const why of savingNotes(kept.weights)) say(`run ${run.id}: ${why}`);
    return savedRun(run, kept, experiment.origin);
  }
}
