/** `--init`: saved weights that a run starts from, and what follows from them for a run of a second stage. */
import { type LoadedSae, saeOrigin } from '../interop/saelens';
import { startingWeights } from '../lab/secondStage';
import type { SweepConfig } from '../lab/settings';
import { architecture, isArchitecture, optionWords } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import { messageOf } from '../util/errors';
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
 * Words of an arm that starts from these weights: of a second stage width, knob and seed are those of what it starts from.
 * @throws UsageError where neither file nor person says the knob, by which the run is told from others.
 */
export function armFromInit(arch: string, texts: Readonly<Record<string, string>>, init: Init | undefined): Record<string, string> {
  if (!init || !isArchitecture(arch) || !architecture(arch).startsFrom) return { ...texts };
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
  return {
    width: String(sae.dSae),
    ...(lambda !== undefined && { [knob.id]: String(lambda) }),
    ...(seed !== undefined && { seeds: String(seed) }),
    ...texts,
    from: 'init',
  };
}

/** What the lab wrote beside its own SAEs. */
function labFacts(cfg: unknown): { lambda?: number; seed?: number } {
  const metadata = isFields(cfg) ? cfg.metadata : undefined;
  const lab = isFields(metadata) ? metadata.gated_sae_lab : undefined;
  if (!isFields(lab)) return {};
  return { ...(typeof lab.lambda === 'number' && { lambda: lab.lambda }), ...(typeof lab.seed === 'number' && { seed: lab.seed }) };
}

/** @throws Error where they are not for the run. */
export function initialFrom({ path, sae }: Init, config: SweepConfig, d: number): SaeWeights {
  const { model } = saeOrigin(sae.cfg);
  for (const note of sae.notes) say(`--init: ${note}`);
  if (model.centerWritingWeights)
    say(
      '--init: cfg.json says center_writing_weights, and rows are not centred in training: give rows that lack their mean over d already',
    );
  const [arm] = config.arms;
  const { arch = '', width } = { arch: arm?.arch, width: arm?.widths[0] };
  const [held, wanted] = [sae.options, arm?.options].map((options) => optionWords(architecture(sae.arch), options).join(' '));
  if (sae.arch === arch && held !== wanted)
    throw new Error(`${path}: its options are ${held || 'the defaults'}; those of the run are ${wanted || 'the defaults'}.`);
  const isSecond = isArchitecture(arch) && architecture(arch).startsFrom !== undefined;
  if ((sae.arch !== arch && !isSecond) || sae.dIn !== d || sae.dSae !== width) {
    throw new Error(
      `${path}: holds a ${sae.arch} SAE with d_in ${sae.dIn}, d_sae ${sae.dSae}; the run is ${arch} with d_in ${d}, d_sae ${width}.`,
    );
  }
  try {
    return startingWeights(arch, sae);
  } catch (cause) {
    throw new Error(`${path}: ${messageOf(cause)}.`);
  }
}
