/** `--init`: saved weights that a run starts from, and what follows from them for a run of a second stage. */
import { type LoadedSae, saeOrigin } from '../interop/saelens';
import { misfit } from '../lab/initial';
import type { RunSpec } from '../lab/runSpecs';
import type { ArmForm } from '../lab/settings';
import { architecture, isArchitecture } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import { isFields } from '../util/json';
import { type Options, UsageError } from './args';
import { say } from './output';
import { readSae } from './saeInput';

export interface Init {
  path: string;
  sae: LoadedSae;
}

/** @throws DataError as `readSae`. */
export async function readInit(options: Options): Promise<Init | undefined> {
  const path = options.text('init');
  return path === undefined ? undefined : { path, sae: await readSae(path) };
}

/**
 * The arm, where it is of a second stage that starts from these weights, as every one does for which there is no arm to start from: with their width,
 * knob and seed.
 * @throws UsageError where neither file nor person says the knob, by which the run is told from others.
 */
export function armFromInit(arm: ArmForm, arms: readonly ArmForm[], init: Init | undefined): ArmForm {
  const { arch, texts } = arm;
  const first = isArchitecture(arch) ? architecture(arch).startsFrom?.arch : undefined;
  const isMeant = texts.from === 'init' || (texts.from === undefined && !arms.some((other) => other.arch === first));
  if (!init || first === undefined || !isMeant) return arm;
  const { path, sae } = init;
  const { knob } = architecture(arch);
  const { lambda, seed } = labFacts(sae.cfg);
  const own = texts[knob.id];
  if (lambda === undefined && own === undefined)
    throw new UsageError(
      `--init: ${path} does not say its ${knob.symbol}: give it with --${knob.id}, so that the run can be told from others`,
    );
  if (lambda !== undefined && own !== undefined && Number(own) !== lambda)
    throw new UsageError(`--${knob.id}: ${path} was trained with ${lambda}, not ${own}`);
  const theirs = {
    width: String(sae.dSae),
    ...(lambda !== undefined && { [knob.id]: String(lambda) }),
    ...(seed !== undefined && { seeds: String(seed) }),
    // There is no first stage here of which its steps would be a share.
    steps: '100%',
  };
  return { arch, texts: { ...theirs, ...texts, from: 'init' } };
}

/** What the lab wrote beside its own SAEs. */
function labFacts(cfg: unknown): { lambda?: number; seed?: number } {
  const metadata = isFields(cfg) ? cfg.metadata : undefined;
  const lab = isFields(metadata) ? metadata.gated_sae_lab : undefined;
  if (!isFields(lab)) return {};
  return { ...(typeof lab.lambda === 'number' && { lambda: lab.lambda }), ...(typeof lab.seed === 'number' && { seed: lab.seed }) };
}

/** @throws Error where they fit no run, or a second stage is to start from them that cannot; of the other runs that they do not fit it says so. */
export function initialFrom({ path, sae }: Init, specs: readonly RunSpec[], d: number): SaeWeights {
  const { model } = saeOrigin(sae.cfg);
  for (const note of sae.notes) say(`--init: ${note}`);
  if (model.centerWritingWeights)
    say(
      '--init: cfg.json says center_writing_weights, and rows are not centred in training: give rows that lack their mean over d already',
    );
  const starting = specs.filter(({ from }) => from === undefined);
  const misfits = starting.flatMap((spec) => misfit(sae, spec, d) ?? []);
  const needed = starting.find((spec) => architecture(spec.arch).startsFrom && misfit(sae, spec, d) !== undefined);
  if (misfits.length === starting.length || needed) throw new Error(`${path}: ${needed ? misfit(sae, needed, d) : misfits[0]}`);
  for (const why of new Set(misfits)) {
    const runs = misfits.filter((other) => other === why).length;
    say(`--init: ${runs === 1 ? '1 run starts' : `${runs} runs start`} fresh, for ${path} ${why}`);
  }
  return sae;
}
